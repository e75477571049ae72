"""The page of a change: one HTML file that fetches nothing and is readable without JavaScript."""

from collections.abc import Iterator
from html import escape

from foundational.card.comparison.record import ChangeRecord
from foundational.card.drawing.figures import Axis, Series, outlines, scatter
from foundational.card.drawing.frame import Page, draw_page
from foundational.card.drawing.markup import Number, Verdict, definitions, figure, plain, table
from foundational.card.record import Column
from foundational.evaluation.physics_change import NumberChange, PhysicsChange

_DIRECTIONS = {"better": "good", "worse": "bad"}
#: Ids that a page lists of each kind.
_LISTED = 200


def draw_change(record: ChangeRecord) -> str:
    """The page of ``record``; the same record gives the same text."""
    found = record.difference
    label = f"{found.a} → {found.b}"
    first = definitions(_facts(record))
    page = Page(
        title=f"Difference: {label}",
        heading=f"<h1>{escape(label)}</h1>",
        first=f'<div class="first"><section aria-label="Facts">{first}</section>'
        f'<section aria-label="What changed"><h2>What changed</h2>{_sentences(record)}</section></div>',
        sections=list(_sections(record)),
        footer="<p>Every number of this page is in its record beside it. The page fetches nothing.</p>",
    )
    return draw_page(page)


def _facts(record: ChangeRecord) -> Iterator[tuple[str, str]]:
    found = record.difference
    yield "Step", f"{found.bump} version" if found.bump else "none: nothing differs"
    yield "Configurations", f"{found.configurations[0]:,} → {found.configurations[1]:,}"
    yield "Atoms", f"{found.atoms[0]:,} → {found.atoms[1]:,}"
    for name in ("added", "removed", "relabelled", "moved", "equal"):
        yield name.capitalize(), f"{getattr(found, name):,}"
    for side, fingerprint in zip(("a", "b"), record.fingerprints, strict=True):
        if fingerprint is not None:
            yield f"Fingerprint of {getattr(found, side)}", f"sha256:{fingerprint}"


def _sentences(record: ChangeRecord) -> str:
    found = record.difference
    items = [f"<li><strong>{change.bump}</strong>: {escape(change.message)}</li>" for change in found.changes]
    if record.physics is not None:
        items += [
            f'<li><strong class="bad">worse</strong>: {escape(change.sentence)}</li>'
            for change in (*record.physics.crystals, *record.physics.errors)
            if change.direction == "worse"
        ]
    items += [f"<li>{escape(note)}</li>" for note in found.notes]
    return f"<ul>{''.join(items)}</ul>" if items else "<p>Nothing differs.</p>"


def _sections(record: ChangeRecord) -> Iterator[tuple[str, str, str]]:
    if record.physics is not None:
        yield "physics", "Physics: networks trained on both", _physics(record.physics)
    if record.groups:
        yield "groups", "Groups of configurations", _groups(record)
    yield "distributions", "Distributions", _distributions(record)
    yield "map", "Map of what changed", _map(record)
    if record.difference.label_changes:
        yield "labels", "Labels that changed", _labels(record)
    yield "ids", "Configurations", _ids(record)


def _physics(physics: PhysicsChange) -> str:
    old, new = physics.training_configurations
    parts = [
        f"<p>{physics.members} networks were trained on {old:,} configurations of {escape(physics.a)}, and as many on "
        f"{new:,} of {escape(physics.b)}, with the same settings and seeds. A number is better or worse where it "
        "changes by more than the spread over the networks.</p>"
    ]
    changes = [*physics.crystals, *physics.errors]
    if changes:
        head = ("error", "before", "after", "unit", "change")
        parts.append(table("Errors, mean of the absolute values over networks", head, map(_number_row, changes)))
    for caption, tests in (("Gates", physics.gates), ("Properties", physics.properties)):
        if tests:
            rows = [(t.name, t.before, Verdict(t.after, _verdict(t.before, t.after)), t.message) for t in tests]
            parts.append(table(caption, ("name", "before", "after", "found after"), rows))
    parts += [f"<p>{escape(note)}</p>" for note in physics.notes]
    return "".join(parts)


