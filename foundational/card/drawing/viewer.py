"""The interactive map: chemiscope's own JavaScript, the points, and the structures beside them, packed into the page.

Everything is compressed into the page; nothing is fetched. chemiscope (github.com/lab-cosmo/chemiscope, BSD-3-Clause)
is an optional package; without it a card has still figures only.
"""

import base64
import gzip
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from foundational.card.record import CardRecord, Column
from foundational.data.batches import to_configurations
from foundational.elements import SYMBOLS

if TYPE_CHECKING:
    import xarray as xr

#: Bytes of structures in one page, before compression.
_MOST_BYTES: Final = 2_000_000
#: Of one structure in addition to its atoms: cell, corner and extent of its box.
_HEAD: Final = 64
_STEPS: Final = 65_535
_LIBRARY: Final = "chemiscope/sphinx/static/chemiscope.min.js"
#: Licences of what is bundled in it.
_OTHERS: Final = "chemiscope/static/chemiscope-widget.mjs.LICENSE.txt"


@dataclass(frozen=True)
class Viewer:
    """What the interactive map needs, each as text of a page."""

    library: str
    """JavaScript."""
    points: str
    """JSON."""
    atoms: bytes
    shown: int
    """Configurations with a point."""
    licence: str
    """Of the JavaScript."""


@dataclass(frozen=True)
class Library:
    """chemiscope's JavaScript with its licence."""

    script: str
    licence: str


def chemiscope_library() -> Library | None:
    """Chemiscope's JavaScript; None where the package is not installed."""
    try:
        package = distribution("chemiscope")
    except PackageNotFoundError:
        return None
    path = Path(str(package.locate_file(_LIBRARY)))
    if not path.is_file():
        return None
    others = Path(str(package.locate_file(_OTHERS)))
    texts = [package.read_text("licenses/LICENSE") or package.read_text("LICENSE") or "BSD-3-Clause"]
    texts += [others.read_text(encoding="utf-8")] if others.is_file() else []
    return Library(path.read_text(encoding="utf-8"), "\n".join(texts))


def viewer_of(card: CardRecord, dataset: "xr.Dataset", library: Library) -> Viewer:
    """The interactive map of a card; of a large set as many configurations as fit, evenly spread.

    Positions are rounded to 1/65,535 of each configuration's extent, below what a picture shows.
    """
    rows = np.array(card.map.rows)
    sizes = dataset["n_atoms"].to_numpy()[rows].astype(np.int64)
    bytes_each = _HEAD + 6 * sizes + sizes + sizes % 2
    count = len(rows)
    while count > 1 and int(bytes_each[_spread(len(rows), count)].sum()) > _MOST_BYTES:
        count = max(1, int(count * 0.9))
    places = _spread(len(rows), count)
    packed, symbols = _pack(dataset, rows[places])
    properties = {
        column.title: _property(column, places) for column in card.map.columns.values() if _shown(column, places)
    }
    titles = [column.title for column in card.map.columns.values() if _shown(column, places)]
    points = {
        "meta": {"name": card.title or card.name},
        "properties": properties,
        "settings": _settings(card, titles),
        "packing": {"counts": sizes[places].tolist(), "symbols": symbols},
    }
    return Viewer(library.script, json.dumps(points, ensure_ascii=False), packed, count, library.licence)


@lru_cache(maxsize=4)
def packed_text(content: str | bytes) -> str:
    """Compressed content in letters that a page may hold; of what all pages have it is kept."""
    raw = content.encode() if isinstance(content, str) else content
    return base64.b64encode(gzip.compress(raw, 9, mtime=0)).decode()


def _spread(total: int, count: int) -> Any:
    return np.unique(np.linspace(0, total - 1, count).round().astype(np.int64))


def _pack(dataset: "xr.Dataset", rows: Any) -> tuple[bytes, list[str]]:
    """Cells and positions, one structure after another, and the symbols of its codes."""
    c = to_configurations(dataset, rows)
    elements = np.unique(c.atomic_numbers)
    codes = np.searchsorted(elements, c.atomic_numbers).astype(np.uint8)
    parts = []
    for i in range(len(c)):
        atoms = slice(int(c.offsets[i]), int(c.offsets[i + 1]))
        positions = c.positions[atoms].astype(np.float64)
        low = positions.min(axis=0)
        span = positions.max(axis=0) - low
        steps = np.rint((positions - low) / np.where(span > 0, span, 1.0) * _STEPS).astype("<u2")
        cell = c.cell[i] if c.pbc[i].all() else np.zeros((3, 3))
        head = np.concatenate([cell.ravel(), low, span]).astype("<f4").tobytes()
        body = steps.tobytes() + codes[atoms].tobytes()
        parts.append(head.ljust(_HEAD, b"\0") + body + b"\0" * (len(body) % 2))
    return b"".join(parts), [SYMBOLS[z] for z in elements]


def _shown(column: Column, places: Any) -> bool:
    """Chemiscope takes no missing numbers: a column is shown where every point has its number."""
    return column.values is None or all(column.values[i] is not None for i in places)


def _property(column: Column, places: Any) -> dict[str, Any]:
    if column.values is not None:
        unit = {"units": column.unit} if column.unit else {}
        return {"target": "structure", "values": [column.values[i] for i in places]} | unit
    codes = column.codes or ()
    return {"target": "structure", "values": [column.meanings[codes[i]] for i in places]}


def _settings(card: CardRecord, titles: list[str]) -> dict[str, Any]:
    """Axes and colour at the beginning."""
    columns = card.map.columns
    chosen = {
        axis: columns[name].title
        for axis, name in (("x", "volume"), ("y", "energy"))
        if name in columns and columns[name].title in titles
    }
    numbers = [c.title for c in columns.values() if c.values is not None and c.title in titles]
    for axis in ("x", "y"):
        if axis not in chosen and numbers:
            chosen[axis] = next((title for title in numbers if title not in chosen.values()), numbers[0])
    colour = next((t for t in ("round of the selection", "order parameter", "largest force") if t in titles), "")
    groups = columns.get("group")
    marks = {"color": {"property": colour or chosen.get("y", ""), "palette": "viridis"}, "size": {"factor": 30}}
    if groups is not None and len(groups.meanings) <= 6:
        marks["symbol"] = groups.title
    return {
        "map": {axis: {"property": title} for axis, title in chosen.items()} | marks,
        "structure": [{"bonds": False, "unitCell": True, "spaceFilling": False}],
    }
