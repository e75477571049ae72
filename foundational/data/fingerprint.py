"""What a configuration, its labels and a dataset *are*, apart from how they are stored.

Byte layout, so that anybody can recompute it (all numbers little-endian, C order, no separators unless shown)::

    id            = sha256(atomic_numbers uint8[N] | cell float64[9] | positions float32[3 N])[:16]
    label digest  = sha256(for each label that the dataset has, in the order energy, forces, stress,
                           atomic_energies: its name in ASCII | 0x00 | its stored bytes)[:16]
    fingerprint   = sha256(the 32-byte strings  id | label digest  of all configurations, sorted as bytes), in hex

with energy float64[1], forces float32[3 N], stress float64[9], atomic_energies float32[N]. N follows from the length
of the hashed bytes (13 N + 72), so that no two contents share one string.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import iterate_batches
from foundational.data.configurations import Configurations
from foundational.data.layout import LABELS, VARIABLES

#: Bytes of an id and of a label digest.
DIGEST = 16


def configuration_ids(configurations: Configurations) -> NDArray[np.uint8]:
    """(C, 16) content hashes of species, cell and positions.

    Two configurations share an id only where all three are the same to the last bit: the order of the atoms counts,
    labels and periodicity do not.
    """
    names = ("atomic_numbers", "cell", "positions")
    return _digests(configurations, [(b"", getattr(configurations, name), VARIABLES[name].per_atom) for name in names])


def label_digests(configurations: Configurations) -> NDArray[np.uint8]:
    """(C, 16) hashes of the labels; those of an unlabelled batch are all alike."""
    labels = configurations.labels
    present = [] if labels is None else [(n, getattr(labels, n)) for n in LABELS if getattr(labels, n) is not None]
    return _digests(configurations, [(n.encode() + b"\0", array, VARIABLES[n].per_atom) for n, array in present])


def fingerprint(dataset: xr.Dataset | Configurations) -> str:
    """The dataset's identity, 64 hexadecimal digits: ids and labels, whatever their order, chunks or file format.

    A lazy dataset is streamed.

    Raises
    ------
    ChecksumError
        A damaged chunk was met.
    """
    batches = [dataset] if isinstance(dataset, Configurations) else (batch for _, batch in iterate_batches(dataset))
    pairs = [np.hstack([configuration_ids(batch), label_digests(batch)]) for batch in batches]
    rows = np.concatenate(pairs) if pairs else np.zeros((0, 2 * DIGEST), np.uint8)
    return sha256(b"".join(sorted(row.tobytes() for row in rows))).hexdigest()


def hexadecimal(ids: NDArray[np.uint8]) -> list[str]:
    """Each row of (C, 16) bytes as 32 hexadecimal digits.

    >>> hexadecimal(np.arange(16, dtype=np.uint8)[None])
    ['000102030405060708090a0b0c0d0e0f']
    """
    return [row.tobytes().hex() for row in np.asarray(ids, dtype=np.uint8)]


def _digests(configurations: Configurations, parts: Sequence[tuple[bytes, NDArray[Any], bool]]) -> NDArray[np.uint8]:
    """(C, 16) hashes of each configuration's share of ``parts``: (prefix, array, has a row for each atom)."""
    little = [(prefix, _little_endian(array), per_atom) for prefix, array, per_atom in parts]
    ends = configurations.offsets.tolist()
    out = bytearray()
    for i in range(len(configurations)):
        digest = sha256()
        for prefix, array, per_atom in little:
            digest.update(prefix)
            digest.update((array[ends[i] : ends[i + 1]] if per_atom else array[i : i + 1]).tobytes())
        out += digest.digest()[:DIGEST]
    return np.frombuffer(bytes(out), dtype=np.uint8).reshape(-1, DIGEST)


def _little_endian(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
