"""The lineage of a dataset as a drawing: boxes in columns, papers and files at the left, the set at the right."""

from collections import defaultdict
from html import escape
from typing import Final

from foundational.card.record import Lineage, Node

_BOX_WIDTH, _BOX_HEIGHT = 190, 54
_GAP_X, _GAP_Y = 46, 14
_LETTERS: Final = 27
#: Fill and border of a box, and the word that says what it is.
_KINDS: Final = {
    "this": ("#cfe6f5", "#0072B2", "this set"),
    "dataset": ("#eaf4fb", "#0072B2", "dataset"),
    "pool": ("#f2f2f2", "#555", "pool"),
    "file": ("#f2f2f2", "#555", "file"),
    "method": ("#fdebd9", "#B34F00", "method"),
    "paper": ("#e3f4ee", "#00704F", "paper"),
}


def draw_lineage(lineage: Lineage) -> str:
    """The graph as SVG; arrows point from what was used to what was made."""
    columns = _columns(lineage)
    places: dict[str, tuple[float, float]] = {}
    tallest = max(len(nodes) for nodes in columns.values())
    height = tallest * (_BOX_HEIGHT + _GAP_Y) + _GAP_Y
    for column, nodes in columns.items():
        used = len(nodes) * (_BOX_HEIGHT + _GAP_Y) - _GAP_Y
        for row, node in enumerate(nodes):
            x = 6 + column * (_BOX_WIDTH + _GAP_X)
            places[node.id] = (x, (height - used) / 2 + row * (_BOX_HEIGHT + _GAP_Y))
    width = 12 + len(columns) * (_BOX_WIDTH + _GAP_X) - _GAP_X
    parts = []
    for edge in lineage.edges:
        (x1, y1), (x2, y2) = places[edge.source], places[edge.target]
        a, b = (x1 + _BOX_WIDTH, y1 + _BOX_HEIGHT / 2), (x2 - 7, y2 + _BOX_HEIGHT / 2)
        bend = max(20.0, (b[0] - a[0]) / 2)
        path = f"M{a[0]:.0f} {a[1]:.0f}C{a[0] + bend:.0f} {a[1]:.0f} {b[0] - bend:.0f} {b[1]:.0f} {b[0]:.0f} {b[1]:.0f}"
        tip = f"M{b[0]:.0f} {b[1] - 4:.0f}l7 4l-7 4z"
        parts.append(f'<path d="{path}" stroke="#666" fill="none"/><path d="{tip}" fill="#666"/>')
    nodes_drawn = [_box(node, *places[node.id]) for column in columns.values() for node in column]
    return (
        f'<svg role="img" aria-label="{escape(sentence(lineage))}" viewBox="0 0 {width} {height:.0f}" '
        f'style="min-width:{min(width, 900)}px;max-width:{width}px" font-family="sans-serif" fill="#222">'
        f"{''.join(parts)}{''.join(nodes_drawn)}</svg>"
    )


def sentence(lineage: Lineage) -> str:
    """The graph in words, for readers who cannot see it."""
    titles = {node.id: node.title for node in lineage.nodes}
    steps = "; ".join(f"{titles[e.target]} {e.how} from {titles[e.source]}" for e in reversed(lineage.edges))
    return f"Lineage: {steps}." if steps else "Lineage: one dataset without known inputs."


def _columns(lineage: Lineage) -> dict[int, list[Node]]:
    """Nodes by column: each at the left of all that was made of it, as far to the right as it can be."""
    after: dict[str, list[str]] = defaultdict(list)
    for edge in lineage.edges:
        after[edge.source].append(edge.target)
    depth: dict[str, int] = {}

    def to_the_end(key: str) -> int:
        if key not in depth:
            depth[key] = 0  # a cycle cannot be in a record, but a forged one may not loop
            depth[key] = max((to_the_end(t) + 1 for t in after[key]), default=0)
        return depth[key]

    deepest = max(to_the_end(node.id) for node in lineage.nodes)
    columns: dict[int, list[Node]] = {column: [] for column in range(deepest + 1)}
    for node in lineage.nodes:
        columns[deepest - depth[node.id]].append(node)
    return columns


def _box(node: Node, x: float, y: float) -> str:
    fill, border, word = _KINDS[node.kind]
    return (
        f"<g><title>{escape(node.title)}: {escape(node.detail)}</title>"
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="5" fill="{fill}" '
        f'stroke="{border}"/>'
        f'<text x="{x + 9:.0f}" y="{y + 16:.0f}" font-size="10" fill="#444">{word}</text>'
        f'<text x="{x + 9:.0f}" y="{y + 31:.0f}" font-size="13" font-weight="bold">{_cut(node.title, 24)}</text>'
        f'<text x="{x + 9:.0f}" y="{y + 46:.0f}" font-size="10">{_cut(node.detail, 34)}</text></g>'
    )


def _cut(text: str, letters: int = _LETTERS) -> str:
    return escape(text if len(text) <= letters else text[: letters - 1] + "…")
