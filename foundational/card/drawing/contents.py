"""Sections of a card about the numbers of a set: what is inside, distributions, phases, map."""

from foundational.card.drawing.figures import Axis, Series, coloured, histogram, scatter
from foundational.card.drawing.markup import Number, bullets, definitions, figure, plain, table
from foundational.card.record import CardRecord, Column

#: Quantities by which the still map is coloured, the first two that are known.
_COLOURED = ("selection_round", "uncertainty", "order_parameter", "largest_force", "pressure")


def contents_section(card: CardRecord) -> str:
    """Elements, sizes, labels with units and methods, parts."""
    inside = card.contents
    sizes = (
        f"{inside.smallest:,}" if inside.smallest == inside.largest else f"{inside.smallest:,} to {inside.largest:,}"
    )
    facts = [
        ("Configurations", f"{inside.configurations:,} with {inside.atoms:,} atoms, {sizes} atoms each"),
        ("Periodicity", ", ".join(f"{part.configurations:,} {part.name}" for part in inside.periodicity)),
    ]
    if inside.splits:
        facts.append(("Parts", ", ".join(f"{part.name} {part.configurations:,}" for part in inside.splits)))
    parts = [definitions(facts)]
    parts.append(
        table(
            "Labels",
            ("label", "unit", "configurations with it", "meaning"),
            [
                (label.name, label.unit, Number(f"{label.configurations:,}"), label.description)
                for label in inside.labels
            ],
        )
        if inside.labels
        else "<p>No label is known.</p>"
    )
    if len(inside.elements) > 1:
        rows = [(e.symbol, Number(f"{e.atoms:,}"), Number(f"{e.configurations:,}")) for e in inside.elements]
        parts.append(table("Elements", ("element", "atoms", "configurations with it"), rows))
    for method in inside.methods:
        count = "" if method.configurations is None else f" ({method.configurations:,} configurations)"
        facts = [("Method", method.id + count), *method.facts.items()]
        parts.append(f"<h3>Method of the labels</h3>{definitions(facts)}")
    return "".join(parts)


def distribution_section(card: CardRecord) -> str:
    """Histograms of everything that is known."""
    drawn = []
    for one in card.histograms:
        unit = f", {one.unit}" if one.unit else ""
        beyond = one.minimum < one.edges[0] or one.maximum > one.edges[-1]
        median = "" if one.median is None else f"median {plain(one.median, 4)}, "
        caption = (
            f"{one.quantity.capitalize()}: {median}from {plain(one.minimum, 4)} to {plain(one.maximum, 4)}"
            f" {one.unit}{'; the last bins hold what lies beyond them' if beyond else ''}."
        )
        svg = histogram(one.quantity, f"{one.quantity}{unit}", one.edges, one.counts, one.of)
        drawn.append(figure(svg, " ".join(caption.split())))
    return f'<div class="figures">{"".join(drawn)}</div>' if drawn else ""


def map_section(card: CardRecord, interactive: str) -> str:
    """Energy against volume by group, and the same points coloured by what is known of them."""
    columns = card.map.columns
    shown = len(card.map.rows)
    detail = (
        f"All {card.map.total:,} configurations are shown."
        if shown == card.map.total
        else f"{shown:,} of {card.map.total:,} configurations are shown, evenly spread; histograms count all."
    )
    x, y = _axes(columns)
    parts = [f"<p>{detail}</p>", interactive]
    if x is None or y is None:
        return "".join(parts)
    drawn = []
    groups = columns.get("group")
    series = _by_group(x, y, groups)
    axes = [Axis.of(_label(c), [v for v in c.values or () if v is not None]) for c in (x, y)]
    what = f"{y.title} against {x.title}"
    by = f" by {groups.title}" if groups else ""
    text = f"{what}{by}: " + ", ".join(f"{len(s.x):,} {s.name}" for s in series) + " configurations."
    explanation = f" {card.groups.title.capitalize()} — {card.groups.explanation}." if card.groups else ""
    drawn.append(figure(scatter(text, axes[0], axes[1], series), f"{what.capitalize()}{by}.{explanation}"))
    for name in [n for n in _COLOURED if n in columns][:2]:
        column = columns[name]
        known = [
            (a, b, v)
            for a, b, v in zip(x.values or (), y.values or (), column.values or (), strict=True)
            if a is not None and b is not None and v is not None
        ]
        if len(known) < 2:
            continue
        points = Series(column.title, tuple(k[0] for k in known), tuple(k[1] for k in known))
        text = f"{what}, coloured by {column.title} from {min(k[2] for k in known):g} to {max(k[2] for k in known):g}."
        svg = coloured(text, axes[0], axes[1], points, [k[2] for k in known], _label(column))
        drawn.append(figure(svg, f"The same, coloured by {column.title}."))
    return "".join([*parts, f'<div class="figures">{"".join(drawn)}</div>'])


def _axes(columns: dict[str, Column]) -> tuple[Column | None, Column | None]:
    """Volume and energy where known, else the first two numbers."""
    usual = [columns[n] for n in ("volume", "energy") if n in columns]
    if len(usual) < 2:
        others = [c for n, c in columns.items() if c.values is not None and n not in {"volume", "energy"}]
        usual = [*others[: 2 - len(usual)], *usual]
    return (usual[0], usual[1]) if len(usual) == 2 else (None, None)


def _by_group(x: Column, y: Column, groups: Column | None) -> list[Series]:
    """The points of each group, the largest group first, so that small ones are drawn over it."""
    pairs = list(
        zip(x.values or (), y.values or (), groups.codes or () if groups else [0] * len(x.values or ()), strict=True)
    )
    names = groups.meanings if groups else ("configurations",)
    series = []
    for code, name in enumerate(names):
        places = [(a, b) for a, b, c in pairs if c == code and a is not None and b is not None]
        if places:
            series.append(Series(name, tuple(p[0] for p in places), tuple(p[1] for p in places)))
    return series


def _label(column: Column) -> str:
    return f"{column.title}, {column.unit}" if column.unit else column.title


def limits(card: CardRecord) -> str:
    """What the set is not good for; said where nothing is stated."""
    return bullets(card.limits) if card.limits else "<p>None are stated.</p>"
