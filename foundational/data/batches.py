"""Reading configurations out of a lazy dataset: some of them, all of them, or batch after batch."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

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


def _rows(n_atoms: NDArray[np.int32], indices: Indices | None) -> tuple[slice | NDArray[np.int64], ...]:
    """The rows of ``indices`` along the configurations and along the atoms; slices where rows are neighbours."""
    chosen = np.arange(len(n_atoms))[slice(None) if indices is None else indices].astype(np.int64)
    ends = np.cumsum(n_atoms, dtype=np.int64)
    if len(chosen) and np.array_equal(chosen, np.arange(chosen[0], chosen[0] + len(chosen))):
        first, last = int(chosen[0]), int(chosen[-1])
        return slice(first, last + 1), slice(int(ends[first] - n_atoms[first]), int(ends[last]))
    counts = n_atoms[chosen].astype(np.int64)
    # Each atom's row: where its configuration starts, plus its number within the configuration.
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return chosen, np.repeat(ends[chosen] - counts, counts) + within


def take(dataset: "xr.Dataset", indices: Indices) -> "xr.Dataset":
    """The configurations ``indices`` of a dataset with their atoms and all variables, in that order; still lazy.

    Raises
    ------
    InputError
        An index is out of range.
    """
    configurations, atoms = _rows(_checked_n_atoms(dataset, indices), indices)
    return dataset.isel({CONFIGURATION: configurations, ATOM: atoms})


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
    n_atoms = _checked_n_atoms(dataset, indices)
    rows, atoms = _rows(n_atoms, indices)
    arrays = {
        name: dataset[name][atoms if VARIABLES[name].per_atom else rows].to_numpy()
        for name in ("cell", "pbc", "atomic_numbers", "positions", *LABELS)
        if name in dataset
    }
    labels = None
    if not arrays.keys().isdisjoint(LABELS):
        count, total = len(n_atoms[rows]), len(arrays["atomic_numbers"])
        labels = Labels(
            arrays["energy"] if "energy" in arrays else np.full(count, np.nan),
            arrays["forces"] if "forces" in arrays else np.full((total, 3), np.nan, np.float32),
            arrays["stress"] if "stress" in arrays else np.full((count, 3, 3), np.nan),
            arrays.get("atomic_energies"),
        )
    return Configurations(
        n_atoms[rows], arrays["cell"], arrays["pbc"], arrays["atomic_numbers"], arrays["positions"], labels
    )


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


def iterate_batches(dataset: "xr.Dataset", batch_atoms: int = BATCH_ATOMS) -> Iterator[tuple[slice, Configurations]]:
    """All configurations in order, as (their place, their batch), in memory bounded by ``batch_atoms``."""
    for rows in batch_slices(dataset["n_atoms"].to_numpy(), batch_atoms):
        yield rows, to_configurations(dataset, rows)


def _checked_n_atoms(dataset: "xr.Dataset", indices: Indices | None) -> NDArray[np.int32]:
    """(C,) atoms in each configuration, once ``indices`` are known to lie within."""
    n_atoms: NDArray[np.int32] = dataset["n_atoms"].to_numpy()
    if indices is not None and not isinstance(indices, slice):
        chosen = np.asarray(indices)
        if chosen.size and (chosen.min() < -len(n_atoms) or chosen.max() >= len(n_atoms)):
            raise InputError(f"expected indices of {len(n_atoms)} configurations, got {chosen.min()}…{chosen.max()}")
    return n_atoms
