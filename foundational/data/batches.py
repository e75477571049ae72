"""Reading configurations out of a lazy dataset: some of them, all of them, or batch after batch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations, Labels
from foundational.data.layout import ATOM, CONFIGURATION, LABELS, VARIABLES
from foundational.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

Indices = Sequence[int] | NDArray[np.integer] | slice

#: Atoms in one batch of a streaming pass: 2**18 atoms are about 10 MB of positions, forces and labels.
BATCH_ATOMS = 262_144
#: Configurations whose ``n_atoms`` a streaming pass reads at a time: those of one shard.
_BLOCK = 131_072
#: Variables of `Configurations`.
_STRUCTURE = ("cell", "pbc", "atomic_numbers", "positions")


@dataclass(frozen=True, eq=False)
class Place:
    """Neighbouring configurations of a dataset: their rows, and those of their atoms."""

    rows: slice
    atoms: slice
    n_atoms: NDArray[np.int32]
    """(B,) atoms of each."""

    def __len__(self) -> int:
        return len(self.n_atoms)

    def of(self, dataset: "xr.Dataset") -> "xr.Dataset":
        """These configurations of ``dataset`` with all variables, still lazy."""
        return dataset.isel({CONFIGURATION: self.rows, ATOM: self.atoms})

    def configurations(self, dataset: "xr.Dataset") -> Configurations:
        """These configurations in memory, with their labels where the dataset has them.

        Raises
        ------
        ChecksumError
            A damaged chunk was met.
        """
        return _read(dataset, self.n_atoms, self.rows, self.atoms)


def iterate_places(
    dataset: "xr.Dataset", batch_atoms: int | None = None, part: tuple[slice, int] | None = None
) -> Iterator[Place]:
    """All configurations in order, about ``batch_atoms`` atoms together; ``n_atoms`` is read once, a block at a time.

    Work and memory of a pass do not depend on how many configurations precede a batch.

    Parameters
    ----------
    part
        Only these rows, and where the atoms of the first of them begin.
    """
    batch_atoms = batch_atoms or BATCH_ATOMS
    column, (rows_of_part, atom) = dataset["n_atoms"], part or (slice(0, int(dataset.sizes[CONFIGURATION])), 0)
    for first in range(rows_of_part.start, rows_of_part.stop, _BLOCK):
        n_atoms: NDArray[np.int32] = column[first : min(first + _BLOCK, rows_of_part.stop)].to_numpy()
        ends = np.cumsum(n_atoms, dtype=np.int64) + atom
        for rows in batch_slices(n_atoms, batch_atoms):
            stop = int(ends[rows.stop - 1])
            yield Place(slice(first + rows.start, first + rows.stop), slice(atom, stop), n_atoms[rows])
            atom = stop


@dataclass(frozen=True, eq=False)
class Offsets:
    """Where the atoms of each configuration of a dataset lie; read once, and asked often."""

    n_atoms: NDArray[np.int32]
    """(C,)"""
    ends: NDArray[np.int64]
    """(C,) the row behind the last atom of each."""

    @classmethod
    def of(cls, dataset: "xr.Dataset") -> Self:
        """Those of a dataset."""
        n_atoms: NDArray[np.int32] = dataset["n_atoms"].to_numpy()
        return cls(n_atoms, np.cumsum(n_atoms, dtype=np.int64))

    def rows(self, indices: Indices | None) -> slice | NDArray[np.int64]:
        """The configurations ``indices`` as rows; a slice where they are neighbours.

        Raises
        ------
        InputError
            An index is out of range.
        """
        if indices is not None and not isinstance(indices, slice):
            given, count = np.asarray(indices), len(self.n_atoms)
            given = np.flatnonzero(given) if given.dtype == np.bool_ else given
            if given.size and (given.min() < -count or given.max() >= count):
                raise InputError(f"expected indices of {count} configurations, got {given.min()}…{given.max()}")
            chosen = np.where(given < 0, given + count, given).astype(np.int64)
        else:
            chosen = np.arange(*(slice(None) if indices is None else indices).indices(len(self.n_atoms)))
        if len(chosen) and np.array_equal(chosen, np.arange(chosen[0], chosen[0] + len(chosen))):
            return slice(int(chosen[0]), int(chosen[-1]) + 1)
        return chosen

    def atoms(self, rows: slice | NDArray[np.int64]) -> slice | NDArray[np.int64]:
        """The rows of the atoms of some configurations; a slice where these are one."""
        if isinstance(rows, slice):
            if rows.stop <= rows.start:
                return slice(0, 0)
            return slice(int(self.ends[rows.start] - self.n_atoms[rows.start]), int(self.ends[rows.stop - 1]))
        counts = self.n_atoms[rows].astype(np.int64)
        # Each atom's row: where its configuration starts, plus its number within the configuration.
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        places: NDArray[np.int64] = np.repeat(self.ends[rows] - counts, counts) + within
        return places

    def take(self, dataset: "xr.Dataset", indices: Indices) -> "xr.Dataset":
        """The configurations ``indices`` of ``dataset`` with their atoms and all variables, in that order; lazy."""
        rows = self.rows(indices)
        return dataset.isel({CONFIGURATION: rows, ATOM: self.atoms(rows)})

    def configurations(
        self, dataset: "xr.Dataset", indices: Indices | None = None, names: Sequence[str] = LABELS
    ) -> Configurations:
        """The configurations ``indices`` (all by default) in memory, with the labels ``names``; `to_configurations`."""
        rows = self.rows(indices)
        return _read(dataset, self.n_atoms[rows], rows, self.atoms(rows), names)


def take(dataset: "xr.Dataset", indices: Indices) -> "xr.Dataset":
    """The configurations ``indices`` of a dataset with their atoms and all variables, in that order; still lazy.

    Raises
    ------
    InputError
        An index is out of range.
    """
    return Offsets.of(dataset).take(dataset, indices)


def unlabelled(dataset: "xr.Dataset") -> Configurations:
    """All configurations in memory, without their labels.

    These are read piece by piece and dropped, so that a damaged chunk is met here.

    Raises
    ------
    ChecksumError
        A damaged chunk was met.
    """
    for place in iterate_places(dataset):
        for name in LABELS:
            if name in dataset:
                dataset[name][place.atoms if VARIABLES[name].per_atom else place.rows].to_numpy()
    return Offsets.of(dataset).configurations(dataset, names=())


def to_configurations(dataset: "xr.Dataset", indices: Indices | None = None) -> Configurations:
    """The configurations ``indices`` (all by default) in memory, with their labels where the dataset has them.

    Only what is asked for is read. Labels that the dataset does not hold are NaN where it holds another one.

    Raises
    ------
    InputError
        An index is out of range.
    ChecksumError
        A damaged chunk was met.
    """
    return Offsets.of(dataset).configurations(dataset, indices)


def _read(
    dataset: "xr.Dataset",
    n_atoms: NDArray[np.int32],
    rows: slice | NDArray[np.int64],
    atoms: slice | NDArray[np.int64],
    names: Sequence[str] = LABELS,
) -> Configurations:
    arrays = {
        name: dataset[name][atoms if VARIABLES[name].per_atom else rows].to_numpy()
        for name in (*_STRUCTURE, *names)
        if name in dataset
    }
    labels = None
    if not arrays.keys().isdisjoint(LABELS):
        count, total = len(n_atoms), len(arrays["atomic_numbers"])
        labels = Labels(
            arrays["energy"] if "energy" in arrays else np.full(count, np.nan),
            arrays["forces"] if "forces" in arrays else np.full((total, 3), np.nan, np.float32),
            arrays["stress"] if "stress" in arrays else np.full((count, 3, 3), np.nan),
            arrays.get("atomic_energies"),
        )
    return Configurations(n_atoms, labels=labels, **{name: arrays[name] for name in _STRUCTURE})


def batch_slices(n_atoms: NDArray[np.int32], batch_atoms: int = BATCH_ATOMS) -> Iterator[slice]:
    """Neighbouring configurations of about ``batch_atoms`` atoms together, at least one at a time.

    >>> [(s.start, s.stop) for s in batch_slices(np.array([4, 4, 4, 9, 1], dtype=np.int32), 8)]
    [(0, 2), (2, 3), (3, 4), (4, 5)]
    """
    ends = np.cumsum(n_atoms, dtype=np.int64)
    start = 0
    while start < len(n_atoms):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + batch_atoms, side="right")))
        yield slice(start, stop)
        start = stop


def iterate_batches(dataset: "xr.Dataset", batch_atoms: int | None = None) -> Iterator[tuple[slice, Configurations]]:
    """All configurations in order, as (their place, their batch), in memory bounded by ``batch_atoms``."""
    for place in iterate_places(dataset, batch_atoms):
        yield place.rows, place.configurations(dataset)
