"""The page of a dataset's card, section after section."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

from foundational.card.drawing.contents import contents_section, distribution_section, limits, map_section
from foundational.card.drawing.frame import Page, draw_page
from foundational.card.drawing.lineage import draw_lineage, sentence
from foundational.card.drawing.markup import Number, Verdict, code, definitions, doi_link, table
from foundational.card.drawing.results import distillation_section, pool_section, validation_section
from foundational.card.drawing.viewer import Viewer, packed_text
from foundational.card.record import CardRecord

_STATUS: Final = {"passed": "good", "defect": "bad", "warning": "open"}


def draw_card(
    card: CardRecord,
    viewer: Viewer | None = None,
    *,
    described: Mapping[str, Any] | None = None,
    home: str | None = None,
) -> str:
    """The page of ``card``; the same record gives the same text.

    Parameters
    ----------
    viewer
        The interactive map; without it the page has still figures only.
    described
        The set as JSON-LD, for search engines.
    home
        Address of the catalogue that has the card.
    """
    label = f"{card.name} {card.version}" if card.version else card.name
    return draw_page(
        Page(
            title=f"{label}: {card.title or 'dataset card'}",
            heading=(f'<p><a href="{escape(home)}">All datasets</a></p>' if home else "") + _heading(card),
            first=_first(card),
            sections=list(_sections(card, viewer)),
            footer=_footer(card, viewer),
            packed=list(_packed(viewer)) if viewer else (),
            library=viewer.library if viewer else None,
            described=described,
        )
    )


def _heading(card: CardRecord) -> str:
    version = escape(card.version) if card.version else "not released"
    title = f" <small>{escape(card.title)}</small>" if card.title else ""
    withdrawn = (
        f'<p class="withdrawn"><strong>Withdrawn:</strong> {escape(card.withdrawn)}</p>' if card.withdrawn else ""
    )
    return f"<h1>{escape(card.name)} {version}{title}</h1>{withdrawn}"


def _first(card: CardRecord) -> str:
    """The first screen: what it is, what it may be used for, its limits, and how to get it."""
    inside = card.contents
    units = "; ".join(f"{label.name.replace('_', ' ')} in {label.unit}" for label in inside.labels) or "no labels"
    methods = "; ".join(method.summary for method in inside.methods) or "not stated"
    elements = ", ".join(e.symbol for e in inside.elements)
    facts = [
        (
            "Version",
            f"{card.version}{f' of {card.released}' if card.released else ''}" if card.version else "not released",
        ),
        ("DOI", card.doi or "none"),
        ("Licence", card.licence or "not stated"),
        ("Contents", f"{inside.configurations:,} configurations of {elements}, {inside.atoms:,} atoms"),
        ("Labels, units", units),
        ("Method", methods),
        ("Creators", "; ".join(card.creators) or "not stated"),
        ("Fingerprint", f"sha256:{card.fingerprint}"),
    ]
    if card.validation is not None:
        facts.insert(6, ("Validation", "passed" if card.validation.passed else "failed"))
    commands = "".join(f"<p>{escape(c.purpose)}</p>{code(f'code-{i}', c.code)}" for i, c in enumerate(card.commands))
    description = f"<p>{escape(card.description)}</p>" if card.description else ""
    return (
        f'<div class="first"><section aria-label="Facts">{definitions(facts)}{description}</section>'
        f'<section aria-label="Limits and use"><div class="limits"><h2>Limits</h2>{limits(card)}</div>'
        f"<h2>Get it</h2>{commands}{_bibtex(card)}</section></div>"
    )


def _bibtex(card: CardRecord) -> str:
    if card.bibtex is None:
        return ""
    return f"<details><summary>Cite it: BibTeX</summary>{code('bibtex', card.bibtex)}</details>"


def _sections(card: CardRecord, viewer: Viewer | None) -> Iterator[tuple[str, str, str]]:
    yield "contents", "What is inside", contents_section(card)
    yield "distributions", "Distributions", distribution_section(card)
    yield "map", "Map of configurations", map_section(card, _interactive(card, viewer))
    if card.distillation is not None:
        yield "distillation", "Distillation", distillation_section(card, card.distillation)
    if card.validation is not None:
        yield "validation", "Validation", validation_section(card.validation)
    if card.pool_test is not None:
        yield "errors", "Errors on a whole pool", pool_section(card.pool_test)
    if card.lineage is not None:
        yield "lineage", "Lineage", _lineage(card)
    if card.changes:
        yield "changes", "Changes", _changes(card)
    if card.findings:
        yield "check", "What check found", _findings(card)
    if card.references:
        yield "references", "What to cite", _references(card)


def _interactive(card: CardRecord, viewer: Viewer | None) -> str:
    if viewer is None:
        return ""
    shown = (
        "every point"
        if viewer.shown == card.map.total
        else f"{viewer.shown:,} of {card.map.total:,} configurations, evenly spread"
    )
    return (
        f"<p>The interactive map has {shown}, each with its structure.</p>"
        '<p><button type="button" id="viewer-begin" hidden>Show the interactive map</button> '
        '<span id="viewer-status" role="status"></span></p>'
        "<noscript><p>The interactive map needs JavaScript; the figures below show the same numbers.</p></noscript>"
        '<div class="viewer" id="viewer" role="region" aria-label="Interactive map of configurations">'
        '<div class="wide" id="viewer-meta"></div><div class="plot" id="viewer-map"></div>'
        '<div class="atoms" id="viewer-structure">'
        '<p id="viewer-note">Click a point: its structure is shown here.</p></div>'
        '<div class="wide" id="viewer-info"></div></div>'
    )


def _lineage(card: CardRecord) -> str:
    assert card.lineage is not None
    rows = [
        (node.title, {"this": "this set"}.get(node.kind, node.kind), node.detail, node.doi or "")
        for node in card.lineage.nodes
    ]
    listed = table("All parts of the lineage", ("name", "kind", "what it is", "DOI"), rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Lineage, drawn">{draw_lineage(card.lineage)}</div>'
        f'<p class="hidden">{escape(sentence(card.lineage))}</p>'
        f"<details><summary>The same as a table</summary>{listed}</details>"
        + (
            f"<details><summary>Settings and software</summary>"
            f"{definitions([(name, version) for name, version in card.software.items()])}"
            f"<pre tabindex='0'>{escape(_settings(card))}</pre></details>"
            if card.software or card.settings
            else ""
        )
    )


def _settings(card: CardRecord) -> str:
    return json.dumps(card.settings, indent=1, ensure_ascii=False)


def _changes(card: CardRecord) -> str:
    rows = [
        (
            change.version,
            str(change.date),
            f"{change.step} since {change.previous}" if change.step else "first version",
            Number(f"{change.configurations:,}"),
            Number(f"{change.removed:,}"),
            "; ".join(change.sentences),
        )
        for change in card.changes
    ]
    head = ("version", "date", "step", "configurations", "removed", "what changed")
    return table("Released versions, the newest first", head, rows)


def _findings(card: CardRecord) -> str:
    order = {"defect": 0, "warning": 1, "passed": 2, "not applicable": 3}
    found = sorted(card.findings, key=lambda finding: order[finding.status])
    counts = [(status, sum(f.status == status for f in found)) for status in order]
    summary = ", ".join(f"{count} {status}" for status, count in counts if count)
    rows = [
        (
            finding.rule,
            Verdict(finding.status, _STATUS.get(finding.status, "open")),
            finding.message + (f". {finding.action}" if finding.action else ""),
        )
        for finding in found
    ]
    return f"<p>Rules: {escape(summary)}.</p>" + table("Findings", ("rule", "result", "found"), rows)


def _references(card: CardRecord) -> str:
    items = "".join(
        f"<li>{escape(work.text)}{f', {doi_link(work.doi)}' if work.doi else ''}. {escape(work.why)}.</li>"
        for work in card.references
    )
    return f"<ol>{items}</ol>"


def _footer(card: CardRecord, viewer: Viewer | None) -> str:
    map_ = (
        " The interactive map is chemiscope, BSD-3-Clause (Fraux, Cersonsky, Ceriotti, J. Open Source Softw. 5, 2117)."
        if viewer
        else ""
    )
    keywords = f" Keywords: {escape(', '.join(card.keywords))}." if card.keywords else ""
    return f"<p>Every number of this page is in its record, card.json. The page fetches nothing.{map_}{keywords}</p>"


def _packed(viewer: Viewer) -> Iterator[tuple[str, str]]:
    for key, content in (("library", viewer.library), ("points", viewer.points), ("atoms", viewer.atoms)):
        yield f"viewer-{key}", packed_text(content)
    yield "viewer-licence", escape(viewer.licence)
