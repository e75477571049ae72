"""Numbers of a configuration that no rewriting changes: the first sieve of a search for equal configurations.

They do not change where atoms are wrapped, exchanged or all moved or rotated together, nor with the basis of the
lattice. Where every atom moves by at most τ, and every lattice vector as well, each of them changes by a few τ
(`Signatures.slack`): no edge of a bin can hide an equal configuration.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.data.streaming.pair_distances import NearestDistances, visit_pairs
from foundational.matching.company import rows_in_company
from foundational.matching.lattices import complete_cells, heights_along

#: Å; what single precision and the order of sums change in a distance.
ROUNDING = 2e-6
#: Distances held in memory at a time.
_PAIRS = 1_000_000
#: Distances to this many nearest neighbours of each atom are looked at.
_NEIGHBOURS = 3
#: Distances are cut at this multiple of the cube root of the volume per atom, and at `_LONGEST` Å.
_REACH = 1.5
_LONGEST = 6.0
#: Å; the cut in cells that are periodic along one or two vectors, which have no volume per atom.
_REACH_MIXED = 4.0
#: Most images along one vector in each direction; in cells so skewed that these are too few, distances are cut earlier.
_IMAGES = 3


@dataclass(frozen=True, eq=False)
class Signatures:
    """Of C configurations with A atoms: some hundred bytes a configuration and four an atom."""

    n_atoms: NDArray[np.int64]
    """(C,)"""
    kind: NDArray[np.void]
    """(C,) hash of the composition and of the number of periodic vectors; equal where both are."""
    features: NDArray[np.float64]
    """(C, 9) Å: smallest, mean and largest distance of an atom to its first, second and third neighbour."""
    edge: NDArray[np.float64]
    """(C,) Å: cube root of the volume; 0 where the cell is not periodic along all vectors."""
    stretch: NDArray[np.float64]
    """(C,) how far ``edge`` changes, for each Å by which the lattice vectors change."""
    slack: NDArray[np.float64]
    """(C,) how far distances change, for each Å by which atoms and lattice vectors move."""
    nearest: NDArray[np.float32]
    """(A,) Å: distance of each atom to its nearest, in ascending order within each configuration."""

    def __len__(self) -> int:
        return len(self.n_atoms)

    @property
    def valid(self) -> NDArray[np.bool_]:
        """(C,) whether a configuration has finite numbers and a cell with volume; the others equal nothing."""
        valid: NDArray[np.bool_] = np.isfinite(self.features).all(axis=1) & np.isfinite(self.edge)
        return valid


def joined_signatures(parts: Sequence[Signatures]) -> Signatures:
    """Those of several batches, in order."""
    names = Signatures.__dataclass_fields__
    return Signatures(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def radius(signatures: Signatures, rows: NDArray[np.int64], tolerance: float) -> float:
    """Å; the most by which a distance of two equal configurations among ``rows`` differs."""
    return float(signatures.slack[rows].max() * tolerance) + ROUNDING


def rows_that_may_be_equal(signatures: Signatures, rows: NDArray[np.int64], tolerance: float) -> NDArray[np.int64]:
    """Those of ``rows`` whose signatures agree with those of another one within ``tolerance`` Å; none is missing."""
    if len(rows) < 2:
        return rows[:0]
    wide = float(signatures.stretch[rows].max()) * tolerance + ROUNDING
    numbers = np.column_stack(
        [signatures.features[rows] / radius(signatures, rows, tolerance), signatures.edge[rows] / wide]
    )
    kinds = np.unique(signatures.kind[rows], return_inverse=True)[1].reshape(-1)
    return rows[rows_in_company(numbers, kinds)]


def signatures_of(configurations: Configurations) -> Signatures:
    """One row for each configuration; the work grows with the square of the atoms of a configuration."""
    return SignatureMaker(configurations).finish()


class SignatureMaker:
    """Makes signatures in a walk over all pairs that others need too, where `visit_pairs` shows ``nearest`` pairs."""

    def __init__(self, configurations: Configurations) -> None:
        self.configurations = c = configurations
        periods = c.pbc.sum(axis=1)
        with np.errstate(all="ignore"):
            finite = np.isfinite(c.cell).all(axis=(1, 2)) & (c.n_atoms > 0)
            bad_atoms = c.configuration_of_atom[~np.isfinite(c.positions).all(axis=1)]
            finite[bad_atoms] = False
            finite[finite] &= ~((periods[finite] == 3) & (c.volume[finite] <= 0))
        count = len(c)
        self._edge, self._stretch, self._slack = np.full(count, np.nan), np.ones(count), np.full(count, 2.0)
        self._reach, self._images = np.full(count, np.nan), np.zeros((count, 3), np.int64)
        self._cells, self._rows = np.array(c.cell), np.flatnonzero(finite)
        self._kind = _kinds(c, periods)
        if self._rows.size:
            rows = self._rows
            few = c if rows.size == count else c.with_labels(None).take(rows)
            cells = complete_cells(few)
            heights = np.where(few.pbc, heights_along(cells), np.inf)
            edge = np.where(few.pbc.all(axis=1), np.cbrt(np.abs(np.linalg.det(cells))), 0.0)
            reach = _reach(few, edge, heights)
            images = _images(reach, heights, few.pbc)
            self._stretch[rows] = np.maximum(1.0, edge / 3 * (1 / heights).sum(axis=1))
            self._slack[rows] = 2 + np.where(few.pbc, images + 1, 0).sum(axis=1)
            self._cells[rows], self._edge[rows], self._reach[rows], self._images[rows] = cells, edge, reach, images
        # In other cells vectors along directions without periods are replaced, or farther images are looked at.
        self.nearest = NearestDistances(finite & c.pbc.all(axis=1) & ~self._images.any(axis=1), _NEIGHBOURS)

    def finish(self) -> Signatures:
        """The signatures."""
        c = self.configurations
        features = np.full((len(c), 3 * _NEIGHBOURS), np.nan)
        nearest = np.full(int(c.n_atoms.sum()), np.nan, np.float32)
        seen = np.zeros(len(c), dtype=bool)
        found = [(rows, np.sqrt(squares).transpose(2, 1, 0)) for rows, squares in self.nearest.found]
        for rows, _ in found:
            seen[rows] = True
        rest = self._rows[~seen[self._rows]]
        for rows, distances in (*found, *_distances(c, self._cells, self._images, rest)):
            cut = np.minimum(distances, self._reach[rows, None, None])
            cut[~np.isfinite(cut)] = 0.0  # a cluster without another atom
            features[rows] = np.hstack([cut.min(axis=1), cut.mean(axis=1), cut.max(axis=1)])
            nearest[c.atoms_of(rows)] = np.sort(cut[:, :, 0], axis=1).reshape(-1)
        return Signatures(
            c.n_atoms.astype(np.int64), self._kind, features, self._edge, self._stretch, self._slack, nearest
        )


def _reach(c: Configurations, edge: NDArray[np.float64], heights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(C,) Å at which distances are cut: the same in every basis of a lattice, infinite for clusters."""
    reach: NDArray[np.float64] = np.minimum(_REACH * edge / np.cbrt(c.n_atoms), _LONGEST)
    reach[edge == 0] = _REACH_MIXED
    reach = np.minimum(reach, (_IMAGES + 0.5) * heights.min(axis=1))
    reach[~c.pbc.any(axis=1)] = np.inf
    return reach


