"""Numbers of many frames in few arrays: no object is kept for each frame."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

#: Arrays that are joined to one at a time.
_BLOCK: Final = 2048


@dataclass
class Column:
    """Arrays of frames, one after another along the first axis."""

    _blocks: list[NDArray[Any]] = field(default_factory=list)
    _pending: list[NDArray[Any]] = field(default_factory=list)

    def append(self, array: NDArray[Any]) -> None:
        """Add the rows of a frame."""
        pending = self._pending
        pending.append(array)
        if len(pending) == _BLOCK:
            self._join()

    def joined(self) -> NDArray[Any]:
        """All rows; the column is empty afterwards, so that they are in memory once."""
        self._join()
        blocks, self._blocks = self._blocks, []
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)

    def _join(self) -> None:
        if self._pending:
            self._blocks.append(np.concatenate(self._pending))
            self._pending = []
