"""Columns of configurations, computed from the numbers of a dataset."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from foundational.data.batches import Place, iterate_places
from foundational.data.layout import CONFIGURATION, VARIABLES, is_foreign
from foundational.data.query.columns import COLUMNS, COUNT, QueryColumn
from foundational.elements import SYMBOLS
from foundational.units import GPA

if TYPE_CHECKING:
    import xarray as xr

#: Order parameter above which a sampled configuration is a crystal (`foundational.science.order_parameter`).
_CRYSTAL: Final = 0.5


@dataclass(frozen=True, eq=False)
class Texts:
    """(B,) texts as codes; −1 is not known."""

    codes: NDArray[np.int32]
    values: tuple[str, ...]


#: Of B configurations, by column: numbers, with NaN for what is not known, ids (B, 16), or texts.
Block = Mapping[str, "NDArray[Any] | Texts"]


class Index(Protocol):
    """Where the columns of a dataset come from."""

    @property
    def fields(self) -> Mapping[str, QueryColumn]:
        """Columns of imported files."""

    def blocks(self, names: Sequence[str]) -> Iterator[Block]:
        """Some columns, a block of neighbouring configurations at a time; those that no configuration has are absent.

        ``elements`` stands for the numbers of atoms of each element, ``atoms_Ni`` and the like.
        """


def fields_of(dataset: "xr.Dataset") -> dict[str, QueryColumn]:
    """Fields of an imported file that have a row for each configuration."""
    found = {}
    for raw, stored in dataset.variables.items():
        name = str(raw)
        if is_foreign(stored) and tuple(stored.dims) == (CONFIGURATION,) and name not in COLUMNS:
            text = "values" in stored.attrs
            unit = str(stored.attrs.get("units", "1"))
            found[name] = QueryColumn(name, "text" if text else "number", unit, "a field of the imported file")
    return found


@dataclass(frozen=True, eq=False)
class DatasetIndex:
    """Columns computed from a dataset as they are asked for."""

    dataset: "xr.Dataset"

    @property
    def fields(self) -> Mapping[str, QueryColumn]:
        """Columns of imported files."""
        return fields_of(self.dataset)

    def blocks(self, names: Sequence[str]) -> Iterator[Block]:
        """Some columns, batch by batch."""
        makers = makers_of(self.dataset)
        chosen = {name: makers[name] for name in names if name in makers}
        for place in iterate_places(self.dataset):
            block: dict[str, NDArray[Any] | Texts] = {}
            batch = _Batch(self.dataset, place)
            for name, make in chosen.items():
                made = make(batch)
                block |= made if isinstance(made, dict) else {name: made}
            block["id"] = block.get("id", np.empty((len(place), 0), np.uint8))  # so that rows can be counted
            yield block


class _Batch:
    """Numbers of a batch, read when they are asked for."""

    def __init__(self, dataset: "xr.Dataset", place: Place) -> None:
        self.dataset, self.place = dataset, place
        self._read: dict[str, NDArray[Any]] = {}

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._read:
            row = VARIABLES.get(name)
            rows = self.place.atoms if row is not None and row.per_atom else self.place.rows
            self._read[name] = self.dataset[name][rows].to_numpy()
        return self._read[name]

    @property
    def starts(self) -> NDArray[np.int64]:
        """(B,) where the atoms of each configuration begin."""
        return np.cumsum(self.place.n_atoms, dtype=np.int64) - self.place.n_atoms


_Made = NDArray[Any] | Texts | dict[str, NDArray[Any]]


def makers_of(dataset: "xr.Dataset") -> dict[str, Callable[[_Batch], _Made]]:
    """How each column that the dataset can have is computed from a batch."""
    attrs = dataset.attrs
    methods = tuple(str(method.get("id")) for method in attrs.get("methods", ()))
    methods = methods or ((str(attrs["labeller"]),) if "labeller" in attrs else ())
    everything: dict[str, tuple[tuple[str, ...], Callable[[_Batch], _Made]]] = {
        "id": (("id",), lambda b: b["id"]),
        "atoms": ((), lambda b: b.place.n_atoms.astype(np.float64)),
        "formula": ((), _formulas),
        "elements": ((), _counts),
        "energy": (("energy",), lambda b: b["energy"]),
        "energy_per_atom": (("energy",), lambda b: b["energy"] / b.place.n_atoms),
        "max_force": (("forces",), _largest_force),
        "pressure": (("stress",), lambda b: -np.trace(b["stress"], axis1=1, axis2=2) / 3 * GPA),
        "volume": (("cell",), _volume),
        "volume_per_atom": (("cell",), lambda b: _volume(b) / b.place.n_atoms),
        "split": (("split",), lambda b: Texts(b["split"].astype(np.int32), VARIABLES["split"].meanings)),
        "phase": (("order_parameter",), _phase),
        "order_parameter": (("order_parameter",), lambda b: b["order_parameter"]),
        "round": (("selection_round",), lambda b: _not_negative(b["selection_round"])),
        "uncertainty": (("uncertainty",), lambda b: b["uncertainty"]),
    }
    found = {name: make for name, (needs, make) in everything.items() if all(need in dataset for need in needs)}
    if methods:
        found["method"] = lambda b: Texts(
            b["method"].astype(np.int32) if "method" in dataset else np.zeros(len(b.place), np.int32), methods
        )
    if any(name in dataset for name in ("walker", "transformed_to", "recipe", "role")):
        found["source"] = _source
    for name, column in fields_of(dataset).items():
        found[name] = _field(
            name, tuple(map(str, dataset[name].attrs.get("values", ()))) if column.kind == "text" else None
        )
    return found


def _field(name: str, values: tuple[str, ...] | None) -> Callable[[_Batch], _Made]:
    if values is None:
        return lambda b: b[name].astype(np.float64)
    return lambda b: Texts(b[name].astype(np.int32), values)


def _not_negative(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.where(values < 0, np.nan, values.astype(np.float64))


def _volume(batch: _Batch) -> NDArray[np.float64]:
    """(B,) Å³; not known where a cell has open directions."""
    closed = batch["pbc"].all(axis=1)
    return np.where(closed, np.abs(np.linalg.det(batch["cell"])), np.nan)


def _largest_force(batch: _Batch) -> NDArray[np.float64]:
    forces = batch["forces"]
    squares = np.einsum("ai,ai->a", forces, forces, dtype=np.float64)
    return np.sqrt(np.maximum.reduceat(squares, batch.starts))


def _table_of_counts(batch: _Batch) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Atomic numbers (E,) of a batch, and the (B, E) atoms of each."""
    numbers = np.minimum(batch["atomic_numbers"], len(SYMBOLS) - 1)
    kinds = np.flatnonzero(np.bincount(numbers, minlength=len(SYMBOLS)))
    place = np.zeros(len(SYMBOLS), np.int64)
    place[kinds] = np.arange(len(kinds))
    owner = np.repeat(np.arange(len(batch.place)) * len(kinds), batch.place.n_atoms)
    counts = np.bincount(owner + place[numbers], minlength=len(batch.place) * len(kinds))
    return kinds, counts.reshape(len(batch.place), -1)


