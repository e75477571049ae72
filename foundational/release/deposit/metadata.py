"""A release as InvenioRDM describes a record (inveniordm.docs.cern.ch/reference/metadata)."""

from collections.abc import Sequence
from html import escape
from typing import Any

from foundational.release.citation.datacite import publisher
from foundational.release.citation.printed_reference import Author, Work
from foundational.release.citation.works import Citable, printed

_TYPES = {"dataset": "dataset", "article": "publication-article", "preprint": "publication-preprint"}


def invenio_record(subject: Citable, works: Sequence[Work], repository: str | None = None) -> dict[str, Any]:
    """What is sent to create or to change a draft.

    Parameters
    ----------
    works
        What to cite, the dataset itself first.
    repository
        Name of the repository as the publisher; by default who made the dataset.
    """
    others = works[1:]
    about = subject.about
    metadata = {
        "resource_type": {"id": "dataset"},
        "title": f"{subject.title} ({subject.name})",
        "version": subject.version,
        "publication_date": subject.released.isoformat() if subject.released else None,
        "publisher": repository or publisher(subject),
        "creators": [_creator(author) for author in subject.authors],
        "description": _html(subject),
        "rights": [{"id": about.licence.lower()}] if about else [],
        "subjects": [{"subject": s} for s in sorted({*(about.keywords if about else ()), subject.provenance.element})],
        "languages": [{"id": "eng"}],
        "identifiers": [{"scheme": "other", "identifier": f"sha256:{subject.provenance.output.fingerprint}"}],
        "related_identifiers": [_related(work) for work in others if work.doi],
        "references": [{"reference": printed(work)} for work in others],
    }
    return {
        "access": {"record": "public", "files": "public"},
        "files": {"enabled": True},
        "metadata": {key: value for key, value in metadata.items() if value is not None and value != []},
    }


def _html(subject: Citable) -> str:
    about, output = subject.about, subject.provenance.output
    parts = [f"<p>{escape(about.description if about else subject.title)}</p>"]
    if about and about.caveats:
        parts.append(f"<ul>{''.join(f'<li>{escape(caveat)}</li>' for caveat in about.caveats)}</ul>")
    parts.append(
        f"<p>{output.n_configurations:,} configurations, {output.n_atoms:,} atoms; labels by "
        f"{escape(subject.provenance.labeller.id)}. Verify with: <code>foundational verify "
        f"{escape(f'{subject.name}-{subject.version}.zip')}</code></p>"
    )
    return "".join(parts)


def _creator(author: Author) -> dict[str, Any]:
    if author.given is None:
        return {"person_or_org": {"type": "organizational", "name": author.name}}
    person: dict[str, Any] = {"type": "personal", "family_name": author.name, "given_name": author.given}
    if author.orcid:
        person["identifiers"] = [{"scheme": "orcid", "identifier": author.orcid}]
    creator: dict[str, Any] = {"person_or_org": person}
    if author.affiliation:
        creator["affiliations"] = [{"name": author.affiliation}]
    return creator


def _related(work: Work) -> dict[str, Any]:
    return {
        "scheme": "doi",
        "identifier": work.doi,
        "relation_type": {"id": "isderivedfrom" if work.kind == "dataset" else "references"},
        "resource_type": {"id": _TYPES.get(work.kind, "other")},
    }
