"""The shortest distance in each configuration, between atoms or between an atom and its own image."""

from itertools import product

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.data.streaming.pair_distances import cells_at_once, pair_squares

#: Pair distances held in memory at a time.
_PAIRS = 1_000_000
_IMAGES = np.array(list(product((-1, 0, 1), repeat=3)), dtype=np.float64)


def overlap_limits(distance: float, covalent_share: float) -> NDArray[np.float64]:
    """(119, 119) Å by atomic numbers: the distance below which two atoms overlap.

    It is ``distance``, or ``covalent_share`` of the sum of their covalent radii where that is less
    (doi:10.1039/b801115j).
    """
    from ase.data import covalent_radii  # noqa: PLC0415 - slow to import, and rarely needed

    radii = np.asarray(covalent_radii[:119], dtype=np.float64)
    radii = np.concatenate([radii, np.full(119 - len(radii), radii[-1])])
    return np.minimum(distance, covalent_share * (radii[:, None] + radii[None]))


def shortest_distances(configurations: Configurations, scale: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """(C,) Å, with images along the periodic vectors; NaN for a cell without volume, infinite for an isolated atom.

    The nearest image of a pair is the one whose fractional differences are rounded to within ±½; that is exact for
    distances up to half the smallest height of the cell (a vector with |f·h| ≤ d has |f| ≤ d/h in each direction).
    Cells in which a longer distance was found, as in primitive cells, are searched through all 27 neighbouring images.

    Parameters
    ----------
    scale
        (119, 119) Å by atomic numbers; distances are divided by it. None: they are not.
    """
    shortest = np.full(len(configurations), np.nan)
    cells = configurations.complete_cell
    valid: NDArray[np.bool_] = np.asarray(np.isfinite(cells).all(axis=(1, 2)))
    valid[valid] = np.abs(np.linalg.det(cells[valid])) > 0
    for n in np.unique(configurations.n_atoms):
        members = np.flatnonzero((configurations.n_atoms == n) & valid)
        per_block = max(1, _PAIRS // max(1, int(n) * (int(n) - 1) // 2)) if scale is not None else cells_at_once(int(n))
        for start in range(0, len(members), per_block):
            block = members[start : start + per_block]
            atoms = configurations.atoms_of(block)
            positions = configurations.positions[atoms].reshape(len(block), n, 3).astype(np.float64)
            pairs, own = None, None
            if scale is not None:
                numbers = np.minimum(configurations.atomic_numbers[atoms].reshape(len(block), n), 118)
                first, second = np.triu_indices(int(n), k=1)
                pairs = scale[numbers[:, first], numbers[:, second]]
                own = scale[numbers, numbers].max(axis=1)
            shortest[block] = _of_equal_sizes(cells[block], configurations.pbc[block], positions, pairs, own)
    return shortest


def _of_equal_sizes(
    cell: NDArray[np.float64],
    pbc: NDArray[np.bool_],
    positions: NDArray[np.float64],
    pairs: NDArray[np.float64] | None,
    own: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    """(B,) shortest distances of cells (B, 3, 3) with positions (B, N, 3), over ``pairs`` (B, P) and ``own`` (B,)."""
    inverse = np.linalg.inv(cell)
    heights = np.where(pbc, 1 / np.linalg.norm(inverse, axis=1), np.inf)
    images = np.where(((_IMAGES != 0)[None] & ~pbc[:, None]).any(axis=2, keepdims=True), np.inf, _IMAGES)
    own_images = _lengths(np.where(np.isinf(images), np.nan, images)[:, _IMAGES.any(axis=1)] @ cell)
    if pairs is None:
        least = np.full(len(cell), np.inf)
        for _, squares in pair_squares(positions, cell, pbc):
            np.fmin(least, np.fmin.reduce(squares, axis=0), out=least)
        between = np.sqrt(np.maximum(least, 0.0))
    else:
        between = _lengths(_differences(positions, inverse, pbc) @ cell, pairs)
    shortest: NDArray[np.float64] = np.minimum(between, own_images if own is None else own_images / own)
    longest = between if pairs is None else between * pairs.max(axis=1, initial=0)
    for i in np.flatnonzero(np.minimum(longest, own_images) > heights.min(axis=1) / 2):
        near = _IMAGES[np.isfinite(images[i]).all(axis=1)]
        difference = _differences(positions[i : i + 1], inverse[i : i + 1], pbc[i : i + 1])
        every = (difference + near[:, None]).reshape(-1, 3)
        divisors = None if pairs is None else np.tile(pairs[i], len(near))[None]
        shortest[i] = min(shortest[i], _lengths((every @ cell[i])[None], divisors)[0])
    return shortest


def _differences(
    positions: NDArray[np.float64], inverse: NDArray[np.floating], pbc: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(B, P, 3) fractional differences of all pairs, each to the nearest image."""
    first, second = np.triu_indices(positions.shape[1], k=1)
    fractional = positions @ inverse
    difference = fractional[:, first] - fractional[:, second]
    nearest: NDArray[np.float64] = np.asarray(difference - np.where(pbc[:, None], np.rint(difference), 0.0))
    return nearest


def _lengths(vectors: NDArray[np.float64], divisors: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """(B,) the smallest norm among (B, P, 3) vectors over ``divisors`` (B, P), NaN skipped."""
    squares = np.einsum("bpx,bpx->bp", vectors, vectors)
    if divisors is not None:
        squares /= divisors**2
    shortest: NDArray[np.float64] = np.sqrt(np.fmin.reduce(squares, axis=1, initial=np.inf))
    return shortest
