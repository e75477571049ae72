"""Pairs of configurations whose signatures allow that they are equal, in blocks of bounded size."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from foundational.matching.signatures import Signatures

#: Pairs in one block.
BLOCK = 50_000
#: Å; what single precision and the order of sums change in a distance.
_ROUNDING = 2e-6


def candidate_pairs(
    a: Signatures,
    rows_a: NDArray[np.int64],
    b: Signatures,
    rows_b: NDArray[np.int64],
    tolerance: float,
) -> Iterator[NDArray[np.int64]]:
    """(P, 2) rows of ``a`` and ``b`` that may be equal within ``tolerance`` Å; no equal pair is missing.

    The work grows as n log n, and with the number of pairs whose signatures agree. It stays near linear while
    ``tolerance`` is small compared with the differences between configurations.
    """
    kinds = np.unique(np.concatenate([a.kind[rows_a], b.kind[rows_b]]), return_inverse=True)[1]
    kinds = np.asarray(kinds).reshape(-1)
    of_a = np.argsort(kinds[: len(rows_a)], kind="stable")
    of_b = np.argsort(kinds[len(rows_a) :], kind="stable")
    sorted_a, sorted_b = kinds[: len(rows_a)][of_a], kinds[len(rows_a) :][of_b]
    shared = np.intersect1d(sorted_a, sorted_b)
    bounds = [np.searchsorted(s, shared, side=side) for s in (sorted_a, sorted_b) for side in ("left", "right")]
    waiting: list[NDArray[np.int64]] = []
    for start_a, stop_a, start_b, stop_b in zip(*(edges.tolist() for edges in bounds), strict=True):
        for block in _of_one_kind(a, rows_a[of_a[start_a:stop_a]], b, rows_b[of_b[start_b:stop_b]], tolerance):
            waiting.append(block)
            if sum(map(len, waiting)) >= BLOCK:
                yield np.concatenate(waiting)
                waiting = []
    if waiting:
        yield np.concatenate(waiting)


def radius(signatures: Signatures, rows: NDArray[np.int64], tolerance: float) -> float:
    """Å; the most by which a distance of two equal configurations among ``rows`` differs."""
    return float(signatures.slack[rows].max() * tolerance) + _ROUNDING


def _of_one_kind(
    a: Signatures, rows_a: NDArray[np.int64], b: Signatures, rows_b: NDArray[np.int64], tolerance: float
) -> Iterator[NDArray[np.int64]]:
    reach = max(radius(a, rows_a, tolerance), radius(b, rows_b, tolerance))
    # The edge of the volume is scaled so that one radius serves all coordinates.
    stretch = max(float(a.stretch[rows_a].max()), float(b.stretch[rows_b].max()))
    scale = reach / (stretch * tolerance + _ROUNDING)
    keys_a, keys_b = (
        np.column_stack([s.features[rows], s.edge[rows] * scale]) for s, rows in ((a, rows_a), (b, rows_b))
    )
    if len(rows_a) == 1 and len(rows_b) == 1:
        if np.abs(keys_a - keys_b).max() <= reach:
            yield np.column_stack([rows_a, rows_b])
        return
    tree = KDTree(keys_a)
    counts = tree.query_ball_point(keys_b, reach, p=np.inf, return_length=True)
    found = np.flatnonzero(counts)
    ends = np.cumsum(counts[found])
    start = 0
    while start < len(found):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + BLOCK, side="right")))
        block = found[start:stop]
        lists = tree.query_ball_point(keys_b[block], reach, p=np.inf)
        partners = np.concatenate([np.asarray(rows, dtype=np.int64) for rows in lists])
        pairs = np.column_stack([rows_a[partners], rows_b[np.repeat(block, counts[block])]])
        yield from _with_equal_distances(a, b, pairs, reach)
        start = stop


def _with_equal_distances(
    a: Signatures, b: Signatures, pairs: NDArray[np.int64], reach: float
) -> Iterator[NDArray[np.int64]]:
    """Those of ``pairs`` whose sorted distances to nearest neighbours agree, atom by atom."""
    n = int(a.n_atoms[pairs[0, 0]])
    ends_a, ends_b = np.cumsum(a.n_atoms), np.cumsum(b.n_atoms)
    per_block = max(1, 2_000_000 // n)
    within = np.arange(-n, 0)
    for start in range(0, len(pairs), per_block):
        block = pairs[start : start + per_block]
        of_a = a.nearest[ends_a[block[:, 0], None] + within]
        of_b = b.nearest[ends_b[block[:, 1], None] + within]
        kept = np.abs(of_a - of_b).max(axis=1) <= reach
        if kept.any():
            yield block[kept]
