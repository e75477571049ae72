"""The shortest distance in each periodic cell, between atoms or between an atom and its own image."""

from itertools import product

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations

#: Pair distances held in memory at a time.
_PAIRS = 1_000_000
_IMAGES = np.array(list(product((-1, 0, 1), repeat=3)), dtype=np.float64)


def shortest_distances(configurations: Configurations) -> NDArray[np.float64]:
    """(C,) Å, with periodic images along all three vectors; NaN for a cell without volume.

    The nearest image of a pair is the one whose fractional differences are rounded to within ±½; that is exact for
    distances up to half the smallest height of the cell (a vector with |f·h| ≤ d has |f| ≤ d/h in each direction).
    Cells in which a longer distance was found, as in primitive cells, are searched through all 27 neighbouring images.
    """
    shortest = np.full(len(configurations), np.nan)
    sound = (configurations.volume > 0) & np.isfinite(configurations.cell).all(axis=(1, 2))
    for n in np.unique(configurations.n_atoms):
        members = np.flatnonzero((configurations.n_atoms == n) & sound)
        per_block = max(1, _PAIRS // max(1, int(n) * (int(n) - 1) // 2))
        for start in range(0, len(members), per_block):
            block = members[start : start + per_block]
            positions = configurations.positions[configurations.atoms_of(block)].reshape(len(block), n, 3)
            shortest[block] = _of_equal_sizes(configurations.cell[block], positions.astype(np.float64))
    return shortest


def _of_equal_sizes(cell: NDArray[np.float64], positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """(B,) shortest distances of cells (B, 3, 3) with positions (B, N, 3)."""
    inverse = np.linalg.inv(cell)
    heights = 1 / np.linalg.norm(inverse, axis=1)
    first, second = np.triu_indices(positions.shape[1], k=1)
    fractional = positions @ inverse
    difference = fractional[:, first] - fractional[:, second]
    difference -= np.rint(difference)
    shortest = np.minimum(_lengths(difference @ cell), _lengths(_IMAGES[_IMAGES.any(axis=1)] @ cell))
    for i in np.flatnonzero(shortest > heights.min(axis=1) / 2):
        images = (difference[i, None] + _IMAGES[:, None]).reshape(-1, 3)
        shortest[i] = min(shortest[i], _lengths((images @ cell[i])[None])[0])
    return shortest


def _lengths(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(B,) the smallest norm among (B, P, 3) vectors, infinite where P is 0."""
    squares = np.einsum("bpx,bpx->bp", vectors, vectors)
    shortest: NDArray[np.float64] = np.sqrt(squares.min(axis=1, initial=np.inf))
    return shortest
