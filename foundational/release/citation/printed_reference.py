"""A printed reference, such as a potential's in the registry, taken apart into what BibTeX and CFF ask for.

References stand in about.yaml and potentials.yaml as they are printed, ``Authors, Title, Journal Volume, Page (Year)``
with initials before family names and the title or not; that is what people check. What is not of this shape stays
whole, as the title of a work without known authors.
"""

import re
from dataclasses import dataclass
from typing import Literal

#: ``M. I. Mendelev``, ``J.-P. van der Berg``: initials, particles, family name; no digit, as in ``J. Chem. Phys. 145``.
_AUTHOR = re.compile(r"((?:[A-Z]\.[ -]?)+) ?((?:[a-z]+ )*[^\W\d_][^\d,.]*)")
_PREPRINT = re.compile(r"(?:(?P<title>.+), )?arXiv:(?P<arxiv>[\w./-]+) \((?P<year>\d{4})\)")
_ARTICLE = re.compile(
    r"(?:(?P<title>.+), )?(?P<journal>[^,]+) (?P<volume>\d+), (?P<page>[\w–-]+) \((?P<year>\d{4})\)",
)


@dataclass(frozen=True)
class Author:
    """A person, or a group where there are no given names."""

    name: str
    """Family name, or the group's name."""
    given: str | None = None
    orcid: str | None = None
    affiliation: str | None = None

    @property
    def full(self) -> str:
        """As a citation prints it: ``G. Jung``."""
        return f"{self.given} {self.name}" if self.given else self.name

    @property
    def sorted(self) -> str:
        """As a catalogue sorts it: ``Jung, G.``."""
        return f"{self.name}, {self.given}" if self.given else self.name


@dataclass(frozen=True)
class Work:
    """One thing that somebody who uses a dataset owes a citation to."""

    kind: Literal["dataset", "article", "preprint", "other"]
    text: str
    """The reference, as printed, without DOI."""
    why: str
    """What of it is used."""
    authors: tuple[Author, ...] = ()
    title: str | None = None
    year: int | None = None
    doi: str | None = None
    journal: str | None = None
    volume: str | None = None
    page: str | None = None
    arxiv: str | None = None
    version: str | None = None
    """Of a dataset; None before a release."""
    name: str | None = None
    """Of a dataset: ``ni``."""
    fingerprint: str | None = None
    """Of a dataset: sha256, which names its content whether released or not."""
    element: str | None = None

    @property
    def heading(self) -> str:
        """Its title, or where it stands where the title is not known."""
        if self.title:
            return self.title
        return f"{self.journal} {self.volume}, {self.page} ({self.year})" if self.journal else self.text


def parse_printed_reference(text: str, *, why: str, doi: str | None = None) -> Work:
    """Take a printed reference apart.

    >>> work = parse_printed_reference("J. Doe, A. van Wolf, Phys. Rev. B 63, 224106 (2001)", why="method")
    >>> [author.sorted for author in work.authors], work.journal, work.page
    (['Doe, J.', 'van Wolf, A.'], 'Phys. Rev. B', '224106')
    """
    parts = text.strip().rstrip(".").split(", ")
    authors = []
    while parts and (found := _AUTHOR.fullmatch(parts[0])):
        authors.append(Author(found[2].strip(), found[1].strip()))
        parts.pop(0)
    rest = ", ".join(parts)
    found = _PREPRINT.fullmatch(rest) or _ARTICLE.fullmatch(rest)
    if found is None or not authors:
        return Work(kind="other", text=text, why=why, doi=doi, authors=tuple(authors), title=rest if authors else text)
    fields = found.groupdict()
    return Work(
        kind="preprint" if "arxiv" in fields else "article",
        text=text,
        why=why,
        doi=doi,
        authors=tuple(authors),
        title=fields["title"],
        year=int(fields["year"]),
        journal=fields.get("journal"),
        volume=fields.get("volume"),
        page=fields.get("page"),
        arxiv=fields.get("arxiv"),
    )