def _counts(batch: _Batch) -> dict[str, NDArray[Any]]:
    kinds, counts = _table_of_counts(batch)
    return {COUNT + SYMBOLS[z]: counts[:, i] for i, z in enumerate(kinds.tolist())}


def _formulas(batch: _Batch) -> Texts:
    """Reduced formulas, elements by symbol."""
    kinds, counts = _table_of_counts(batch)
    reduced = counts // np.maximum(np.gcd.reduce(counts, axis=1), 1)[:, None]
    rows, codes = np.unique(reduced, axis=0, return_inverse=True)
    symbols = [SYMBOLS[z] for z in kinds.tolist()]
    names = []
    for row in rows.tolist():
        parts = sorted((symbol, n) for symbol, n in zip(symbols, row, strict=True) if n)
        names.append("".join(symbol + (str(n) if n > 1 else "") for symbol, n in parts))
    return Texts(codes.reshape(-1).astype(np.int32), tuple(names))


def _phase(batch: _Batch) -> Texts:
    order = batch["order_parameter"]
    codes = np.where(np.isnan(order), -1, np.where(order > _CRYSTAL, 0, 1))
    return Texts(codes.astype(np.int32), ("crystal", "disordered"))


def _source(batch: _Batch) -> Texts:
    """Where a configuration comes from; what says most comes last."""
    values = ["sampled"]
    codes = np.full(len(batch.place), -1, np.int32)
    if "walker" in batch.dataset:
        codes[batch["walker"] >= 0] = 0
    for name in ("transformed_to", "recipe", "role"):
        if name in batch.dataset:
            own, start = batch[name].astype(np.int32), len(values) - 1
            values += [
                f"transformed to {text}" if name == "transformed_to" else text for text in VARIABLES[name].meanings[1:]
            ]
            codes = np.where(own > 0, own + start, codes)
    return Texts(codes.astype(np.int32), tuple(values))
