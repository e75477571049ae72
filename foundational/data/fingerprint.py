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

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foundational.data.batches import iterate_batches
from foundational.data.configurations import Configurations
from foundational.data.layout import LABELS, VARIABLES

if TYPE_CHECKING:
    import xarray as xr

#: Bytes of an id and of a label digest.
DIGEST = 16


def configuration_ids(configurations: Configurations) -> NDArray[np.uint8]:
    """(C, 16) content hashes of species, cell and positions.

    Two configurations share an id only where all three are the same to the last bit: the order of the atoms counts,
    labels and periodicity do not.
    """
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


def fingerprint(dataset: "xr.Dataset | Configurations") -> str:
    """The dataset's identity, 64 hexadecimal digits: ids and labels, whatever their order, chunks or file format.

    A lazy dataset is streamed.

    Raises
    ------
    ChecksumError
        A damaged chunk was met.
    """
    batches = [dataset] if isinstance(dataset, Configurations) else (batch for _, batch in iterate_batches(dataset))
    return fingerprint_of([np.hstack([configuration_ids(batch), label_digests(batch)]) for batch in batches])


def fingerprint_of(pairs: Sequence[NDArray[np.uint8]]) -> str:
    """The fingerprint of a set from blocks of (C, 32) bytes: id and label digest of each configuration."""
    rows = np.concatenate(pairs) if pairs else np.zeros((0, 2 * DIGEST), np.uint8)
    return sha256(b"".join(sorted(row.tobytes() for row in rows))).hexdigest()


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
    """(C, 16) hashes of each configuration's share of ``parts``."""
    little = [(prefix, _little_endian(array), per_atom, rows) for prefix, array, per_atom, rows in parts]
    ends = configurations.offsets.tolist()
    out = bytearray()
    for i in range(len(configurations)):
        digest = sha256()
        for prefix, array, per_atom, rows in little:
            if rows is not None and not rows[i]:
                continue
            digest.update(prefix)
            digest.update((array[ends[i] : ends[i + 1]] if per_atom else array[i : i + 1]).tobytes())
        out += digest.digest()[:DIGEST]
    return np.frombuffer(out, dtype=np.uint8).reshape(-1, DIGEST)


def _little_endian(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
