"""The first page of a catalogue: a table that sorts and filters, readable without JavaScript."""

from html import escape

from foundational.card.drawing.frame import Page, draw_page
from foundational.card.drawing.markup import Markup, Number, Verdict, table
from foundational.card.site.catalogue import Catalogue, Entry, catalogue_jsonld

_HEAD = (
    "dataset",
    "version",
    "title",
    "date",
    "elements",
    "configurations",
    "labels",
    "method",
    "validation",
    "licence",
    "DOI",
    "state",
)


def draw_catalogue(catalogue: Catalogue, url: str | None = None) -> str:
    """The page of a catalogue; the same record gives the same text."""
    names = {entry.name for entry in catalogue.entries}
    introduction = (
        f"<p>{len(catalogue.entries):,} releases of {len(names):,} datasets. A name leads to the dataset's card. "
        '<a href="catalogue.json">catalogue.json</a> has the numbers of the table, and '
        '<a href="index.json">index.json</a> the same in the layout of OPTIMADE.</p>'
        '<p><label for="filter" hidden>Show rows with </label>'
        '<input id="filter" type="search" hidden placeholder="such as Al or PBE" data-filter="releases"> '
        '<span id="filter-status" role="status"></span></p>'
    )
    rows = [_row(entry) for entry in catalogue.entries]
    releases = f'<div id="releases">{table("Releases, the newest version of each dataset first", _HEAD, rows)}</div>'
    return draw_page(
        Page(
            title=catalogue.title,
            heading=f"<h1>{escape(catalogue.title)}</h1>",
            first=introduction + releases,
            sections=(),
            footer="<p>This page and its cards fetch nothing.</p>",
            script="table.js",
            described=catalogue_jsonld(catalogue, url),
        )
    )


def _row(entry: Entry) -> tuple[str | Number | Verdict | Markup, ...]:
    name = escape(entry.name)
    link = f'<a href="{escape(entry.page)}">{name}</a>' if entry.page else name
    validated = {True: Verdict("passed", "good"), False: Verdict("failed", "bad"), None: Verdict("not tested", "open")}
    state = "withdrawn: " + entry.withdrawn if entry.withdrawn else "newest" if entry.newest else "older"
    doi = f'<a href="https://doi.org/{escape(entry.doi)}">{escape(entry.doi)}</a>' if entry.doi else "none"
    return (
        Markup(link),
        entry.version,
        entry.title,
        str(entry.date),
        ", ".join(entry.elements),
        Number(f"{entry.configurations:,}"),
        ", ".join(label.replace("_", " ") for label in entry.labels) or "not read",
        "; ".join(entry.methods),
        validated[entry.validated],
        entry.licence,
        Markup(doi),
        state,
    )
