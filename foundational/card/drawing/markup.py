"""Pieces of HTML in which every text is escaped."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Number:
    """A cell of a table that is aligned as a number."""

    text: str


@dataclass(frozen=True)
class Verdict:
    """A word that says how a test ended."""

    text: str
    kind: str
    """good, bad or open."""


@dataclass(frozen=True)
class Markup:
    """A cell that is HTML already."""

    html: str


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str | Number | Verdict | Markup]]) -> str:
    """A table whose first column heads its rows."""
    lines = [list(row) for row in rows]
    numeric = [bool(lines) and all(isinstance(row[i], Number) for row in lines) for i in range(len(head))]
    heads = "".join(
        f'<th scope="col"{" class=n" if number else ""}>{escape(text)}</th>'
        for text, number in zip(head, numeric, strict=True)
    )
    body = "".join(f"<tr>{''.join(_cell(cell, first=i == 0) for i, cell in enumerate(row))}</tr>" for row in lines)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(cell: str | Number | Verdict | Markup, *, first: bool) -> str:
    tag = 'th scope="row"' if first else "td"
    end = "th" if first else "td"
    if isinstance(cell, Markup):
        return f"<{tag}>{cell.html}</{end}>"
    if isinstance(cell, Number):
        return f'<{tag} class="n">{escape(cell.text)}</{end}>'
    if isinstance(cell, Verdict):
        return f'<{tag} class="{cell.kind}">{escape(cell.text)}</{end}>'
    return f"<{tag}>{escape(cell)}</{end}>"


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and what they mean."""
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs) + "</dl>"


def bullets(items: Iterable[str]) -> str:
    """A list of sentences."""
    return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"


def code(key: str, text: str) -> str:
    """Text to copy; the button appears where JavaScript runs."""
    return (
        f'<div class="code"><pre id="{key}" tabindex="0">{escape(text)}</pre>'
        f'<button type="button" data-copy="{key}" hidden>Copy</button></div>'
    )


def doi_link(doi: str) -> str:
    """A DOI that leads to its work."""
    return f'<a href="https://doi.org/{escape(doi)}">{escape(doi)}</a>'


def figure(svg: str, caption: str) -> str:
    """A drawing with its caption."""
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def plain(value: float, digits: int = 3) -> str:
    """A number with some significant digits and a typographic minus.

    >>> plain(-0.123456), plain(20000.0), plain(1234567.0)
    ('−0.123', '20,000', '1,234,567')
    """
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"
    return text.replace("-", "−")
