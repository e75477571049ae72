"""Pairs of configurations whose signatures allow that they are equal, in blocks of bounded size."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from foundational.matching.signatures import ROUNDING, Signatures, radius

#: Pairs in one block.
BLOCK = 50_000
#: Pairs that a search within one set holds in memory; where there are more, it goes block by block.
_MOST_PAIRS = 5_000_000
#: Columns in which such a search looks, and rows from which these are chosen.
_COLUMNS, _SAMPLE = 4, 10_000
#: Rows that are compared by their order in one column: scipy's tree takes longer to import.
_FEW = 4_096


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


def _of_one_kind(
    a: Signatures, rows_a: NDArray[np.int64], b: Signatures, rows_b: NDArray[np.int64], tolerance: float
) -> Iterator[NDArray[np.int64]]:
    reach = max(radius(a, rows_a, tolerance), radius(b, rows_b, tolerance))
    # The edge of the volume is scaled so that one radius serves all coordinates.
    stretch = max(float(a.stretch[rows_a].max()), float(b.stretch[rows_b].max()))
    scale = reach / (stretch * tolerance + ROUNDING)
    keys_a, keys_b = (
        np.column_stack([s.features[rows], s.edge[rows] * scale]) for s, rows in ((a, rows_a), (b, rows_b))
    )
    if len(rows_a) == 1 and len(rows_b) == 1:
        if np.abs(keys_a - keys_b).max() <= reach:
            yield np.column_stack([rows_a, rows_b])
        return
    if a is b and np.array_equal(rows_a, rows_b):
        near = _near_pairs(keys_a / reach)
        if near is not None:
            pairs = np.column_stack([rows_a[near[:, 0]], rows_a[near[:, 1]]])
            yield from _with_equal_distances(a, b, pairs, reach)
            return
    from scipy.spatial import KDTree  # noqa: PLC0415 - slow to import, which few sets need

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


def _near_pairs(keys: NDArray[np.float64]) -> NDArray[np.int64] | None:
    """(P, 2) pairs of different rows of ``keys`` (R, K) within 1 in all columns; None where they are too many.

    The search looks at a few columns that tell most apart, since a search in many dimensions is slow.
    """
    columns = _telling_columns(keys[np.linspace(0, len(keys) - 1, min(len(keys), _SAMPLE)).astype(np.int64)])
    if len(keys) <= _FEW:
        return _near_in_order(keys, columns[0])
    from scipy.spatial import KDTree  # noqa: PLC0415 - slow to import, which few sets need

    few = keys[:, columns]
    tree = KDTree(few, leafsize=20, balanced_tree=False, compact_nodes=False)
    tried = few[np.linspace(0, len(few) - 1, min(len(few), 500)).astype(np.int64)]
    partners = tree.query_ball_point(tried, 1.0, p=np.inf, return_length=True).mean() - 1
    if partners * len(few) > 2 * _MOST_PAIRS:
        return None
    pairs: NDArray[np.int64] = tree.query_pairs(1.0, p=np.inf, output_type="ndarray")
    near: NDArray[np.int64] = pairs[np.abs(keys[pairs[:, 0]] - keys[pairs[:, 1]]).max(axis=1, initial=0) <= 1]
    return near


def _near_in_order(keys: NDArray[np.float64], column: int) -> NDArray[np.int64] | None:
    """As `_near_pairs`, found in the order of one of the columns."""
    order = np.argsort(keys[:, column], kind="stable")
    ascending = keys[order]
    found, count = [np.zeros((0, 2), np.int64)], 0
    for step in range(1, len(keys)):
        places = np.flatnonzero(ascending[step:, column] - ascending[:-step, column] <= 1)
        if not places.size:  # rows farther apart in the order differ by more still
            break
        near = places[np.abs(ascending[places + step] - ascending[places]).max(axis=1) <= 1]
        count += near.size
        if count > _MOST_PAIRS:
            return None
        found.append(np.column_stack([order[near], order[near + step]]))
    return np.sort(np.concatenate(found), axis=1)


def _telling_columns(keys: NDArray[np.float64]) -> list[int]:
    """Columns of ``keys``, each with the largest spread that the columns before it leave unexplained."""
    rest = keys - keys.mean(axis=0)
    columns: list[int] = []
    for _ in range(min(_COLUMNS, keys.shape[1])):
        spread = (rest**2).sum(axis=0)
        columns.append(int(np.argmax(spread)))
        direction = rest[:, columns[-1]] / max(float(np.sqrt(spread.max())), 1e-300)
        rest = rest - np.outer(direction, direction @ rest)
    return columns


def _with_equal_distances(
    a: Signatures, b: Signatures, pairs: NDArray[np.int64], reach: float
) -> Iterator[NDArray[np.int64]]:
    """Those of ``pairs`` whose sorted distances to nearest neighbours agree, atom by atom."""
    if not len(pairs):
        return
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
