"""Numbers of distances between atoms, as a simple description of a configuration, and pair forces from it.

Only the nearest image of each pair counts, and only distances below half the smallest height of the cell, where that
image is the only one. So the description is the same however a configuration is wrapped.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.data.streaming.pair_distances import PairBlock, cells_at_once, visit_pairs

#: Pair distances held in memory at a time.
_PAIRS = 2_000_000


#: What a pair adds to a sum that counts pairs and adds numbers below 1.
_ONE = float(1 << 20)


_Block = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


@dataclass(frozen=True)
class PairBasis:
    """Hat functions on equally spaced knots: a piecewise linear function of the distance for each kind of pair.

    ``knots`` (K,) Å; the last of them is the range, where the functions end. ``kinds`` (119, 119) gives the kind of
    a pair of atomic numbers.
    """

    knots: NDArray[np.float64]
    kinds: NDArray[np.int64]

    @property
    def size(self) -> int:
        """Functions in all."""
        return (len(self.knots) - 1) * (int(self.kinds.max()) + 1)


def pair_basis(elements: NDArray[np.integer], reach: float, functions: int = 16) -> PairBasis:
    """A basis up to ``reach``, Å; pairs of up to three elements are distinguished, else all pairs are one kind."""
    kinds = np.zeros((119, 119), dtype=np.int64)
    if len(elements) <= 3:
        number = 0
        for i, first in enumerate(elements):
            for second in elements[i:]:
                kinds[first, second] = kinds[second, first] = number
                number += 1
    return PairBasis(np.linspace(min(0.5, reach / 2), reach, functions + 1), kinds)


def pair_reach(configurations: Configurations) -> NDArray[np.float64]:
    """(C,) Å: half the smallest height along the periodic directions; infinite for a cluster."""
    inverse = np.linalg.inv(configurations.complete_cell)
    heights = 1 / np.linalg.norm(inverse, axis=1)
    reach: NDArray[np.float64] = np.where(configurations.pbc, heights, np.inf).min(axis=1) / 2
    return reach


def pair_counts(configurations: Configurations, basis: PairBasis) -> NDArray[np.float64]:
    """(C, K) sums of the basis functions over all pairs of each configuration."""
    counted = PairCounts(len(configurations), basis)
    visit_pairs(configurations, np.flatnonzero(configurations.n_atoms > 1), [counted])
    return counted.counts


class PairCounts:
    """As `pair_counts`, of configurations whose pairs `visit_pairs` shows.

    Each pair adds 1 − w to the knot below it and w to the next one. Both follow from the number of pairs between two
    knots and the sum of their w, which are counted in one number: `_ONE` for each pair, and w. Between two knots there
    are fewer than `_ONE` pairs, and a sum of w in a cell of 1,000 atoms keeps six decimals.
    """

    def __init__(self, count: int, basis: PairBasis) -> None:
        self.counts = np.zeros((count, basis.size))
        """(C, K)"""
        self.basis = basis
        self._kinds = int(basis.kinds.max()) + 1
        self._width = len(basis.knots)  # the last place is for pairs beyond the range
        # Few classes of elements instead of 119 numbers: the kind of a pair comes from a short table.
        rows, classes = np.unique(basis.kinds, axis=0, return_index=True, return_inverse=True)[1:]
        self._class, self._classes = classes.reshape(-1), len(rows)
        self._first_place = (basis.kinds[np.ix_(rows, rows)] * self._width).astype(np.float64).reshape(-1)

    def begin(self, block: PairBlock) -> None:
        """See `foundational.data.streaming.pair_distances.PairVisitor`."""
        self._rows, self._n = block.rows, block.numbers.shape[1]
        # The same atoms in the same order in all of them: one column says what pairs are of.
        numbers = block.numbers[:1] if (block.numbers == block.numbers[:1]).all() else block.numbers
        classes = np.ascontiguousarray(self._class[np.minimum(numbers, 118)].T)
        self._second, self._first = np.concatenate([classes, classes]), classes * self._classes
        self._offsets = np.arange(len(block.rows)) * float(self._kinds * self._width)
        self._sums = np.zeros(len(block.rows) * self._kinds * self._width)
        self._work = np.empty((2, self._n, len(block.rows)))

    def see(self, shift: int, squares: NDArray[np.float64]) -> None:
        """See `foundational.data.streaming.pair_distances.PairVisitor`."""
        knots, rows = self.basis.knots, len(squares)
        scaled, place = self._work[0, :rows], self._work[1, :rows]
        np.sqrt(squares, out=scaled)
        scaled -= knots[0]
        scaled /= knots[1] - knots[0]
        np.maximum(scaled, 0, out=scaled)
        np.minimum(scaled, self._width - 1, out=scaled)
        np.floor(scaled, out=place)
        scaled -= place
        scaled += _ONE
        place += self._first_place[self._first[:rows] + self._second[shift : shift + rows]]
        place += self._offsets
        self._sums += np.bincount(
            place.reshape(-1).astype(np.int64), weights=scaled.reshape(-1), minlength=len(self._sums)
        )

    def end(self) -> None:
        """See `foundational.data.streaming.pair_distances.PairVisitor`."""
        pairs = np.floor(self._sums / _ONE)
        weights = (self._sums - pairs * _ONE).reshape(len(self._rows), -1, self._width)
        below = pairs.reshape(weights.shape)[:, :, :-1] - weights[:, :, :-1]
        below[:, :, 1:] += weights[:, :, :-2]
        self.counts[self._rows] = below.reshape(len(self._rows), -1)


def pair_forces(configurations: Configurations, basis: PairBasis) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(A, 3, K) forces and (C, 3, 3, K) virials Σ r⊗f, eV, that a unit of each basis function gives.

    A pair of distance r repels with the force given by the basis function, eV/Å, along its connecting vector. So a
    fit of the coefficients to forces gives a pair potential, and the virials are those of that potential.
    """
    forces = np.zeros((int(configurations.offsets[-1]), 3, basis.size))
    virials = np.zeros((len(configurations), 3, 3, basis.size))
    per_kind = len(basis.knots) - 1
    for block, first, second, difference in _blocks(configurations):
        distance = np.sqrt(np.einsum("bpx,bpx->bp", difference, difference))
        place, kind, weight = _hats(configurations, basis, block, first, second, distance)
        b, p = np.nonzero(place >= 0)  # pairs within the range, which are few
        start, place, kind, weight = configurations.offsets[block][b], place[b, p], kind[b, p], weight[b, p]
        unit = difference[b, p] / np.maximum(distance[b, p], 1e-9)[:, None]
        outer = difference[b, p][:, :, None] * unit[:, None, :]
        rows = (start + first[p], start + second[p], block[b])
        for shift, share in ((0, 1 - weight), (1, weight)):
            near = np.flatnonzero(place + shift < per_kind)
            column = kind[near] * per_kind + place[near] + shift
            vector = unit[near] * share[near, None]
            pushed, pulled, cell = (row[near] * basis.size + column for row in rows)
            weighted = outer[near] * share[near, None, None]
            for x in range(3):
                forces[:, x] += _sums(pushed, vector[:, x], forces[:, x].shape)
                forces[:, x] -= _sums(pulled, vector[:, x], forces[:, x].shape)
                for y in range(3):
                    virials[:, x, y] += _sums(cell, weighted[:, x, y], virials[:, x, y].shape)
    return forces, virials


