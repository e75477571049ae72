"""A citation in the format that a user asked for."""

import json
from datetime import UTC, datetime
from enum import StrEnum

from foundational.release.citation.bibtex import to_bibtex
from foundational.release.citation.cff import to_cff
from foundational.release.citation.citation_target import CitationTarget
from foundational.release.citation.datacite import datacite_document
from foundational.release.citation.works import to_text


class CitationFormat(StrEnum):
    """How a citation is printed."""

    TEXT = "text"
    BIBTEX = "bibtex"
    CFF = "cff"
    DATACITE = "datacite"


def format_citation(target: CitationTarget, style: CitationFormat) -> str:
    """Everything to cite for a dataset, with a newline at the end.

    DataCite requires a year of publication; a dataset that is not released has that of today.
    """
    citable, works = target.citable, target.works
    if style is CitationFormat.BIBTEX:
        return to_bibtex(works)
    if style is CitationFormat.CFF:
        return to_cff(citable, works)
    if style is CitationFormat.DATACITE:
        year = (citable.released or datetime.now(UTC)).year
        return json.dumps(datacite_document(citable, works, year=year), indent=2, ensure_ascii=False) + "\n"
    return to_text(citable, works)
