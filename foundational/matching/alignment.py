"""Exact comparison of two configurations: which atom is which, and how far any of them lies from its partner."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.matching.lattices import complete_cells, rotation_between, same_lattice

#: Distances held in memory at a time.
_PAIRS = 1_000_000
#: Atoms that are tried before all atoms are, where a configuration may have been moved as a whole.
_PROBES = 4

#: How the second of two equal configurations was written, the largest change named: other digits only, atoms moved by
#: lattice vectors, all atoms moved together, atoms in another order, all rotated together.
Rewriting = Literal["rewritten", "wrapped", "translated", "permuted", "rotated"]


@dataclass(frozen=True, eq=False)
class Alignment:
    """Two configurations that are equal within the tolerance."""

    displacement: float
    """Å; the largest distance between two atoms that belong together, after all atoms were moved together."""
    rewriting: Rewriting
    order: NDArray[np.int64] | None
    """(N,) atom ``k`` of the first is atom ``order[k]`` of the second; None for the same order."""
    rotation: NDArray[np.float64] | None
    """(3, 3) rows of the first @ rotation are rows of the second; None for the same orientation."""

    def vectors(self, of_second: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, 3) vectors of the atoms of the second, such as forces, for the atoms of the first, in its axes."""
        ordered = of_second if self.order is None else of_second[self.order]
        return ordered if self.rotation is None else ordered @ self.rotation.T

    def tensor(self, of_second: NDArray[np.float64]) -> NDArray[np.float64]:
        """(3, 3) a tensor of the second, such as a stress, in the axes of the first."""
        return of_second if self.rotation is None else self.rotation @ of_second @ self.rotation.T


def align(a: Configurations, b: Configurations, pairs: NDArray[np.int64], tolerance: float) -> list[Alignment | None]:
    """For each of P ``pairs`` (rows of ``a``, rows of ``b``; of the same size), how they agree; None where they do not.

    Frames in the same order of atoms are compared all at once, the others one by one. Seen are other digits, atoms
    moved by lattice vectors, another basis of the lattice, all atoms moved together, another order of the atoms of an
    element; and rotations, where a cell is periodic along all vectors and its vectors correspond one by one. Not
    seen are rotated clusters and slabs, mirror images, and supercells of a cell.
    """
    first, second = pairs[:, 0], pairs[:, 1]
    few_a, few_b = a.with_labels(None).take(first), b.with_labels(None).take(second)
    cells_a, cells_b = complete_cells(few_a), complete_cells(few_b)
    lattice = (few_a.pbc == few_b.pbc).all(axis=1)
    # Slabs whose vectors stand in another order have another pattern of boundaries: they are not seen.
    lattice[lattice] = same_lattice(cells_a[lattice], cells_b[lattice], few_a.pbc[lattice], tolerance)
    found = _in_order(few_a, few_b, cells_b, tolerance)
    out: list[Alignment | None] = []
    ends = few_a.offsets.tolist()
    for p in range(len(pairs)):
        if lattice[p] and found[p] is not None:
            out.append(found[p])
            continue
        rows = slice(ends[p], ends[p + 1])
        rotation = None
        if not lattice[p]:
            if not (few_a.pbc[p].all() and few_b.pbc[p].all()):
                out.append(None)
                continue
            rotation = rotation_between(cells_a[p], cells_b[p], tolerance)
            if rotation is None:
                out.append(None)
                continue
        out.append(
            _Pair(
                few_a.positions[rows].astype(np.float64) @ (np.eye(3) if rotation is None else rotation),
                few_b.positions[rows].astype(np.float64),
                few_a.atomic_numbers[rows],
                few_b.atomic_numbers[rows],
                cells_b[p],
                few_b.pbc[p],
                tolerance,
            ).aligned(rotation)
        )
    return out