def forces_of_pairs(
    configurations: Configurations, basis: PairBasis, coefficients: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(A, 3) eV/Å, the forces of the pair potential with these (K,) coefficients: `pair_forces` times them.

    Pairs are taken by the difference of their places, as in `foundational.data.streaming.pair_distances`.
    """
    c, forces = configurations, np.zeros((int(configurations.offsets[-1]), 3))
    per_kind = len(basis.knots) - 1
    # Two values more for each kind: beyond the last knot no pair repels.
    table = np.hstack([coefficients.reshape(-1, per_kind), np.zeros((basis.size // per_kind, 2))]).ravel()
    for n in np.unique(c.n_atoms).tolist():
        members, together = np.flatnonzero(c.n_atoms == n), cells_at_once(n)
        for start in range(0, len(members), together):
            block = members[start : start + together]
            atoms = c.atoms_of(block).reshape(len(block), n)
            forces[atoms] = _forces_of_block(c.take(block), n, basis.knots, table, basis.kinds * (per_kind + 2))
    return forces


def _forces_of_block(
    c: Configurations, n: int, knots: NDArray[np.float64], table: NDArray[np.float64], places: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(B, n, 3) forces of B configurations of ``n`` atoms; ``places`` (119, 119) is where a kind begins in ``table``.

    The cells lie along the last axis, and the atoms stand twice one after another: so the partners of all atoms at one
    difference of places are one slice.
    """
    cell = c.complete_cell
    fractional = (c.positions.reshape(len(c), n, 3).astype(np.float64) @ np.linalg.inv(cell)).transpose(2, 1, 0)
    fractional = np.concatenate([fractional, fractional], axis=1)
    closed = None if c.pbc.all() else c.pbc.T.astype(np.float64)[:, None]
    one = len(np.unique(c.atomic_numbers)) == 1
    numbers = c.atomic_numbers.reshape(len(c), n).T
    numbers = np.concatenate([numbers, numbers])
    total = np.zeros((3, 2 * n, len(c)))
    for shift in range(1, n // 2 + 1):
        rows = n if 2 * shift < n else n - shift
        first, second = slice(0, rows), slice(shift, shift + rows)
        d = fractional[:, first] - fractional[:, second]
        nearest = np.rint(d)
        d -= nearest if closed is None else nearest * closed
        vector = np.zeros_like(d)
        for k, x in np.argwhere(cell.any(axis=0)).tolist():
            vector[x] += d[k] * cell[:, k, x]
        distance = np.sqrt((vector * vector).sum(axis=0))
        scaled = np.clip((distance - knots[0]) / (knots[1] - knots[0]), 0, len(knots) - 1)
        place = scaled.astype(np.int64)
        scaled -= place
        place += places[numbers[0, 0], numbers[0, 0]] if one else places[numbers[first], numbers[second]]
        size = table[place]
        size += (table[place + 1] - size) * scaled
        size /= np.maximum(distance, 1e-9, out=distance)
        vector *= size
        total[:, first] += vector
        total[:, second] -= vector
    return (total[:, :n] + total[:, n:]).transpose(2, 1, 0)


def _sums(places: NDArray[np.int64], weights: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """(R, K) the sum of the weights at each place."""
    sums = np.bincount(places, weights=weights, minlength=int(np.prod(shape)))
    return sums.reshape(shape).astype(np.float64, copy=False)


def _blocks(configurations: Configurations) -> Iterator[_Block]:
    """Blocks of configurations of equal size: rows (B,), pairs (P,), (P,), differences first − second (B, P, 3)."""
    cell = configurations.complete_cell
    inverse = np.linalg.inv(cell)
    periodic = configurations.pbc
    for n in np.unique(configurations.n_atoms):
        members = np.flatnonzero(configurations.n_atoms == n)
        first, second = np.triu_indices(int(n), k=1)
        if not len(first):
            continue
        per_block = max(1, _PAIRS // len(first))
        for begin in range(0, len(members), per_block):
            block = members[begin : begin + per_block]
            positions = configurations.positions[configurations.atoms_of(block)].reshape(len(block), n, 3)
            fractional = positions.astype(np.float64) @ inverse[block]
            difference = fractional[:, first] - fractional[:, second]
            difference -= np.where(periodic[block][:, None], np.rint(difference), 0.0)
            yield block, first, second, difference @ cell[block]


def _hats(
    configurations: Configurations,
    basis: PairBasis,
    block: NDArray[np.int64],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    distance: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """(B, P) the knot below each distance (−1 beyond the range), the kind of pair, and the weight of the next knot."""
    knots = basis.knots
    step = knots[1] - knots[0]
    scaled = np.maximum(distance - knots[0], 0) / step
    place = np.floor(scaled).astype(np.int64)
    weight = scaled - place
    place[distance >= knots[-1]] = -1
    n = int(configurations.n_atoms[block[0]])
    numbers = configurations.atomic_numbers[configurations.atoms_of(block)].reshape(len(block), n)
    return place, basis.kinds[numbers[:, first], numbers[:, second]], weight