def _number_row(change: NumberChange) -> tuple[str | Number | Verdict, ...]:
    before, after = ("not known" if v is None else plain(v) for v in (change.before, change.after))
    verdict = Verdict(change.direction, _DIRECTIONS.get(change.direction, "open"))
    return change.name, Number(before), Number(after), change.unit, verdict


def _verdict(before: str, after: str) -> str:
    if after == "passed":
        return "good"
    return "bad" if after == "failed" else "open" if before == after else "bad"


def _groups(record: ChangeRecord) -> str:
    rows = [
        (g.name, Number(f"{g.before:,}"), Number(f"{g.after:,}"), Number(f"{g.added:,}"), Number(f"{g.removed:,}"))
        for g in record.groups
    ]
    title = record.groups_title or "group"
    return table(f"Configurations by {title}", (title, "before", "after", "added", "removed"), rows)


def _distributions(record: ChangeRecord) -> str:
    found = record.difference
    drawn = []
    for one in record.histograms:
        unit = f", {one.unit}" if one.unit else ""
        svg = outlines(f"{one.quantity}{unit}", one.of, one.edges, [(found.a, one.a), (found.b, one.b)])
        drawn.append(figure(svg, f"{one.quantity.capitalize()} in both; the last bins hold what lies beyond them."))
    return f'<div class="figures">{"".join(drawn)}</div>' if drawn else "<p>No quantity is known in both.</p>"


def _map(record: ChangeRecord) -> str:
    columns = record.map.columns
    shown = len(record.map.rows)
    counts = ", ".join(f"{part.configurations:,} {part.name}" for part in record.states if part.configurations)
    parts = [f"<p>{counts}. {shown:,} of {record.map.total:,} configurations of both are shown.</p>"]
    usual = [columns[name] for name in ("volume", "energy", "largest_force", "pressure") if name in columns][:2]
    if len(usual) < 2:
        return "".join(parts)
    x, y = usual
    series = _by_state(x, y, columns["state"])
    axes = [Axis.of(f"{c.title}, {c.unit}", [v for v in c.values or () if v is not None]) for c in (x, y)]
    text = f"{y.title} against {x.title}: " + ", ".join(f"{len(s.x):,} {s.name}" for s in series) + "."
    caption = f"{y.title.capitalize()} against {x.title} by what happened to each configuration."
    return "".join([*parts, f'<div class="figures">{figure(scatter(text, axes[0], axes[1], series), caption)}</div>'])


def _by_state(x: Column, y: Column, states: Column) -> list[Series]:
    series = []
    for code, name in enumerate(states.meanings):
        places = [
            (a, b)
            for a, b, c in zip(x.values or (), y.values or (), states.codes or (), strict=True)
            if c == code and a is not None and b is not None
        ]
        if places:
            series.append(Series(name, tuple(p[0] for p in places), tuple(p[1] for p in places)))
    return series


def _labels(record: ChangeRecord) -> str:
    rows = [
        (
            name,
            Number(f"{change.configurations:,}"),
            Number(f"{change.within_rounding:,}"),
            Number("–" if change.largest is None else plain(change.largest)),
            Number("–" if change.rms is None else plain(change.rms)),
            change.unit,
        )
        for name, change in record.difference.label_changes.items()
    ]
    head = ("label", "configurations", "within rounding", "largest change", "root mean square", "unit")
    return table("Labels of configurations that are in both", head, rows)


def _ids(record: ChangeRecord) -> str:
    parts = []
    for name in ("added", "removed", "relabelled", "moved"):
        ids = getattr(record.difference.ids, name)
        if ids:
            more = f" (the first {_LISTED:,} of {len(ids):,})" if len(ids) > _LISTED else ""
            listed = escape("\n".join(ids[:_LISTED]))
            parts.append(
                f"<details><summary>{len(ids):,} {name}{more}</summary><pre tabindex='0'>{listed}</pre></details>"
            )
    hint = "<p>Where one comes from: <code>foundational blame NAME ID</code>.</p>"
    return "".join(parts) + hint if parts else "<p>The same configurations are in both.</p>"
