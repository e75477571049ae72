"""The fingerprint of a large store, its shards hashed as tasks."""

from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from foundational.data.batches import Offsets, iterate_batches
from foundational.data.fingerprint import fingerprint_of, hashes_of
from foundational.data.layout import ATOM, CONFIGURATION
from foundational.data.store import open_store
from foundational.execution.tasks import Arrays, Tasks

#: Configurations of a task: those of one shard of the store.
_SHARD: Final = 131_072


def fingerprint_in_tasks(store: Path, tasks: Tasks) -> str:
    """As `foundational.data.fingerprint.fingerprint` of the store, which workers must see under the same path.

    Raises
    ------
    ChecksumError
        A damaged chunk was met.
    """
    offsets = Offsets.of(open_store(store))
    bounds = [*range(0, len(offsets.n_atoms), _SHARD), len(offsets.n_atoms)]
    parts = ((store, slice(a, b), offsets.atoms(slice(a, b))) for a, b in pairwise(bounds))
    return fingerprint_of(found["hashes"] for found in tasks.results(_hashes, parts))


def _hashes(store: Path, rows: slice, atoms: slice) -> Arrays:
    """(n, 32) id and label digest of each configuration of a part."""
    part = open_store(store).isel({CONFIGURATION: rows, ATOM: atoms})
    blocks = [hashes_of(c) for _, c in iterate_batches(part)]
    return {"hashes": np.concatenate(blocks) if blocks else np.zeros((0, 32), np.uint8)}