def _in_order(
    a: Configurations, b: Configurations, cells: NDArray[np.float64], tolerance: float
) -> list[Alignment | None]:
    """Pairs of rows whose atoms stand in the same order, moved by lattice vectors and together at most."""
    pair, starts = b.configuration_of_atom, b.offsets[:-1]
    difference = b.positions.astype(np.float64) - a.positions
    raw = np.sqrt(np.maximum.reduceat((difference**2).sum(axis=1), starts))
    inverse = np.linalg.inv(cells)

    def wrapped(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        whole = np.where(b.pbc[pair], np.rint(np.einsum("ax,axy->ay", vectors, inverse[pair])), 0.0)
        short: NDArray[np.float64] = vectors - np.einsum("ax,axy->ay", whole, cells[pair])
        return short

    difference = wrapped(difference)
    together = difference[starts]
    difference = wrapped(difference - together[pair])
    mean = np.add.reduceat(difference, starts) / b.n_atoms[:, None]
    together += mean
    away = np.sqrt(np.maximum.reduceat(((difference - mean[pair]) ** 2).sum(axis=1), starts))
    away[np.logical_or.reduceat(a.atomic_numbers != b.atomic_numbers, starts)] = np.inf
    shift = np.linalg.norm(wrapped_rows(together, cells, b.pbc), axis=1)
    found: list[Alignment | None] = []
    for k in range(len(cells)):
        kind: Rewriting = "rewritten" if raw[k] <= 2 * tolerance else "wrapped"
        kind = "translated" if shift[k] > tolerance else kind
        found.append(Alignment(float(away[k]), kind, None, None) if away[k] <= tolerance else None)
    return found


def wrapped_rows(
    vectors: NDArray[np.float64], cells: NDArray[np.float64], pbc: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(…, 3) each vector without whole vectors of its cell (…, 3, 3): fractions within ±½ along periodic directions."""
    whole = np.where(pbc, np.rint(np.einsum("...x,...xy->...y", vectors, np.linalg.inv(cells))), 0.0)
    short: NDArray[np.float64] = vectors - np.einsum("...x,...xy->...y", whole, cells)
    return short


@dataclass(frozen=True, eq=False)
class _Pair:
    """Positions and species of two configurations in one orientation, and the cell of both."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    numbers_x: NDArray[np.uint8]
    numbers_y: NDArray[np.uint8]
    cell: NDArray[np.float64]
    pbc: NDArray[np.bool_]
    tolerance: float

    def aligned(self, rotation: NDArray[np.float64] | None) -> Alignment | None:
        """The first assignment within the tolerance: atoms where they are, else all moved together."""
        for shift in self._shifts():
            # A shift that one atom gives is off by as much as that atom is.
            order = self._assignment(shift, 2 * self.tolerance)
            if order is None:
                continue
            difference = wrapped_rows(self.y[order] - self.x - shift, self.cell, self.pbc)
            mean = difference.mean(axis=0)
            away = float(np.linalg.norm(difference - mean, axis=1).max())
            if away > self.tolerance:
                continue
            permuted = bool((order != np.arange(len(order))).any())
            together = float(np.linalg.norm(wrapped_rows(shift + mean, self.cell, self.pbc)))
            kind: Rewriting = "translated" if together > self.tolerance else "wrapped"
            kind = "rotated" if rotation is not None else "permuted" if permuted else kind
            return Alignment(away, kind, order if permuted else None, rotation)
        return None

    def _shifts(self) -> Iterator[NDArray[np.float64]]:
        """No shift; then those that put the first atom of the rarest element on another one of it, where they may fit.

        A shift may fit where some further atoms land on atoms of their element too.
        """
        yield np.zeros(3)
        elements, counts = np.unique(self.numbers_x, return_counts=True)
        rarest = elements[np.argmin(counts)]
        anchor = int(np.flatnonzero(self.numbers_x == rarest)[0])
        shifts = self.y[self.numbers_y == rarest] - self.x[anchor]
        probes = np.linspace(0, len(self.x) - 1, min(len(self.x), _PROBES), dtype=np.int64)
        for probe in probes.tolist():
            partners = self.y[self.numbers_y == self.numbers_x[probe]]
            per_block = max(1, _PAIRS // max(1, len(partners)))
            fits = np.zeros(len(shifts), dtype=bool)
            for start in range(0, len(shifts), per_block):
                block = shifts[start : start + per_block]
                vectors = partners[None] - (self.x[probe] + block)[:, None]
                squares = (wrapped_rows(vectors, self.cell, self.pbc) ** 2).sum(axis=2)
                fits[start : start + per_block] = squares.min(axis=1) <= (2 * self.tolerance) ** 2
            shifts = shifts[fits]
        yield from shifts

    def _assignment(self, shift: NDArray[np.float64], limit: float) -> NDArray[np.int64] | None:
        """(N,) the atom of ``y`` for each atom of ``x``, all within ``limit`` Å; None where there is none."""
        n = len(self.x)
        per_rows = max(1, _PAIRS // n)
        edges: list[NDArray[np.int64]] = []
        for start in range(0, n, per_rows):
            rows = slice(start, start + per_rows)
            vectors = self.y[None] - (self.x[rows] + shift)[:, None]
            near = (wrapped_rows(vectors, self.cell, self.pbc) ** 2).sum(axis=2) <= limit**2
            near &= self.numbers_x[rows, None] == self.numbers_y[None]
            if not near.any(axis=1).all():
                return None
            atoms, partners = np.nonzero(near)
            edges.append(np.column_stack([atoms + start, partners]))
        joined = np.concatenate(edges)
        if len(joined) == n:
            order: NDArray[np.int64] = joined[:, 1].astype(np.int64)
            return order if len(np.unique(order)) == n else None
        # Only atoms that lie close together have several partners, and scipy is slow to import.
        from scipy.sparse import coo_array  # noqa: PLC0415
        from scipy.sparse.csgraph import maximum_bipartite_matching  # noqa: PLC0415

        graph = coo_array((np.ones(len(joined), np.int8), (joined[:, 0], joined[:, 1])), shape=(n, n)).tocsr()
        matched = np.asarray(maximum_bipartite_matching(graph, perm_type="column"), dtype=np.int64)
        return None if (matched < 0).any() else matched
