"""Numbers of many frames in few arrays: no object is kept for each frame."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foundational.data.conversion import narrowed
from foundational.data.extxyz import nine_digits_narrowed

#: Arrays of frames that are joined to one block at a time.
_BLOCK: Final = 2048
#: Bytes from which a block is not joined again: what is larger is given back to the system once it is freed.
_LARGE: Final = 1 << 26
#: Numbers that are spelled at a time.
_PART: Final = 65_536


class Narrowing:
    """float64 numbers as float32: where that changes none of them, or where nine digits of float32 were written."""

    def __init__(self) -> None:
        self._exact = self._digits = True

    def of(self, block: NDArray[Any]) -> NDArray[np.float32] | None:
        """``block`` as float32; None where it does not fit in the way in which all blocks before it did."""
        exact = self._exact and narrowed(block).dtype == np.float32
        digits = self._digits and nine_digits_narrowed(block).dtype == np.float32
        if not (exact or digits):
            return None
        self._exact, self._digits = exact, digits
        return block.astype(np.float32)

    def back(self, block: NDArray[np.float32]) -> NDArray[np.float64]:
        """The float64 numbers of a block that `of` gave."""
        if self._exact:
            return block.astype(np.float64)
        wide = np.empty(block.size)
        for start in range(0, block.size, _PART):
            part = block.reshape(-1)[start : start + _PART].tolist()
            wide[start : start + len(part)] = [float(f"{x:.9g}") for x in part]
        return wide.reshape(block.shape)


@dataclass
class Column:
    """Arrays of frames, one after another along the first axis."""

    narrowing: Narrowing | None = None
    """Where all rows fit it, they are kept as float32."""
    _blocks: list[NDArray[Any]] = field(default_factory=list)
    _pending: list[NDArray[Any]] = field(default_factory=list)

    def append(self, array: NDArray[Any]) -> None:
        """Add the rows of a frame."""
        pending = self._pending
        pending.append(array)
        if len(pending) == _BLOCK:
            self._join()

    def joined(self) -> NDArray[Any]:
        """All rows, narrow where all of them are; the column is empty afterwards, so that they are in memory once."""
        self._join()
        blocks, self._blocks = self._blocks, []
        if len(blocks) == 1:
            return blocks[0]
        whole = np.empty((sum(map(len, blocks)), *blocks[0].shape[1:]), np.result_type(*blocks))
        end = len(whole)
        while blocks:  # each is freed as soon as it is copied
            block = blocks.pop()
            whole[end - len(block) : end] = block
            end -= len(block)
        return whole

    def _join(self) -> None:
        if not self._pending:
            return
        block, self._pending = np.concatenate(self._pending), []
        if self.narrowing is not None:
            narrow = self.narrowing.of(block)
            if narrow is None:
                self._blocks = [self.narrowing.back(earlier) for earlier in self._blocks]
                self.narrowing = None
            block = block.astype(np.float64, copy=False) if narrow is None else narrow
        blocks = self._blocks
        blocks.append(block)
        while len(blocks) > 1 and blocks[-2].nbytes < min(_LARGE, 2 * blocks[-1].nbytes):
            last = blocks.pop()
            blocks[-1] = np.concatenate([blocks[-1], last])
