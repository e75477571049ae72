"""Works as BibTeX that any style takes: classic entry types, UTF-8, special characters escaped."""

import unicodedata
from collections.abc import Iterable, Iterator
from itertools import chain, count

from foundational.release.citation.printed_reference import Author, Work

_SPECIAL = {
    "\\": r"\textbackslash{}",
    # BibTeX counts braces whether or not a backslash stands before them.
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{c: f"\\{c}" for c in "&%$#_"},
}


def to_bibtex(works: Iterable[Work]) -> str:
    r"""One entry for each work, in order.

    >>> print(to_bibtex([Work(kind="other", text="a & b", why="It is used", year=2001)]), end="")
    @misc{anonymous2001,
      title = {{a \& b}},
      year = {2001},
      note = {It is used},
    }
    """
    used: set[str] = set()
    return "\n".join("".join(_entry(work, _key(work, used))) for work in works)


def _entry(work: Work, key: str) -> Iterator[str]:
    yield f"@{'article' if work.kind == 'article' else 'misc'}{{{key},\n"
    for name, value in _fields(work):
        if value is not None:
            yield f"  {name} = {{{value}}},\n"
    yield "}\n"


def _fields(work: Work) -> Iterator[tuple[str, str | None]]:
    if work.authors:
        yield "author", " and ".join(map(_author, work.authors))
    title = work.title or (None if work.journal else work.text)
    # Doubled braces keep Ni and ANI as they are in styles that lower the case of titles.
    yield "title", f"{{{escape(title)}}}" if title else None
    yield "journal", escape(work.journal) if work.journal else None
    yield "volume", work.volume
    yield "pages", work.page
    yield "year", str(work.year) if work.year else None
    yield "doi", work.doi
    if work.arxiv:
        yield "eprint", work.arxiv
        yield "archivePrefix", "arXiv"
    if work.kind == "dataset":
        stand = f"version {work.version}" if work.version else "not released"
        yield "howpublished", escape(f"Dataset {work.name}, {stand}")
        yield "version", work.version
        yield "note", escape(f"{work.why}. sha256:{work.fingerprint}")
    else:
        yield "note", escape(work.why)


def _author(author: Author) -> str:
    """A group stands in braces, so that BibTeX does not take it apart."""
    return escape(author.sorted) if author.given else f"{{{escape(author.name)}}}"


def _key(work: Work, used: set[str]) -> str:
    """``jung2023``, or for a dataset ``ni-1.0.0``; numbered where it is taken."""
    if work.kind == "dataset":
        base = f"{work.name}-{work.version or (work.fingerprint or '')[:12]}".replace("/", "-")
    else:
        base = f"{work.authors[0].name if work.authors else 'anonymous'}{work.year or ''}".lower()
    plain = unicodedata.normalize("NFKD", base).encode("ascii", "ignore").decode()
    stem = "".join(c for c in plain if c.isalnum() or c in "-.") or "work"
    key = next(k for k in chain([stem], (f"{stem}-{n}" for n in count(2))) if k not in used)
    used.add(key)
    return key


def escape(text: str) -> str:
    r"""Text in which BibTeX and TeX see no command.

    >>> escape("R&D {50 %}")
    'R\\&D \\textbraceleft{}50 \\%\\textbraceright{}'
    """
    return "".join(_SPECIAL.get(c, c) for c in text)
