"""Reading the arrays of a store without zarr: for directories, and for the one form in which this package writes them.

zarr takes longer to import than a small set takes to check, and twice the processor time to read a large one. What is
read is the same: chunks of zstd with a CRC32C, in shards that end with the places of their chunks (zarr's
specification of ``sharding_indexed``). Arrays of another form are left to zarr.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

#: Bytes of a checksum.
_CRC: Final = 4
_ABSENT: Final = 2**64 - 1
_BYTES: Final = ({"name": "bytes", "configuration": {"endian": "little"}}, {"name": "bytes"})


@dataclass(frozen=True, eq=False)
class Shards:
    """One array of a store in a directory."""

    folder: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunk: int
    """Rows in a chunk."""
    shard: int
    """Rows in a shard."""
    _places: dict[int, NDArray[np.uint64]] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, description: Mapping[str, Any]) -> Self | None:
        """The array in ``folder`` with its ``zarr.json``; None where it is not of the form that is read here."""
        try:
            shape = tuple(int(length) for length in description["shape"])
            outer = description["chunk_grid"]["configuration"]["chunk_shape"]
            (sharding,) = description["codecs"]
            inner = sharding["configuration"]
            first, zstd, crc = inner["codecs"]
            plain = (
                sharding["name"] == "sharding_indexed"
                and inner.get("index_location", "end") == "end"
                and first in _BYTES
                and (zstd["name"], crc["name"]) == ("zstd", "crc32c")
                and [codec["name"] for codec in inner["index_codecs"]] == ["bytes", "crc32c"]
                and description["chunk_key_encoding"]["name"] == "default"
                and description["chunk_key_encoding"].get("configuration", {}).get("separator", "/") == "/"
                and tuple(outer[1:]) == tuple(inner["chunk_shape"][1:]) == shape[1:]
                and not description.get("storage_transformers")
            )
            dtype = np.dtype(description["data_type"]).newbyteorder("<")
            chunk, shard = int(inner["chunk_shape"][0]), int(outer[0])
        except (KeyError, TypeError, ValueError, AttributeError):
            return None
        return cls(folder, shape, dtype, chunk, shard) if plain and chunk > 0 and shard % chunk == 0 else None

    def read(self, rows: slice | NDArray[np.integer[Any]]) -> NDArray[Any]:
        """The numbers of some rows.

        Raises
        ------
        ValueError
            A chunk does not match its checksum.
        OSError
            A shard cannot be read.
        """
        if isinstance(rows, slice):
            first, last, step = rows.indices(self.shape[0])
            if step == 1:
                return self._neighbours(first, max(first, last))
            rows = np.arange(first, last, step)
        places = np.asarray(rows, dtype=np.int64)
        places = np.where(places < 0, places + self.shape[0], places)
        if places.size and not 0 <= places.min() <= places.max() < self.shape[0]:
            raise IndexError(f"expected rows of {self.shape[0]}, got {places.min()}…{places.max()}")
        out = np.empty((len(places), *self.shape[1:]), self.dtype)
        numbers = places // self.chunk
        order = np.argsort(numbers, kind="stable")
        cuts = np.flatnonzero(np.diff(numbers[order])) + 1
        for members in np.split(order, cuts) if len(order) else ():
            number = int(numbers[members[0]])
            out[members] = self._chunk(number)[places[members] - number * self.chunk]
        return out

    def _neighbours(self, first: int, last: int) -> NDArray[Any]:
        out = np.empty((last - first, *self.shape[1:]), self.dtype)
        if last == first:
            return out
        for number in range(first // self.chunk, (last - 1) // self.chunk + 1):
            start = number * self.chunk
            low, high = max(first, start), min(last, start + self.chunk)
            out[low - first : high - first] = self._chunk(number)[low - start : high - start]
        return out

    def _chunk(self, number: int) -> NDArray[Any]:
        from numcodecs.zstd import Zstd  # noqa: PLC0415 - for what is read alone

        per_shard = self.shard // self.chunk
        shard, within = divmod(number, per_shard)
        path = self.folder / "c" / "/".join([str(shard), *("0" for _ in self.shape[1:])])
        handle = os.open(path, os.O_RDONLY)
        try:
            if shard not in self._places:
                size = 16 * per_shard + _CRC
                end = os.pread(handle, size, max(0, os.fstat(handle).st_size - size))
                self._places[shard] = np.frombuffer(_checked(end), "<u8").reshape(per_shard, 2)
            offset, length = self._places[shard][within].tolist()
            if offset == _ABSENT:
                raise ValueError("a chunk is absent")
            content = _checked(os.pread(handle, length, offset))
        finally:
            os.close(handle)
        values = np.frombuffer(Zstd().decode(content), self.dtype)
        return values.reshape(self.chunk, *self.shape[1:])


def _checked(content: bytes) -> bytes:
    """``content`` without the checksum at its end, which it matches."""
    import google_crc32c  # noqa: PLC0415 - zarr depends on it

    if len(content) < _CRC or google_crc32c.value(content[:-_CRC]) != int.from_bytes(content[-_CRC:], "little"):
        raise ValueError("a chunk does not match its checksum")
    return content[:-_CRC]
