"""RO-Crate 1.3 metadata (w3id.org/ro/crate/1.3): the bundle as a package of described files."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from foundational.provenance.record import ProvenanceRecord
from foundational.release.citation.datacite import licence_url, publisher
from foundational.release.citation.printed_reference import Author, Work
from foundational.release.citation.works import Citable
from foundational.release.record import ReleasedFile

VERSION: Final = "https://w3id.org/ro/crate/1.3"
METADATA: Final = "ro-crate-metadata.json"
_DESCRIPTIONS: Final = {
    "data.zarr.zip": "Configurations and labels: a zarr 3 store in a zip",
    "data.extxyz": "The same configurations and labels as extended XYZ",
    "configurations.csv": "One line for each configuration, without its atoms",
    "about.yaml": "What people say of the dataset",
    "provenance.json": "How the dataset was made",
    "card.html": "The dataset on one page, for a browser",
    "card.json": "The numbers of that page",
    "validation.json": "What retraining on the dataset gave",
    "CHANGELOG.md": "What changed since the first version",
    "LICENSE.txt": "The licence of the data",
    "CITATION.cff": "What to cite, Citation File Format",
    "citation.bib": "What to cite, BibTeX",
    "datacite.json": "Metadata for a DOI, DataCite 4.5",
    "croissant.json": "Metadata for machine learning, Croissant",
    "prov.json": "Provenance, PROV-JSON",
}


def ro_crate_document(subject: Citable, works: Sequence[Work], files: Sequence[ReleasedFile]) -> dict[str, Any]:
    """The metadata file of a release.

    Parameters
    ----------
    works
        What to cite, first the dataset itself, which is the crate.
    files
        Of the whole bundle, this one and what is written after it excepted.
    """
    others = works[1:]
    entities = [
        {
            "@id": METADATA,
            "@type": "CreativeWork",
            "name": "Description of the crate",
            "conformsTo": {"@id": VERSION},
            "about": {"@id": "./"},
        },
        _root(subject, others, files),
        *_identifiers(subject),
        *([_licence(subject.about.licence)] if subject.about else []),
        _publisher(subject),
        *(entity for author in subject.authors for entity in _agent(author)),
        *(_file(file) for file in files),
        *(entity for work in others for entity in _work(work)),
        *_actions(subject.provenance, "./"),
    ]
    # An agent or a programme may stand in several places; the first description holds.
    unique: dict[str, dict[str, Any]] = {}
    for entity in entities:
        unique.setdefault(entity["@id"], {k: _plain(v) for k, v in entity.items() if v is not None and v != []})
    return {"@context": f"{VERSION}/context", "@graph": list(unique.values())}


def _root(subject: Citable, others: Sequence[Work], files: Sequence[ReleasedFile]) -> dict[str, Any]:
    about = subject.about
    address = f"https://doi.org/{subject.doi}" if subject.doi else None
    return {
        "@id": "./",
        "@type": "Dataset",
        "name": subject.title,
        "alternateName": subject.label,
        "description": about.description if about else subject.title,
        "identifier": [{"@id": entity["@id"]} for entity in _identifiers(subject)],
        "cite-as": address,
        "version": subject.version,
        "datePublished": subject.released.isoformat() if subject.released else None,
        "license": {"@id": licence_url(about.licence)} if about else None,
        "author": [{"@id": _agent_id(author)} for author in subject.authors],
        "publisher": {"@id": _publisher(subject)["@id"]},
        "keywords": sorted({*(about.keywords if about else ()), subject.provenance.element}),
        "hasPart": [{"@id": file.path} for file in files],
        "isBasedOn": [{"@id": _work_id(work)} for work in others if work.kind == "dataset"],
        "citation": [{"@id": _work_id(work)} for work in others if work.kind != "dataset"],
        "mentions": [{"@id": e["@id"]} for e in _actions(subject.provenance, "./") if e["@type"] == "CreateAction"],
    }


def _identifiers(subject: Citable) -> list[dict[str, Any]]:
    """The DOI, where there is one, and the fingerprint."""
    address = f"https://doi.org/{subject.doi}"
    doi = {
        "@id": address,
        "@type": "PropertyValue",
        "name": "DOI",
        "propertyID": "https://registry.identifiers.org/registry/doi",
        "value": f"doi:{subject.doi}",
        "url": address,
    }
    fingerprint = {
        "@id": "#fingerprint",
        "@type": "PropertyValue",
        "name": "Fingerprint",
        "propertyID": "SHA-256 of ids and labels",
        "value": f"sha256:{subject.provenance.output.fingerprint}",
    }
    return [doi, fingerprint] if subject.doi else [fingerprint]


def _file(file: ReleasedFile) -> dict[str, Any]:
    return {
        "@id": file.path,
        "@type": "File",
        "name": file.path,
        "description": _DESCRIPTIONS.get(file.path, f"{file.path} of the release"),
        "contentSize": str(file.size),
        "encodingFormat": file.media_type,
        "sha256": file.sha256,
    }


def _licence(identifier: str) -> dict[str, Any]:
    return {
        "@id": licence_url(identifier),
        "@type": "CreativeWork",
        "name": identifier,
        "description": f"The licence {identifier}, as SPDX lists it",
        "identifier": licence_url(identifier),
    }


def _publisher(subject: Citable) -> dict[str, Any]:
    name = publisher(subject)
    return {"@id": f"#{_word(name)}", "@type": "Organization", "name": name}


def _agent(author: Author) -> Iterator[dict[str, Any]]:
    place = author.affiliation if author.given else None
    yield {
        "@id": _agent_id(author),
        "@type": "Person" if author.given else "Organization",
        "name": author.full,
        "givenName": author.given,
        "familyName": author.name if author.given else None,
        "affiliation": {"@id": f"#{_word(place)}"} if place else None,
    }
    if place:
        yield {"@id": f"#{_word(place)}", "@type": "Organization", "name": place}


def _agent_id(author: Author) -> str:
    return f"https://orcid.org/{author.orcid}" if author.orcid else f"#{_word(author.full)}"


def _work(work: Work) -> Iterator[dict[str, Any]]:
    kinds = {"dataset": "Dataset", "article": "ScholarlyArticle", "preprint": "ScholarlyArticle"}
    yield {
        "@id": _work_id(work),
        "@type": kinds.get(work.kind, "CreativeWork"),
        "name": work.heading,
        "description": f"{work.why}. {work.text}",
        "author": [{"@id": _agent_id(author)} for author in work.authors],
        "version": work.version,
        "identifier": f"https://doi.org/{work.doi}" if work.doi else None,
    }
    for author in work.authors:
        yield from _agent(author)


def _work_id(work: Work) -> str:
    if work.fingerprint:
        return f"#dataset-{work.fingerprint}"
    if work.doi:
        return f"https://doi.org/{work.doi}"
    return f"#{_word(work.text)}"


def _actions(record: ProvenanceRecord, result: str) -> Iterator[dict[str, Any]]:
    """The work that made a dataset and, as far as they are embedded, what it was made from."""
    labeller = f"#{_word(record.labeller.id)}"
    # Package URLs (ECMA-427) name software without naming a server.
    software = [(f"pkg:pypi/{name}@{version}", name, version) for name, version in sorted(record.software.items())]
    yield {
        "@id": _action_id(record),
        "@type": "CreateAction",
        "name": f"{record.stage} {record.output.name}",
        "description": f"Seed {record.seed}; specification and findings in provenance.json",
        "instrument": [*({"@id": identifier} for identifier, _, _ in software), {"@id": labeller}],
        "object": [{"@id": f"#dataset-{source.fingerprint}"} for source in record.inputs],
        "result": {"@id": result},
    }
    for identifier, name, version in software:
        yield {
            "@id": identifier,
            "@type": "SoftwareApplication",
            "name": name,
            "version": version,
            "url": identifier,
        }
    yield {
        "@id": labeller,
        "@type": "CreativeWork",
        "name": record.labeller.id,
        "description": f"What gave the labels, evaluated by {record.labeller.version}",
        "sha256": record.labeller.sha256,
    }
    for source in record.inputs:
        label = f"{source.name}@{source.version}" if source.version else source.name
        yield {
            "@id": f"#dataset-{source.fingerprint}",
            "@type": "Dataset",
            "name": label,
            "version": source.version,
            "identifier": f"sha256:{source.fingerprint}",
        }
    for parent in record.parents:
        yield from _actions(parent, f"#dataset-{parent.output.fingerprint}")


def _action_id(record: ProvenanceRecord) -> str:
    return f"#{record.stage}-{record.output.fingerprint}"


def _plain(value: Any) -> Any:
    """A list of one as the one, as the specification prefers."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _word(text: str) -> str:
    """Text as part of an id: letters, digits and hyphens."""
    return "-".join("".join(c if c.isalnum() else " " for c in text).split()).lower()
