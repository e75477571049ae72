"""Reading the arrays of a store without zarr: of directories and servers, in the one form that this package writes.

zarr takes longer to import than a small set takes to check, and twice the processor time to read a large one. What is
read is the same: chunks of zstd with a CRC32C, in shards that end with the places of their chunks (zarr's
specification of ``sharding_indexed``). Arrays of another form are left to zarr.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from foundational.data.integrity.zstd import decoder

#: Bytes of a checksum.
_CRC: Final = 4
_ABSENT: Final = 2**64 - 1
_BYTES: Final = ({"name": "bytes", "configuration": {"endian": "little"}}, {"name": "bytes"})


#: Bytes of neighbouring chunks that are read together, at most.
_TOGETHER: Final = 1 << 24

if TYPE_CHECKING:
    from foundational.data.remote.store import RemoteStore


class Parts(Protocol):
    """Where the files of a store are read in parts."""

    @property
    def gap(self) -> int:
        """Bytes between two chunks that are read rather than asked for apart."""

    def part(self, name: str, start: int, length: int) -> bytes:
        """``length`` bytes of a file from ``start``; from its end for a negative ``start``."""


@dataclass(frozen=True)
class FolderParts:
    """Files of a directory."""

    folder: Path
    gap: ClassVar[int] = 0

    def part(self, name: str, start: int, length: int) -> bytes:
        """See `Parts`."""
        handle = os.open(self.folder / name, os.O_RDONLY)
        try:
            if start < 0:
                start = max(0, os.fstat(handle).st_size + start)
            return os.pread(handle, length, start)
        finally:
            os.close(handle)


@dataclass(frozen=True, eq=False)
class RemoteParts:
    """Files on a server, with the sizes that the manifest states."""

    store: "RemoteStore"
    sizes: Mapping[str, int]
    gap: ClassVar[int] = 1 << 16

    def part(self, name: str, start: int, length: int) -> bytes:
        """See `Parts`."""
        return self.store.part(name, start if start >= 0 else max(0, self.sizes[name] + start), length)


@dataclass(frozen=True, eq=False)
class Shards:
    """One array of a store."""

    parts: Parts
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunk: int
    """Rows in a chunk."""
    shard: int
    """Rows in a shard."""
    _places: dict[int, NDArray[np.uint64]] = field(default_factory=dict)

    @classmethod
    def of(cls, parts: Parts, name: str, description: Mapping[str, Any]) -> Self | None:
        """The array ``name`` with its ``zarr.json``; None where it is not of the form that is read here."""
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
        return cls(parts, name, shape, dtype, chunk, shard) if plain and chunk > 0 and shard % chunk == 0 else None

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
        groups = np.split(order, cuts) if len(order) else []
        wanted = [int(numbers[members[0]]) for members in groups]
        for members, (number, values) in zip(groups, self._chunks(wanted), strict=True):
            out[members] = values[places[members] - number * self.chunk]
        return out

    def _neighbours(self, first: int, last: int) -> NDArray[Any]:
        out = np.empty((last - first, *self.shape[1:]), self.dtype)
        if last == first:
            return out
        for number, values in self._chunks(list(range(first // self.chunk, (last - 1) // self.chunk + 1))):
            start = number * self.chunk
            low, high = max(first, start), min(last, start + self.chunk)
            out[low - first : high - first] = values[low - start : high - start]
        return out

    def _chunks(self, numbers: list[int]) -> Iterator[tuple[int, NDArray[Any]]]:
        """The chunks ``numbers``, which ascend, with their values; those that lie close together are read at once."""
        decode = decoder()
        waiting: list[tuple[int, int, int]] = []
        file = -1
        for number in numbers:
            shard, offset, length = self._place(number)
            if waiting and (
                shard != file
                or not 0 <= offset - (waiting[-1][1] + waiting[-1][2]) <= self.parts.gap
                or offset + length - waiting[0][1] > _TOGETHER
            ):
                yield from ((n, self._values(decode(content))) for n, content in self._contents(file, waiting))
                waiting = []
            file = shard
            waiting.append((number, offset, length))
        if waiting:
            yield from ((n, self._values(decode(content))) for n, content in self._contents(file, waiting))

    def _values(self, content: bytes) -> NDArray[Any]:
        return np.frombuffer(content, self.dtype).reshape(self.chunk, *self.shape[1:])

    def _contents(self, shard: int, chunks: list[tuple[int, int, int]]) -> Iterator[tuple[int, bytes]]:
        """Number and checked bytes of neighbouring chunks (number, offset, length) of a shard."""
        begin, end = chunks[0][1], chunks[-1][1] + chunks[-1][2]
        read = memoryview(self.parts.part(self._file(shard), begin, end - begin))
        for number, offset, length in chunks:
            yield number, _checked(read[offset - begin : offset - begin + length])

    def _file(self, shard: int) -> str:
        return "/".join([self.name, "c", str(shard), *("0" for _ in self.shape[1:])])

    def _place(self, number: int) -> tuple[int, int, int]:
        """The shard of a chunk, and its offset and length there."""
        per_shard = self.shard // self.chunk
        shard, within = divmod(number, per_shard)
        if shard not in self._places:
            size = 16 * per_shard + _CRC
            end = self.parts.part(self._file(shard), -size, size)
            self._places[shard] = np.frombuffer(_checked(memoryview(end)), "<u8").reshape(per_shard, 2)
        offset, length = self._places[shard][within].tolist()
        if offset == _ABSENT:
            raise ValueError("a chunk is absent")
        return shard, offset, length


def _checked(content: memoryview) -> bytes:
    """``content`` without the checksum at its end, which it matches."""
    import google_crc32c  # noqa: PLC0415 - zarr depends on it

    text = bytes(content[:-_CRC])
    if len(content) < _CRC or google_crc32c.value(text) != int.from_bytes(content[-_CRC:], "little"):
        raise ValueError("a chunk does not match its checksum")
    return text
