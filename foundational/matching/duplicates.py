"""Groups of configurations of one dataset that are equal within a tolerance."""

import numpy as np
from numpy.typing import NDArray

from foundational.errors import InputError
from foundational.matching.candidates import candidate_pairs
from foundational.matching.frames import Frames, aligned_pairs
from foundational.matching.signatures import radius, rows_that_may_be_equal

#: Å; what is farther apart is another configuration.
LARGEST_TOLERANCE = 0.1
#: Most passes that join neighbours in sorted order.
_PASSES = 4


def require_tolerance(tolerance: float) -> None:
    """Refuse a tolerance that is not a length between 0 and `LARGEST_TOLERANCE`.

    Raises
    ------
    InputError
        It is negative, not finite, or too large.
    """
    if not 0 <= tolerance <= LARGEST_TOLERANCE:
        raise InputError(f"expected a tolerance of 0 to {LARGEST_TOLERANCE} Å, got {tolerance:g}")


def groups_of_equal(frames: Frames, tolerance: float) -> NDArray[np.int64]:
    """(C,) for each configuration the row of the first one that is equal to it within ``tolerance`` Å.

    A configuration that equals no earlier one has its own row. Groups are chains: two members can differ by more than
    the tolerance where others lie between them. Up to about 10⁻³ Å the work is near linear in the number of
    configurations; where the tolerance is as large as the moves of atoms between frames, most pairs are compared.
    `foundational.matching.alignment.align` says what is seen and what is not.

    Raises
    ------
    InputError
        The tolerance is not one.
    """
    require_tolerance(tolerance)
    first = np.arange(len(frames))
    rows = rows_that_may_be_equal(frames.signatures, np.flatnonzero(frames.signatures.valid), tolerance)
    rows = _joined_in_order(frames, first, rows, tolerance)
    for pairs in candidate_pairs(frames.signatures, rows, frames.signatures, rows, tolerance):
        _join(frames, first, pairs[pairs[:, 0] < pairs[:, 1]], tolerance)
    while (first[first] != first).any():
        first = first[first]
    return first


def _joined_in_order(
    frames: Frames, first: NDArray[np.int64], rows: NDArray[np.int64], tolerance: float
) -> NDArray[np.int64]:
    """Join neighbours in the order of their signatures; the rows that are left, one of each group.

    Many copies of one configuration are so compared with one neighbour each, and not all with all.
    """
    signatures = frames.signatures
    for number in range(_PASSES):
        if len(rows) < 2:
            break
        features = signatures.features[rows]
        by = np.roll(np.arange(features.shape[1]), number)
        order = rows[np.lexsort((*features[:, by].T, signatures.edge[rows], signatures.kind[rows].view("S16")))]
        near = np.abs(np.diff(signatures.features[order], axis=0)).max(axis=1) <= radius(signatures, rows, tolerance)
        near &= signatures.kind[order[1:]] == signatures.kind[order[:-1]]
        pairs = np.column_stack([order[:-1], order[1:]])[near]
        _join(frames, first, pairs, tolerance)
        left = np.flatnonzero(first[rows] == rows)
        if len(left) > 0.9 * len(rows):
            return rows[left]
        rows = rows[left]
    return rows


def _join(frames: Frames, first: NDArray[np.int64], pairs: NDArray[np.int64], tolerance: float) -> None:
    """Put the equal ones of ``pairs`` into one group each."""
    if not len(pairs):
        return
    for block, alignments in aligned_pairs(frames, frames, pairs, tolerance):
        for (one, other), alignment in zip(block.tolist(), alignments, strict=True):
            if alignment is not None:
                low, high = sorted((_root(first, one), _root(first, other)))
                first[high] = low


def _root(first: NDArray[np.int64], row: int) -> int:
    """The first row of the group of ``row``; the path to it is made shorter."""
    while first[row] != row:
        first[row] = first[first[row]]
        row = int(first[row])
    return row
