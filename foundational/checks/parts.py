"""The pass over all configurations of a stored set, in this process or in parts that tasks go over.

A part gives what the rules found, the numbers of each configuration, and the hashes of which the fingerprint is made.
All of them come together in order, so that the findings are those of one pass.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from foundational.checks.collection import Arrays, CollectionPlan, Collector
from foundational.data.batches import Offsets
from foundational.data.checks import Counted, Hashing, TakesRows, count_broken
from foundational.data.configurations import Configurations
from foundational.data.integrity.hashes import sha256_of
from foundational.data.integrity.store_manifest import ROOT
from foundational.data.integrity.stored_array import open_table
from foundational.data.rules import Batch, Tolerances
from foundational.data.streaming.sorted_rows import WIDTH
from foundational.errors import ChecksumError
from foundational.progress import Progress

if TYPE_CHECKING:
    import xarray as xr

#: Configurations of a part of 32 atoms each: half a second of work, whose result has 16 MB.
_PART: Final = 16_384


@dataclass(frozen=True)
class Spread:
    """Where parts of a stored set are checked."""

    store: Path
    """The store, which the processes of the tasks see under the same path."""
    run: Callable[[Callable[..., Arrays], Iterable[tuple[Any, ...]], str], Iterator[Arrays]]
    """Gives the results of a function for many arguments, in order; third is all that decides them."""
    code: str
    """Changes with the code."""


class Watch:
    """What statistics and the fingerprint need of each batch, taken while the rules have it in memory."""

    def __init__(self, collect: Callable[[], Collector | None], hashes: TakesRows | None) -> None:
        """Call ``collect`` when the first batch comes; ``hashes`` takes what the fingerprint is made of."""
        self._collect, self.hashes = collect, hashes

    @cached_property
    def collector(self) -> Collector | None:
        """None where the dataset is damaged, which the rules say."""
        try:
            return self._collect()
        except ChecksumError:
            return None

    def distances(self, configurations: Configurations) -> NDArray[np.float64] | None:
        """See `foundational.data.checks.Companion`."""
        return None if self.collector is None else self.collector.distances(configurations)

    def take(self, batch: Batch, broken: Collection[str]) -> None:
        """See `foundational.data.checks.Companion`."""
        if self.hashes is not None:
            Hashing(self.hashes).take(batch, broken)
        if self.collector is not None:
            self.collector.take(batch, broken)


def count_in_parts(
    spread: Spread, dataset: "xr.Dataset", tolerances: Tolerances, watch: Watch, progress: Progress | None
) -> Counted:
    """As `foundational.data.checks.count_broken` with ``watch``, in parts of the stored ``dataset``."""
    offsets, counted = Offsets.of(dataset), Counted.of(dataset)
    total = len(offsets.n_atoms)
    bounds = [*range(0, total, _PART), total]
    plan = None if watch.collector is None else watch.collector.plan
    rows = [slice(start, stop) for start, stop in pairwise(bounds)]
    atoms = [int(offsets.ends[part.start] - offsets.n_atoms[part.start]) for part in rows]
    tasks = ((spread.store, part, atom, tolerances, plan) for part, atom in zip(rows, atoms, strict=True))
    root = sha256_of(spread.store / ROOT if spread.store.is_dir() else spread.store)
    stated = [root, asdict(tolerances), plan is None or plan.signatures, _PART, spread.code]
    for part, found in zip(rows, spread.run(_checked, tasks, json.dumps(stated)), strict=True):
        counted.join(found)
        if watch.collector is not None:
            watch.collector.join(found)
        if watch.hashes is not None:
            watch.hashes.add(found["hashes"])
        if progress is not None:
            progress(part.stop, total, "checking")
    return counted


class _Rows:
    """Keeps the hashes of a part."""

    def __init__(self) -> None:
        self.blocks: list[NDArray[np.uint8]] = [np.zeros((0, WIDTH), np.uint8)]

    def add(self, rows: NDArray[np.uint8]) -> None:
        """See `foundational.data.checks.TakesRows`."""
        self.blocks.append(rows)


def _checked(store: Path, rows: slice, atom: int, tolerances: Tolerances, plan: CollectionPlan | None) -> Arrays:
    """What the rules, the statistics and the fingerprint need of the configurations ``rows`` of a store."""
    dataset, hashes = open_table(store), _Rows()
    collector = None if plan is None else Collector(dataset["n_atoms"][rows].to_numpy(), plan)
    counted = count_broken(dataset, tolerances, Watch(lambda: collector, hashes), part=(rows, atom))
    collected = {} if collector is None else collector.as_arrays()
    return {**counted.as_arrays(), **collected, "hashes": np.concatenate(hashes.blocks)}
