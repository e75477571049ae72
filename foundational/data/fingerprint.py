"""What a configuration, its labels and a dataset *are*, apart from how they are stored.

Byte layout, so that anybody can recompute it (all numbers little-endian, C order, no separators unless shown)::

    id            = sha256(atomic_numbers uint8[N] | cell float64[9] | positions float32[3 N])[:16]
                    where every position is a float32 number; else
                    sha256("f8" 0x00 | atomic_numbers uint8[N] | cell float64[9] | positions float64[3 N])[:16]
    label digest  = sha256(for each label that is known of the configuration, in the order energy, forces, stress,
                           atomic_energies: its name in ASCII | 0x00 | its bytes)[:16]
    fingerprint   = sha256(the 32-byte strings  id | label digest  of all configurations, sorted as bytes), in hex

with energy float64[1], stress float64[9], and forces [3 N] and atomic_energies [N] in float32 where all of these
numbers of the configuration are float32 numbers, else in float64. So neither id nor digest depends on the type in which
numbers are stored (docs/decisions/0011). The sets of layout 1 know all labels, in float32: their hashes stay.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foundational.data.batches import batch_slices, iterate_batches
from foundational.data.configurations import Configurations
from foundational.data.layout import LABELS, VARIABLES
from foundational.data.streaming.sorted_rows import SortedRows

if TYPE_CHECKING:
    import xarray as xr

#: Bytes of an id and of a label digest.
DIGEST = 16
#: Atoms of configurations that are hashed at once.
_TOGETHER = 1_048_576


def configuration_ids(configurations: Configurations) -> NDArray[np.uint8]:
    """(C, 16) content hashes of species, cell and positions.

    Two configurations share an id only where all three are the same to the last bit: the order of the atoms counts,
    labels and periodicity do not.
    """
    if len(configurations) > 1 and len(configurations.positions) > _TOGETHER:
        return _in_blocks(configurations.with_labels(None), configuration_ids)
    c = configurations
    wide = _needs_float64(c, c.positions)
    with np.errstate(over="ignore"):
        narrow = c.positions.astype(np.float32)
    ids = np.zeros((len(c), DIGEST), dtype=np.uint8)
    if not wide.all():
        parts: list[_Part] = [
            (b"", c.atomic_numbers, True, None),
            (b"", c.cell, False, None),
            (b"", narrow, True, None),
        ]
        ids = np.array(_digests(c, parts))
    rows = np.flatnonzero(wide)
    if rows.size:
        few = c.with_labels(None).take(rows)
        ids[rows] = _digests(
            few,
            [
                (b"f8\0", few.atomic_numbers, True, None),
                (b"", few.cell, False, None),
                (b"", few.positions.astype(np.float64), True, None),
            ],
        )
    return ids


def label_digests(configurations: Configurations) -> NDArray[np.uint8]:
    """(C, 16) hashes of the labels that are known; those of configurations without any are all alike."""
    if len(configurations) > 1 and len(configurations.positions) > _TOGETHER:
        return _in_blocks(configurations, label_digests)
    c, labels = configurations, configurations.labels
    if labels is None:
        return _digests(c, [])
    known = labels.known(c.offsets)
    parts: list[_Part] = []
    for name in LABELS:
        array = getattr(labels, name)
        if array is None or not known[name].any():
            continue
        prefix = name.encode() + b"\0"
        if not VARIABLES[name].per_atom:
            parts.append((prefix, array, False, known[name]))
            continue
        wide = _needs_float64(c, array)
        with np.errstate(over="ignore"):  # of the wide ones, which are not taken from here
            parts.append((prefix, array.astype(np.float32), True, known[name] & ~wide))
        if wide.any():
            parts.append((prefix, array.astype(np.float64), True, known[name] & wide))
    return _digests(c, parts)


def _in_blocks(
    configurations: Configurations, digests: Callable[[Configurations], NDArray[np.uint8]]
) -> NDArray[np.uint8]:
    """(C, 16) digests of many configurations, some at a time: the text that is hashed is as large as they are."""
    found = np.empty((len(configurations), DIGEST), np.uint8)
    for rows in batch_slices(configurations.n_atoms, _TOGETHER // 4):
        found[rows] = digests(configurations.take(np.arange(rows.start, rows.stop)))
    return found


def fingerprint(dataset: "xr.Dataset | Configurations") -> str:
    """The dataset's identity, 64 hexadecimal digits: ids and labels, whatever their order, chunks or file format.

    A lazy dataset is streamed.

    Raises
    ------
    ChecksumError
        A damaged chunk was met.
    """
    batches = [dataset] if isinstance(dataset, Configurations) else (batch for _, batch in iterate_batches(dataset))
    return fingerprint_of(hashes_of(batch) for batch in batches)


def hashes_of(configurations: Configurations, ids: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """(C, 32) id and label digest of each configuration; ``ids`` (C, 16) where they were computed already."""
    first = configuration_ids(configurations) if ids is None else ids
    return np.hstack([first, label_digests(configurations)])


def fingerprint_of(pairs: Iterable[NDArray[np.uint8]]) -> str:
    """The fingerprint of a set from blocks of (C, 32) bytes: id and label digest of each configuration."""
    with SortedRows() as rows:
        for block in pairs:
            rows.add(block)
        return rows.hexdigest()


def hexadecimal(ids: NDArray[np.uint8]) -> list[str]:
    """Each row of (C, 16) bytes as 32 hexadecimal digits.

    >>> hexadecimal(np.arange(16, dtype=np.uint8)[None])
    ['000102030405060708090a0b0c0d0e0f']
    """
    return [row.tobytes().hex() for row in np.asarray(ids, dtype=np.uint8)]


#: What is hashed: a prefix, an array, whether it has a row for each atom, and for which configurations (None: all).
_Part = tuple[bytes, NDArray[Any], bool, NDArray[np.bool_] | None]


def _needs_float64(configurations: Configurations, array: NDArray[Any]) -> NDArray[np.bool_]:
    """(C,) whether a number of the configuration in ``array`` (A, …) is finite and not a float32 number."""
    if array.dtype == np.float32:
        return np.zeros(len(configurations), dtype=bool)
    with np.errstate(over="ignore"):
        changed = (array.astype(np.float32) != array) & np.isfinite(array)
    wide = np.zeros(len(configurations), dtype=bool)
    wide[configurations.configuration_of_atom[changed.reshape(len(array), -1).any(axis=1)]] = True
    return wide


def _digests(configurations: Configurations, parts: Sequence[_Part]) -> NDArray[np.uint8]:
    """(C, 16) hashes of each configuration's share of ``parts``.

    Configurations of one size with the same parts are laid out as the rows of one table, which are hashed.
    """
    n_atoms, offsets = configurations.n_atoms, configurations.offsets
    little = [(prefix, _little_endian(array), per_atom, rows) for prefix, array, per_atom, rows in parts]
    kind = n_atoms.astype(np.int64)
    for _, _, _, rows in little:
        if rows is not None and not rows.all():
            kind = 2 * kind + rows
    out = np.empty((len(n_atoms), DIGEST), dtype=np.uint8)
    kinds, first, kind_of = np.unique(kind, return_index=True, return_inverse=True)
    order = np.argsort(kind_of.reshape(-1), kind="stable")
    ends = np.cumsum(np.bincount(kind_of.reshape(-1), minlength=len(kinds))).tolist()
    for number, (start, stop) in enumerate(pairwise([0, *ends])):
        every = len(kinds) == 1
        members = order[start:stop]
        atoms = offsets[members][:, None] + np.arange(n_atoms[first[number]]) if not every else None
        columns: list[NDArray[np.uint8]] = []
        for prefix, array, per_atom, rows in little:
            if rows is None or rows[first[number]]:
                share = array if every else array[atoms] if per_atom else array[members]
                text = np.broadcast_to(np.frombuffer(prefix, np.uint8), (len(members), len(prefix)))
                columns += [text, np.ascontiguousarray(share).reshape(len(members), -1).view(np.uint8)]
        out[members] = _row_digests(columns, len(members))
    return out


def _row_digests(columns: Sequence[NDArray[np.uint8]], count: int) -> NDArray[np.uint8]:
    """(R, 16) the hash of each of ``count`` rows."""
    width = sum(column.shape[1] for column in columns)
    table = (np.hstack(columns) if columns else np.zeros((count, 0), np.uint8)).reshape(-1).data
    digests = b"".join([sha256(table[i * width : (i + 1) * width]).digest()[:DIGEST] for i in range(count)])
    return np.frombuffer(digests, dtype=np.uint8).reshape(-1, DIGEST)


def _little_endian(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
