"""Which of many rows of numbers have another row close to them: a sieve whose work is near linear."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Edge of a cell of the grid, in units of the distance within which rows are close.
_EDGE: Final = 4.0
#: Columns of one grid.
_COLUMNS: Final = 5
#: Odd numbers that mix the places of a cell to one number.
_MIXERS: Final = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F], np.uint64
)


def rows_in_company(numbers: NDArray[np.float64], kinds: NDArray[np.integer]) -> NDArray[np.int64]:
    """Rows of ``numbers`` (R, K) that may have another row of their kind within 1 in all columns; none is missing.

    Rows lie in the cells of a grid over a few columns, those near the lower face of a cell in the cell below as well:
    so two close rows share a cell. Rows that are alone in their cells are dropped, and the rest go to a grid over the
    next columns.
    """
    rows = np.arange(len(numbers))
    order = np.argsort(-numbers.std(axis=0)) if len(numbers) else np.arange(numbers.shape[1])
    for start in range(0, len(order), _COLUMNS):
        if len(rows) < 2:
            return rows[:0]
        rows = rows[_sharing(numbers[rows][:, order[start : start + _COLUMNS]] / _EDGE, kinds[rows])]
    return rows if len(rows) > 1 else rows[:0]


def _sharing(places: NDArray[np.float64], kinds: NDArray[np.integer]) -> NDArray[np.int64]:
    """Rows that share a cell of edge 1 with another one."""
    cells = np.floor(places)
    low = places - cells <= (1 + 1e-6) / _EDGE
    mixers = _MIXERS[: places.shape[1]]
    with np.errstate(over="ignore"):
        codes = (cells.astype(np.int64).astype(np.uint64) * mixers).sum(axis=1, dtype=np.uint64)
        codes += kinds.astype(np.uint64) * np.uint64(0x8EBC6AF09C88C6E3)
        rows = np.arange(len(places))
        for column, mixer in enumerate(mixers):
            again = low[rows, column]
            codes = np.concatenate([codes, codes[again] - mixer])
            rows = np.concatenate([rows, rows[again]])
    order = np.argsort(codes, kind="stable")
    same = codes[order[1:]] == codes[order[:-1]]
    found = np.zeros(len(places), dtype=bool)
    found[rows[order[1:][same]]] = True
    found[rows[order[:-1][same]]] = True
    return np.flatnonzero(found)
