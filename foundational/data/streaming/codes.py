"""Ids as small whole numbers, which sort and compare much faster than 16 bytes do."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def codes_of(*tables: NDArray[np.uint8]) -> list[NDArray[np.int64]]:
    """For each table of (C, 16) ids, (C,) numbers that are equal where the ids are, in the order in which bytes sort.

    >>> one, other = np.zeros((2, 16), np.uint8), np.zeros((1, 16), np.uint8)
    >>> one[0, 15] = 7
    >>> [codes.tolist() for codes in codes_of(one, other)]
    [[1, 0], [0]]
    """
    rows = np.concatenate([np.ascontiguousarray(table) for table in tables])
    first, second = (column.astype(np.uint64) for column in rows.view(">u8").T)
    order = np.argsort(first)  # equal ids get one code, in whatever order they come
    high, low = first.take(order), second.take(order)
    tied = high[1:] == high[:-1]
    if (tied & (low[1:] < low[:-1])).any():
        order = np.lexsort((second, first))
        high, low = first.take(order), second.take(order)
        tied = high[1:] == high[:-1]
    codes = np.empty(len(rows), dtype=np.int64)
    codes[order] = np.concatenate([np.zeros(min(1, len(rows)), np.int64), np.cumsum(~(tied & (low[1:] == low[:-1])))])
    ends = np.cumsum([0, *(len(table) for table in tables)]).tolist()
    return [codes[start:stop] for start, stop in pairwise(ends)]


def all_differ(ids: NDArray[np.uint8]) -> bool:
    """Whether no two of (C, 16) ids are equal; False also where some only begin alike, which digests hardly do.

    >>> all_differ(np.eye(3, 16, dtype=np.uint8)), all_differ(np.zeros((2, 16), np.uint8))
    (True, False)
    """
    halves = np.ascontiguousarray(ids).view(np.uint64)[:, 0].copy()
    halves.sort()
    return not (halves[1:] == halves[:-1]).any()


def paired(codes: NDArray[np.int64], other: NDArray[np.integer]) -> NDArray[np.int64]:
    """(C,) small numbers that are equal where both are.

    >>> paired(np.array([1, 1, 0]), np.array([7, -5, 7])).tolist()
    [3, 2, 1]
    """
    values, place = np.unique(other, return_inverse=True)
    joined: NDArray[np.int64] = codes * len(values) + place
    return joined


def first_of_each(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """(C,) for each number the place of the first that is equal to it; the numbers are small and not negative.

    >>> first_of_each(np.array([5, 3, 5, 3])).tolist()
    [0, 1, 0, 1]
    """
    first = np.empty(int(codes.max(initial=-1)) + 1, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]  # the last that is written stays
    return first.take(codes)
