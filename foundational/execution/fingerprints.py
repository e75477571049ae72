"""The fingerprint of a large store, its shards hashed as tasks."""

from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from foundational.data.batches import iterate_batches
from foundational.data.fingerprint import configuration_ids, fingerprint_of, label_digests
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
    n_atoms = open_store(store)["n_atoms"].to_numpy().astype(np.int64)
    bounds = [*range(0, len(n_atoms), _SHARD), len(n_atoms)]
    ends = np.concatenate([[0], np.cumsum(n_atoms)])
    parts = ((store, slice(a, b), slice(int(ends[a]), int(ends[b]))) for a, b in pairwise(bounds))
    return fingerprint_of(found["hashes"] for found in tasks.results(_hashes, parts))


def _hashes(store: Path, rows: slice, atoms: slice) -> Arrays:
    """(n, 32) id and label digest of each configuration of a part."""
    part = open_store(store).isel({CONFIGURATION: rows, ATOM: atoms})
    blocks = [np.hstack([configuration_ids(c), label_digests(c)]) for _, c in iterate_batches(part)]
    return {"hashes": np.concatenate(blocks) if blocks else np.zeros((0, 32), np.uint8)}
