"""CITATION.cff, Citation File Format 1.2.0 (doi 10.5281/zenodo.5171937)."""

from collections.abc import Sequence
from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from foundational.release.citation.printed_reference import Author, Work
from foundational.release.citation.works import Citable

_TYPES = {"dataset": "data", "article": "article", "preprint": "article", "other": "generic"}


def to_cff(subject: Citable, works: Sequence[Work]) -> str:
    """CITATION.cff of a dataset; ``works`` are what to cite, the dataset itself first."""
    about, output = subject.about, subject.provenance.output
    message = "If you use this dataset, please cite it and the references below."
    if subject.version is None:
        message = f"This dataset is not released; its fingerprint names its content. {message}"
    return _to_yaml(
        {
            "cff-version": "1.2.0",
            "message": message,
            "type": "dataset",
            "title": subject.title,
            "authors": _authors(subject.authors),
            "version": subject.version,
            "date-released": subject.released.isoformat() if subject.released else None,
            "doi": subject.doi,
            "license": about.licence if about else None,
            "identifiers": [
                {
                    "type": "other",
                    "value": f"sha256:{output.fingerprint}",
                    "description": f"Fingerprint of the configurations and labels of {subject.label}",
                }
            ],
            "keywords": sorted(set(about.keywords)) if about else None,
            "abstract": about.description if about else None,
            "references": [_reference(work) for work in works[1:]],
        }
    )


def _reference(work: Work) -> dict[str, Any]:
    return _present(
        {
            "type": _TYPES[work.kind],
            "title": work.heading,
            "authors": _authors(work.authors),
            "year": work.year,
            "journal": work.journal,
            "volume": work.volume,
            "start": work.page,
            "version": work.version,
            "status": "preprint" if work.kind == "preprint" else None,
            "doi": work.doi,
            "url": f"https://arxiv.org/abs/{work.arxiv}" if work.arxiv else None,
            "identifiers": [{"type": "other", "value": f"sha256:{work.fingerprint}"}] if work.fingerprint else None,
            "notes": work.why,
        }
    )


def _authors(authors: Sequence[Author]) -> list[dict[str, str]]:
    """Persons and groups; the format asks for at least one."""
    return [
        _present(
            {
                **({"family-names": a.name, "given-names": a.given} if a.given else {"name": a.name}),
                "orcid": f"https://orcid.org/{a.orcid}" if a.orcid else None,
                # The format knows affiliations of persons only.
                "affiliation": a.affiliation if a.given else None,
            }
        )
        for a in authors
    ] or [{"name": "unknown"}]


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None and value != []}


def _to_yaml(content: dict[str, Any]) -> str:
    yaml = YAML()
    yaml.width = 10_000  # no folded lines
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = StringIO()
    yaml.dump(_present(content), stream)
    return stream.getvalue()
