"""The shortest distance in each configuration, between atoms or between an atom and its own image."""

from dataclasses import dataclass
from itertools import product
from typing import Self

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.data.streaming.pair_distances import Floats, PairBlock, visit_pairs

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
    if scale is None:
        found = ShortestDistances(configurations)
        visit_pairs(configurations, found.rows, [found])
        return found.shortest
    shortest = np.full(len(configurations), np.nan)
    cells, valid = configurations.complete_cell, _with_volume(configurations)
    for n in np.unique(configurations.n_atoms):
        members = np.flatnonzero((configurations.n_atoms == n) & valid)
        per_block = max(1, _PAIRS // max(1, int(n) * (int(n) - 1) // 2))
        first, second = np.triu_indices(int(n), k=1)
        for start in range(0, len(members), per_block):
            block = members[start : start + per_block]
            atoms = configurations.atoms_of(block)
            positions = configurations.positions[atoms].reshape(len(block), n, 3).astype(np.float64)
            numbers = np.minimum(configurations.atomic_numbers[atoms].reshape(len(block), n), 118)
            pairs, own = scale[numbers[:, first], numbers[:, second]], scale[numbers, numbers].max(axis=1)
            images = _Images.of(cells[block], configurations.pbc[block])
            between = _lengths(_differences(positions, images.inverse, images.pbc) @ images.cells, pairs)
            own_images = images.own(np.arange(len(block)))
            shortest[block] = np.minimum(between, own_images / own)
            for i in images.too_short(np.minimum(between * pairs.max(axis=1, initial=0), own_images)):
                shortest[block[i]] = min(shortest[block[i]], images.through_all(i, positions[i], pairs[i]))
    return shortest


class ShortestDistances:
    """As `shortest_distances`, of configurations whose pairs `visit_pairs` shows."""

    def __init__(self, configurations: Configurations) -> None:
        self.configurations = configurations
        self.rows: NDArray[np.int64] = np.flatnonzero(_with_volume(configurations))
        """Those that must be shown."""
        self.shortest = np.full(len(configurations), np.nan)
        """(C,) Å."""

    def begin(self, block: PairBlock) -> None:
        """See `foundational.data.streaming.pair_distances.PairVisitor`."""
        self._block, self._least = block, np.full(len(block.rows), np.inf)

    def see(self, shift: int, squares: Floats) -> None:  # noqa: ARG002 - of a visitor
        """See `foundational.data.streaming.pair_distances.PairVisitor`."""
        least = np.minimum.reduce(squares, axis=0)  # much faster than fmin, which passes over what is no number
        if np.isnan(least).any():
            least = np.fmin.reduce(squares, axis=0)
        np.fmin(self._least, least, out=self._least)

    def end(self) -> None:
        """See `foundational.data.streaming.pair_distances.PairVisitor`."""
        rows, c = self._block.rows, self.configurations
        images = _Images.of(self._block.cells, self._block.pbc)
        found = np.sqrt(np.maximum(self._least, 0.0))
        far = np.flatnonzero(found > 0.99 * images.height)  # no image is nearer than the height of the cell
        found[far] = np.minimum(found[far], images.own(far))
        self.shortest[rows] = found
        for i in images.too_short(found):
            positions = c.positions[c.offsets[rows[i]] : c.offsets[rows[i] + 1]].astype(np.float64)
            self.shortest[rows[i]] = min(found[i], images.through_all(i, positions))


def _with_volume(configurations: Configurations) -> NDArray[np.bool_]:
    """(C,) whether the complete cell is finite and has a volume."""
    cells = configurations.complete_cell
    valid: NDArray[np.bool_] = np.asarray(np.isfinite(cells).all(axis=(1, 2)))
    valid[valid] = np.abs(np.linalg.det(cells[valid])) > 0
    return valid


@dataclass(frozen=True, eq=False)
class _Images:
    """Images of B cells along their periodic vectors."""

    cells: Floats
    inverse: Floats
    pbc: NDArray[np.bool_]
    height: Floats
    """(B,) Å: smallest height of the cell along periodic vectors; infinite for a cluster."""

    @classmethod
    def of(cls, cells: Floats, pbc: NDArray[np.bool_]) -> Self:
        inverse = np.linalg.inv(cells).astype(np.float64, copy=False)
        heights: Floats = np.where(pbc, 1 / np.linalg.norm(inverse, axis=1), np.inf)
        return cls(cells, inverse, pbc, heights.min(axis=1))

    def own(self, places: NDArray[np.int64]) -> Floats:
        """(P,) Å: distance of an atom to its nearest own image in the cells ``places``."""
        closed = ~((_IMAGES != 0)[None] & ~self.pbc[places, None]).any(axis=2, keepdims=True)
        images = np.where(closed, _IMAGES, np.nan)[:, _IMAGES.any(axis=1)]
        return _lengths(images @ self.cells[places])

    def too_short(self, found: Floats) -> list[int]:
        """Cells in which ``found`` is so long that another image than that of rounded differences may be nearer."""
        places: list[int] = np.flatnonzero(found > self.height / 2).tolist()
        return places

    def through_all(self, i: int, positions: Floats, pairs: Floats | None = None) -> float:
        """The shortest distance in cell ``i`` through all 27 images, over ``pairs`` (P,) where they are given."""
        near = _IMAGES[~((_IMAGES != 0) & ~self.pbc[i]).any(axis=1)]
        difference = _differences(positions[None], self.inverse[i : i + 1], self.pbc[i : i + 1])
        every = (difference + near[:, None]).reshape(-1, 3)
        divisors = None if pairs is None else np.tile(pairs, len(near))[None]
        return float(_lengths((every @ self.cells[i])[None], divisors)[0])


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
