"""Distances of all pairs of atoms in many cells of one size, to the nearest image of fractional differences.

Arrays have the cells along the last axis, and pairs are taken by the difference of their places: so every step works on
long rows of numbers that stay in the processor's cache.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: Numbers in one row of work: 64 kB.
_NUMBERS: Final = 8_192


def cells_at_once(n_atoms: int) -> int:
    """Cells of ``n_atoms`` atoms that are worked on together.

    >>> cells_at_once(32)
    256
    """
    return max(8, _NUMBERS // max(1, n_atoms))


def pair_squares(positions: Floats, cells: Floats, pbc: NDArray[np.bool_]) -> Iterator[tuple[int, Floats]]:
    """(shift, (M, B) Å²) squared distances of the atoms i and i + shift modulo N, for i < M, of B cells.

    Every pair comes once: shifts are 1 … N/2, with M = N, but for the last shift of an even N, where M = N/2. The
    array is used again for the next shift.

    Parameters
    ----------
    positions
        (B, N, 3) Å.
    cells
        (B, 3, 3) Å, lattice vectors in rows.
    pbc
        (B, 3)
    """
    count, n = positions.shape[:2]
    fractional = np.ascontiguousarray((positions @ np.linalg.inv(cells)).transpose(2, 1, 0))
    metric = (cells @ cells.transpose(0, 2, 1)).transpose(1, 2, 0)
    skew = [(a, b) for a, b in ((0, 1), (0, 2), (1, 2)) if metric[a, b].any()]
    diagonal = np.ascontiguousarray(metric[[0, 1, 2], [0, 1, 2]])[:, None]
    closed = None if pbc.all() else pbc.T.astype(np.float64)[:, None]
    difference, work = np.empty((3, n, count)), np.empty((3, n, count))
    for shift in range(1, n // 2 + 1):
        rows = n if 2 * shift < n else n - shift
        d, w = difference[:, :rows], work[:, :rows]
        np.subtract(fractional[:, shift:], fractional[:, : n - shift], out=d[:, : n - shift])
        if rows == n:
            np.subtract(fractional[:, :shift], fractional[:, n - shift :], out=d[:, n - shift :])
        np.rint(d, out=w)
        if closed is not None:
            w *= closed
        d -= w
        np.multiply(d, d, out=w)
        w *= diagonal
        squares = w[0]
        squares += w[1]
        squares += w[2]
        for a, b in skew:
            np.multiply(d[a], d[b], out=w[1])
            w[1] *= 2 * metric[a, b]
            squares += w[1]
        yield shift, squares


def nearest_squares(positions: Floats, cells: Floats, pbc: NDArray[np.bool_], kept: int = 3) -> Floats:
    """(``kept``, N, B) Å²: for each atom the squared distances to its nearest other atoms; infinite where too few."""
    count, n = positions.shape[:2]
    nearest = np.full((kept, n, count), np.inf)
    smaller, larger = np.empty((n, count)), np.empty((n, count))
    for shift, squares in pair_squares(positions, cells, pbc):
        rows = len(squares)
        parts = [(slice(0, rows), slice(0, rows)), (slice(shift, n), slice(0, n - shift))]
        if rows == n:
            parts.append((slice(0, shift), slice(n - shift, n)))
        for atoms, pairs in parts:
            entering = squares[pairs]
            for rank in range(kept):
                own = nearest[rank, atoms]
                if rank + 1 < kept:
                    moved_on = (larger if rank % 2 == 0 else smaller)[: len(entering)]
                    np.maximum(own, entering, out=moved_on)
                np.minimum(own, entering, out=own)
                if rank + 1 < kept:
                    entering = moved_on
    return nearest
