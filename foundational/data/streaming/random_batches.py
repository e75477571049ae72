"""Batches of a dataset for training: in random order, each configuration once an epoch, in bounded memory."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from foundational.data.batches import Offsets
from foundational.data.layout import LABELS, VARIABLES
from foundational.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

#: Atoms that are read together, in chunks that lie side by side on disk.
_BLOCK_ATOMS: Final = 65_536
_STRUCTURE: Final = ("cell", "pbc", "atomic_numbers", "positions")


class Batches:
    """Batch ``i`` of an epoch by ``batches[i]``, all of them by iteration: a mapping of names to NumPy arrays.

    A batch has ``positions``, ``atomic_numbers``, ``cell``, ``pbc``, ``n_atoms``, the labels that the dataset has, in
    the units of the layout, and ``configuration`` (A,), the place in the batch of the configuration of each atom. A
    label that is not known is NaN.

    The order is random. Where the numbers fit in ``memory``, it is a permutation of the whole dataset. Where not,
    blocks of neighbours are permuted, as many as fit are read, and the configurations of these are permuted: each comes
    once an epoch, and each chunk is decompressed once. The order depends on the seed and on the epoch alone.

    ``torch.utils.data.DataLoader(batches, batch_size=None)`` gives tensors of it.
    """

    def __init__(self, dataset: "xr.Dataset", size: int, *, shuffle: bool = True, seed: int = 0, memory: int) -> None:
        """Cut ``dataset`` to batches of ``size`` configurations.

        Raises
        ------
        InputError
            The size or the memory is not positive.
        """
        if size < 1 or memory < 1:
            raise InputError(f"expected batches of at least 1 configuration and some memory, got {size} and {memory}")
        self.size, self.shuffle, self.seed, self.epoch = size, shuffle, seed, 0
        self._dataset = dataset
        self._names = [name for name in (*_STRUCTURE, *LABELS) if name in dataset]
        self._offsets = Offsets.of(dataset)
        self._blocks = self._cut_to_blocks(memory)
        self._groups: dict[int, _Group] = {}
        self._start()

    def __len__(self) -> int:
        """Batches in an epoch; the last one may be smaller."""
        return (len(self._offsets.n_atoms) + self.size - 1) // self.size

    def __getitem__(self, number: int) -> Mapping[str, NDArray[Any]]:
        """Batch ``number`` of the epoch."""
        if not 0 <= number < len(self):
            raise IndexError(f"expected one of {len(self)} batches, got {number}")
        start, stop = number * self.size, min((number + 1) * self.size, len(self._offsets.n_atoms))
        first, last = (int(np.searchsorted(self._ends, place, side="right")) for place in (start, stop - 1))
        parts = []
        for g in range(first, last + 1):
            before = int(self._ends[g - 1]) if g else 0
            parts.append(self._group(g).batch(max(start, before) - before, min(stop, int(self._ends[g])) - before))
        for g in [g for g in self._groups if g < first]:
            del self._groups[g]
        joined = parts[0] if len(parts) == 1 else {n: np.concatenate([p[n] for p in parts]) for n in parts[0]}
        count = len(joined["n_atoms"])
        return joined | {"configuration": np.repeat(np.arange(count), joined["n_atoms"])}

    def __iter__(self) -> Iterator[Mapping[str, NDArray[Any]]]:
        """The batches of the epoch, one after another."""
        for number in range(len(self)):
            yield self[number]

    def set_epoch(self, epoch: int) -> None:
        """Take the order of another epoch."""
        self.epoch = epoch
        self._groups = {}
        self._start()

    def _cut_to_blocks(self, memory: int) -> list[tuple[int, int]]:
        """(first, behind the last) configuration of each block, and how many blocks are in memory together."""
        ends = self._offsets.ends
        marks = np.searchsorted(ends, np.arange(_BLOCK_ATOMS, int(ends[-1]), _BLOCK_ATOMS), side="left") + 1
        marks = np.unique(np.concatenate([[0], marks, [len(ends)]])).tolist()
        per_atom = sum(self._bytes(name) for name in self._names if VARIABLES[name].per_atom)
        each = sum(self._bytes(name) for name in self._names if not VARIABLES[name].per_atom) + 4
        total = per_atom * int(ends[-1]) + each * len(ends)
        blocks = list(pairwise(marks))
        # A batch may lie in two groups, which are then in memory together.
        self._together = len(blocks) if total <= memory else max(1, int(len(blocks) * memory / 2 / total))
        return blocks

    def _bytes(self, name: str) -> int:
        stored = self._dataset[name]
        rest = 1 if len(stored.dims) == 1 else 3 ** (len(stored.dims) - 1)
        return int(np.dtype(stored.dtype).itemsize) * rest

    def _start(self) -> None:
        """The order of the blocks, and where each group of them ends."""
        rng = np.random.default_rng([self.seed, self.epoch])
        order = rng.permutation(len(self._blocks)) if self.shuffle else np.arange(len(self._blocks))
        self._order = [order[i : i + self._together] for i in range(0, len(order), self._together)]
        counts = [sum(self._blocks[b][1] - self._blocks[b][0] for b in group) for group in self._order]
        self._ends = np.cumsum(counts)

    def _group(self, number: int) -> "_Group":
        if number not in self._groups:
            parts: dict[str, list[NDArray[Any]]] = {name: [] for name in (*self._names, "n_atoms")}
            for block in np.sort(self._order[number]).tolist():
                rows = slice(*self._blocks[block])
                atoms = self._offsets.atoms(rows)
                for name in self._names:
                    parts[name].append(self._dataset[name][atoms if VARIABLES[name].per_atom else rows].to_numpy())
                parts["n_atoms"].append(self._offsets.n_atoms[rows])
            arrays = {name: np.concatenate(parts.pop(name)) for name in tuple(parts)}
            count = len(arrays["n_atoms"])
            rng = np.random.default_rng([self.seed, self.epoch, number])
            self._groups[number] = _Group(arrays, rng.permutation(count) if self.shuffle else np.arange(count))
        return self._groups[number]


class _Group:
    """Configurations in memory, and the order in which they come."""

    def __init__(self, arrays: dict[str, NDArray[Any]], order: NDArray[np.int64]) -> None:
        self.arrays, self.order = arrays, order
        self.starts = np.cumsum(arrays["n_atoms"], dtype=np.int64) - arrays["n_atoms"]

    def batch(self, start: int, stop: int) -> dict[str, NDArray[Any]]:
        rows = self.order[start:stop]
        counts = self.arrays["n_atoms"][rows].astype(np.int64)
        atoms = np.repeat(self.starts[rows] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        return {
            name: values[atoms if name != "n_atoms" and VARIABLES[name].per_atom else rows]
            for name, values in self.arrays.items()
        }