def _images(reach: NDArray[np.float64], heights: NDArray[np.float64], pbc: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(C, 3) images along each vector, in both directions, that a search within ``reach`` needs.

    A fractional difference within ±½ is the shortest one up to half the height; n images reach n heights farther.
    """
    many = np.where(pbc, reach[:, None], 0.0) / np.where(pbc, heights, 1.0)
    images: NDArray[np.int64] = np.ceil(many - 0.5).clip(0, _IMAGES).astype(np.int64)
    return images


def _kinds(c: Configurations, periods: NDArray[np.int64]) -> NDArray[np.void]:
    """(C,) hash of the composition and of the number of periodic vectors."""
    kinds = np.empty(len(c), dtype=np.dtype((np.void, 16)))
    known: dict[bytes, bytes] = {}
    for n in np.unique(c.n_atoms).tolist():
        members = np.flatnonzero(c.n_atoms == n)
        numbers = c.atomic_numbers[c.atoms_of(members)].reshape(len(members), n)
        table = np.ascontiguousarray(np.column_stack([numbers, periods[members].astype(np.uint8)]))
        # One of each pattern stands for all: many sets have few.
        same = (table[1:] == table[:-1]).all(axis=1)
        starts = np.concatenate([[0], np.flatnonzero(~same) + 1])
        for first, last in zip(starts.tolist(), [*starts[1:].tolist(), len(members)], strict=True):
            raw = table[first].tobytes()
            if raw not in known:
                known[raw] = sha256(bytes(sorted(raw[:-1])) + raw[-1:]).digest()[:16]
            kinds[members[first:last]] = np.void(known[raw])
    return kinds


def _distances(
    c: Configurations, cells: NDArray[np.float64], images: NDArray[np.int64], rows: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """``rows``, those of one size together, with (B, N, 3) the distances of each atom to its three nearest images."""
    shapes, shape_of = np.unique(np.column_stack([c.n_atoms, images])[rows], axis=0, return_inverse=True)
    for number, (n, *reach) in enumerate(shapes.tolist()):
        members = rows[shape_of.reshape(-1) == number]
        if not any(reach):
            near = NearestDistances(np.ones(len(c), dtype=bool), _NEIGHBOURS)
            visit_pairs(c, members, [near], cells)
            yield from ((block, np.sqrt(squares).transpose(2, 1, 0)) for block, squares in near.found)
            continue
        axes = [np.arange(-m, m + 1) for m in reach]
        shifts = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.float64)
        per_block = max(1, _PAIRS // (n * n * len(shifts)))
        for start in range(0, len(members), per_block):
            block = members[start : start + per_block]
            positions = c.positions[c.atoms_of(block)].reshape(len(block), n, 3).astype(np.float64)
            yield block, _nearest(positions, cells[block], c.pbc[block], shifts)


def _nearest(
    positions: NDArray[np.float64], cell: NDArray[np.float64], pbc: NDArray[np.bool_], shifts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(B, N, 3) of cells (B, 3, 3) with positions (B, N, 3); infinite where there are fewer neighbours."""
    count, n = positions.shape[:2]
    fractional = positions @ np.linalg.inv(cell)
    out = np.full((count, n, _NEIGHBOURS), np.inf)
    per_rows = max(1, _PAIRS // (count * n * len(shifts)))
    home = int(np.flatnonzero(~shifts.any(axis=1))[0])
    for start in range(0, n, per_rows):
        atoms = slice(start, min(n, start + per_rows))
        difference = fractional[:, atoms, None] - fractional[:, None]
        difference -= np.where(pbc[:, None, None], np.rint(difference), 0.0)
        vectors = (difference.reshape(count, -1, 3) @ cell).reshape(*difference.shape)
        squares = np.empty((*difference.shape[:3], len(shifts)))
        for s, shift in enumerate(shifts):
            moved = vectors + (shift @ cell)[:, None, None] if shift.any() else vectors
            squares[..., s] = np.einsum("bijx,bijx->bij", moved, moved)
        own = np.arange(atoms.start, atoms.stop)
        squares[:, own - start, own, home] = np.inf
        flat = squares.reshape(count, len(own), -1)
        kept = min(_NEIGHBOURS, flat.shape[2])
        smallest = np.partition(flat, kept - 1, axis=2)[:, :, :kept]
        out[:, atoms, :kept] = np.sqrt(np.sort(smallest, axis=2))
    return out
