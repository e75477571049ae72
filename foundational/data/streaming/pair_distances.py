"""Distances of all pairs of atoms in many cells of one size, to the nearest image of fractional differences.

Arrays have the cells along the last axis, and pairs are taken by the difference of their places: so every step works on
long rows of numbers that stay in the processor's cache. What several rules ask of the distances is computed in one walk
over them (`visit_pairs`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations

Floats = NDArray[np.float64]
#: Numbers in one row of work: 64 kB.
_NUMBERS: Final = 8_192


def cells_at_once(n_atoms: int) -> int:
    """Cells of ``n_atoms`` atoms that are worked on together.

    >>> cells_at_once(32)
    256
    """
    return max(8, _NUMBERS // max(1, n_atoms))


@dataclass(frozen=True, eq=False)
class PairBlock:
    """B configurations of N atoms each."""

    rows: NDArray[np.int64]
    """(B,) their rows."""
    numbers: NDArray[np.uint8]
    """(B, N) atomic numbers."""
    cells: Floats
    """(B, 3, 3) Å: complete cells."""
    pbc: NDArray[np.bool_]
    """(B, 3)"""


class PairVisitor(Protocol):
    """Sees all pairs of many configurations, block after block."""

    def begin(self, block: PairBlock) -> None:
        """The pairs of ``block`` come next."""

    def see(self, shift: int, squares: Floats) -> None:
        """(M, B) Å² of the pairs i, i + shift, as in `pair_squares`; the array must not be changed."""

    def end(self) -> None:
        """All pairs of the block were there."""


def visit_pairs(
    configurations: Configurations,
    rows: NDArray[np.int64],
    visitors: Sequence[PairVisitor],
    cells: Floats | None = None,
) -> None:
    """Show all pairs of the configurations ``rows`` to all ``visitors``.

    Configurations of the same atoms in the same order come together. No number depends on which come together.

    Parameters
    ----------
    cells
        (C, 3, 3) Å with a volume; by default the complete cells.
    """
    c = configurations
    cells = c.complete_cell if cells is None else cells
    for n in np.unique(c.n_atoms[rows]).tolist():
        members = rows[c.n_atoms[rows] == n]
        # All of one size, as in most sets: then no rows of atoms need to be looked up.
        tables = (
            (c.positions.reshape(len(c), n, 3), c.atomic_numbers.reshape(len(c), n)) if (c.n_atoms == n).all() else None
        )
        if tables is None:
            atoms = c.atoms_of(members)
            tables = c.positions[atoms].reshape(len(members), n, 3), c.atomic_numbers[atoms].reshape(len(members), n)
            places = np.arange(len(members))
        else:
            places = members
        order = _alike_together(tables[1][places])
        for start in range(0, len(order), cells_at_once(n)):
            block = order[start : start + cells_at_once(n)]
            row, at = members[block], places[block]
            shown = PairBlock(row, tables[1][at], cells[row], c.pbc[row])
            for visitor in visitors:
                visitor.begin(shown)
            for shift, squares in pair_squares(tables[0][at].astype(np.float64), shown.cells, shown.pbc):
                for visitor in visitors:
                    visitor.see(shift, squares)
            for visitor in visitors:
                visitor.end()


def _alike_together(numbers: NDArray[np.uint8]) -> NDArray[np.int64]:
    """An order of the rows of ``numbers`` (R, N) in which equal ones are neighbours, as a hash of them says."""
    if (numbers == numbers[:1]).all():
        return np.arange(len(numbers))
    mixers = np.random.default_rng(0).integers(1, 2**32, numbers.shape[1], dtype=np.uint64)
    order: NDArray[np.int64] = np.argsort(numbers.astype(np.uint64) @ mixers, kind="stable")
    return order


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


class NearestDistances:
    """For each atom the squared distances to its nearest other atoms, of the configurations that are asked for."""

    def __init__(self, asked: NDArray[np.bool_], kept: int = 3) -> None:
        """Look at those configurations that are ``asked`` for, (C,), and keep that many distances for each atom."""
        self.asked, self.kept = asked, kept
        self.found: list[tuple[NDArray[np.int64], Floats]] = []
        """Rows (B,), and (kept, N, B) Å², ascending; infinite where there are too few atoms."""
        self._rows = np.zeros(0, np.int64)
        self._nearest: Floats | None = None
        self._work = np.empty((2, 0, 0))

    def begin(self, block: PairBlock) -> None:
        """See `PairVisitor`."""
        count, n = block.numbers.shape
        self._rows, self._nearest = block.rows, None
        if self.asked[block.rows].any():
            self._nearest = np.full((self.kept, n, count), np.inf)
            if self._work.shape[1:] != (n, count):
                self._work = np.empty((2, n, count))

    def see(self, shift: int, squares: Floats) -> None:
        """See `PairVisitor`."""
        if self._nearest is None:
            return
        rows, n = len(squares), self._nearest.shape[1]
        parts = [(slice(0, rows), slice(0, rows)), (slice(shift, n), slice(0, n - shift))]
        if rows == n:
            parts.append((slice(0, shift), slice(n - shift, n)))
        for atoms, pairs in parts:
            entering = squares[pairs]
            for rank in range(self.kept):
                own = self._nearest[rank, atoms]
                if rank + 1 < self.kept:
                    moved_on = self._work[rank % 2, : len(entering)]
                    np.maximum(own, entering, out=moved_on)
                np.minimum(own, entering, out=own)
                if rank + 1 < self.kept:
                    entering = moved_on

    def end(self) -> None:
        """See `PairVisitor`."""
        if self._nearest is not None:
            chosen = self.asked[self._rows]
            self.found.append((self._rows[chosen], self._nearest[:, :, chosen]))
            self._nearest = None
