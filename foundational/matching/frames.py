"""Configurations to search: their signatures in memory, the numbers themselves read when they are compared."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from foundational.data.batches import BATCH_ATOMS, iterate_batches, to_configurations
from foundational.data.configurations import Configurations
from foundational.matching.alignment import Alignment, align
from foundational.matching.signatures import Signatures, joined_signatures, signatures_of

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, eq=False)
class Frames:
    """What a search needs of a dataset. Memory: some hundred bytes a configuration and four an atom."""

    signatures: Signatures
    load: Callable[[NDArray[np.int64]], Configurations]
    """The configurations of some rows, in ascending order."""

    def __len__(self) -> int:
        return len(self.signatures)

    @classmethod
    def of_dataset(cls, dataset: "xr.Dataset") -> "Frames":
        """Those of a dataset, which is streamed once.

        Raises
        ------
        ChecksumError
            A damaged chunk was met.
        """
        names = [name for name in ("n_atoms", "cell", "pbc", "atomic_numbers", "positions") if name in dataset]
        few = dataset[names]
        parts = [signatures_of(batch) for _, batch in iterate_batches(few)]
        return cls(
            joined_signatures(parts or [signatures_of(to_configurations(few))]),
            lambda rows: to_configurations(few, rows),
        )

    @classmethod
    def of_configurations(cls, configurations: Configurations) -> "Frames":
        """Those of configurations in memory."""
        few = configurations.with_labels(None)
        return cls(signatures_of(few), few.take)


def aligned_pairs(
    a: Frames, b: Frames, pairs: NDArray[np.int64], tolerance: float
) -> Iterator[tuple[NDArray[np.int64], list[Alignment | None]]]:
    """Blocks of ``pairs`` (P, 2) with what `align` says of them, few enough atoms at a time."""
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    ends = np.cumsum(a.signatures.n_atoms[pairs[:, 0]])
    start = 0
    while start < len(pairs):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + BATCH_ATOMS, side="right")))
        block = pairs[start:stop]
        rows_a, in_a = np.unique(block[:, 0], return_inverse=True)
        rows_b, in_b = np.unique(block[:, 1], return_inverse=True)
        local = np.column_stack([in_a.reshape(-1), in_b.reshape(-1)])
        yield block, align(a.load(rows_a), b.load(rows_b), local, tolerance)
        start = stop
