"""Lists of neighbours and of pairs of them, for the torch path."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foundational.engines.ani.aev import Geometry
from foundational.engines.ani.kernels.aev import all_neighbours, near_scratch
from foundational.engines.compilation import compiled


class NeighbourLists(NamedTuple):
    """P directed neighbours of the atoms of a flat batch, and T pairs of close ones of the same atom."""

    centre: NDArray[np.int64]
    """(P,)"""
    neighbour: NDArray[np.int64]
    """(P,) the atom of which it is an image."""
    vectors: NDArray[np.float32]
    """(P, 3) Å, from the centre to the image."""
    first: NDArray[np.int64]
    """(T,) rows of the above."""
    second: NDArray[np.int64]
    """(T,)"""


def neighbour_lists(geometry: Geometry, cutoff: float, close_cutoff: float) -> NeighbourLists:
    """All neighbours within ``cutoff`` Å and all pairs of those within ``close_cutoff`` Å."""
    count = np.zeros(2, np.int64)
    empty, none = np.empty(0, np.int64), np.empty((0, 3), np.float32)
    _list(*geometry.arrays(), cutoff, close_cutoff, empty, empty, none, empty, empty, count)
    pairs = (np.empty(count[0], np.int64), np.empty(count[0], np.int64), np.empty((count[0], 3), np.float32))
    triples = (np.empty(count[1], np.int64), np.empty(count[1], np.int64))
    _list(*geometry.arrays(), cutoff, close_cutoff, *pairs, *triples, count)
    return NeighbourLists(*pairs, *triples)


@compiled
def _list(
    positions: Any,
    fractional: Any,
    cell: Any,
    reach: Any,
    species: Any,  # noqa: ARG001 - the arguments of all kernels
    offsets: Any,
    owner: Any,
    cutoff: Any,
    close_cutoff: Any,
    centre: Any,
    neighbour: Any,
    vectors: Any,
    first: Any,
    second: Any,
    count: Any,
) -> None:
    """Count into ``count`` (2,); fill the arrays too, where they have a length."""
    near = near_scratch(128, 1)
    p, t = 0, 0
    for atom in range(len(positions)):
        c = owner[atom]
        begin, end = offsets[c], offsets[c + 1]
        where, scaled = positions[begin:end], fractional[begin:end]
        n, near = all_neighbours(atom - begin, where, scaled, cell[c], reach[c], cutoff, near)
        for k in range(n):
            if len(centre):
                centre[p + k], neighbour[p + k] = atom, begin + near.image_of[k]
                for a in range(3):
                    vectors[p + k, a] = near.vectors[a, k]
            if near.distance[k] < close_cutoff:
                for j in range(k):
                    if near.distance[j] < close_cutoff:
                        if len(first):
                            first[t], second[t] = p + j, p + k
                        t += 1
        p += n
    count[0], count[1] = p, t
