"""DataCite Metadata Schema 4.5 (doi 10.14454/g8e5-6293) as JSON."""

from collections.abc import Sequence
from typing import Any

from foundational.elements import symbols_in
from foundational.release.citation.printed_reference import Author, Work
from foundational.release.citation.works import Citable
from foundational.release.record import ReleasedFile
from foundational.specs.about import About


def datacite_document(
    subject: Citable, works: Sequence[Work], *, year: int, files: Sequence[ReleasedFile] = ()
) -> dict[str, Any]:
    """What DataCite registers of a dataset.

    Parameters
    ----------
    works
        What to cite, the dataset itself first.
    year
        Of publication, without which DataCite takes nothing.
    files
        Of the release.
    """
    about, output = subject.about, subject.provenance.output
    others = works[1:]
    sizes = [f"{output.n_configurations} configurations", f"{output.n_atoms} atoms"]
    if files:
        sizes.append(f"{sum(file.size for file in files)} bytes")
    document = {
        "schemaVersion": "http://datacite.org/schema/kernel-4",
        "doi": subject.doi,
        "types": {"resourceTypeGeneral": "Dataset", "resourceType": "Atomistic configurations with reference labels"},
        "titles": [{"title": subject.title}],
        "creators": [_person(author) for author in subject.authors] or [{"name": ":unkn"}],
        "publisher": {"name": publisher(subject)},
        "publicationYear": f"{year:04d}",
        "version": subject.version,
        "language": "en",
        "dates": [{"date": subject.released.isoformat(), "dateType": "Issued"}] if subject.released else [],
        "alternateIdentifiers": [
            {"alternateIdentifier": subject.label, "alternateIdentifierType": "Name and version"},
            {"alternateIdentifier": output.fingerprint, "alternateIdentifierType": "SHA-256 of ids and labels"},
        ],
        "subjects": [{"subject": s} for s in _subjects(subject)],
        "descriptions": _descriptions(about, subject),
        "rightsList": [licence(about.licence)] if about else [],
        "relatedIdentifiers": [
            {
                "relatedIdentifier": work.doi,
                "relatedIdentifierType": "DOI",
                "relationType": _relation(work),
                "resourceTypeGeneral": _resource_type(work),
            }
            for work in others
            if work.doi
        ],
        "relatedItems": [*_earlier(subject), *(_related_item(work) for work in others if not work.doi)],
        "sizes": sizes,
        "formats": sorted({file.media_type for file in files}),
    }
    return {key: value for key, value in document.items() if value is not None and value != []}


def publisher(subject: Citable) -> str:
    """Who stands behind a dataset: where its first creator works, or the creator; ``:unkn`` is DataCite's *unknown*."""
    return next((author.affiliation or author.full for author in subject.authors), ":unkn")


def licence(identifier: str) -> dict[str, str]:
    """An SPDX licence."""
    return {
        "rights": identifier,
        "rightsUri": licence_url(identifier),
        "rightsIdentifier": identifier,
        "rightsIdentifierScheme": "SPDX",
        "schemeUri": "https://spdx.org/licenses/",
    }


def licence_url(identifier: str) -> str:
    """Where the text of an SPDX licence stands."""
    return f"https://spdx.org/licenses/{identifier}"


def _subjects(subject: Citable) -> list[str]:
    element = subject.provenance.element
    return sorted({*(subject.about.keywords if subject.about else ()), element, *symbols_in(element)})


def _descriptions(about: About | None, subject: Citable) -> list[dict[str, str]]:
    labeller = subject.provenance.labeller
    technical = f"Labels: {labeller.id}, {labeller.version}."
    found = [{"description": technical, "descriptionType": "TechnicalInfo"}]
    if about:
        found.insert(0, {"description": about.description, "descriptionType": "Abstract"})
        found += [{"description": caveat, "descriptionType": "Other"} for caveat in about.caveats]
    return found


def _relation(work: Work) -> str:
    return "IsDerivedFrom" if work.kind == "dataset" else "References"


def _resource_type(work: Work) -> str:
    return {"dataset": "Dataset", "article": "JournalArticle", "preprint": "Preprint"}.get(work.kind, "Other")


def _earlier(subject: Citable) -> list[dict[str, Any]]:
    """The version before this one."""
    if subject.previous is None:
        return []
    title = f"{subject.title} ({subject.name}@{subject.previous})"
    return [{"titles": [{"title": title}], "relatedItemType": "Dataset", "relationType": "IsNewVersionOf"}]


def _related_item(work: Work) -> dict[str, Any]:
    """A work without DOI; a parent dataset is named by name@version and fingerprint."""
    title = work.heading
    if work.kind == "dataset":
        title += f" ({work.name}@{work.version or 'unreleased'}, sha256:{work.fingerprint})"
    item: dict[str, Any] = {
        "titles": [{"title": title}],
        "relatedItemType": _resource_type(work),
        "relationType": _relation(work),
    }
    if work.authors:
        item["creators"] = [_person(author) for author in work.authors]
    if work.year:
        item["publicationYear"] = str(work.year)
    return item


def _person(author: Author) -> dict[str, Any]:
    person: dict[str, Any] = {"name": author.sorted, "nameType": "Personal" if author.given else "Organizational"}
    if author.given:
        person |= {"givenName": author.given, "familyName": author.name}
    if author.affiliation:
        person["affiliation"] = [{"name": author.affiliation}]
    if author.orcid:
        person["nameIdentifiers"] = [
            {
                "nameIdentifier": f"https://orcid.org/{author.orcid}",
                "nameIdentifierScheme": "ORCID",
                "schemeUri": "https://orcid.org/",
            }
        ]
    return person
