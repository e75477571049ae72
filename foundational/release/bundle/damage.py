"""Where a store is damaged: the array, the file, the chunk, and the configurations whose numbers cannot be trusted."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.storage import LocalStore

from foundational.data.atomic_write import temporary_folder
from foundational.data.integrity.hashes import sha256_of
from foundational.data.integrity.store_manifest import ROOT, Entry, read_root
from foundational.data.layout import VARIABLES
from foundational.errors import FoundationalError
from foundational.release.bundle.archive import unpack


@dataclass(frozen=True)
class Damage:
    """One damaged place of a store."""

    array: str
    """Name of the variable; empty where the store as a whole is concerned."""
    file: str
    """Below the root of the store."""
    reason: str
    chunk: int | None = None
    """Number of the chunk within its shard; None where the whole file is concerned."""
    configurations: tuple[int, int] | None = None
    """First and last of those whose numbers stand there; None where unknown."""

    def __str__(self) -> str:
        where = f"chunk {self.chunk} of {self.file}" if self.chunk is not None else self.file
        whose = ""
        if self.configurations is not None:
            first, last = self.configurations
            whose = f" (configuration {first})" if first == last else f" (configurations {first} to {last})"
        return f"{self.array or 'the store'}: {where} {self.reason}{whose}"


def find_damages(store: Path) -> list[Damage]:
    """Every damaged place of a store, a folder or a zip of one; an empty list where every byte is as it was written."""
    if not store.is_file():
        return list(_damages(store))
    with temporary_folder() as folder:
        try:
            unpack(store, folder)
        except FoundationalError as error:
            return [Damage("", store.name, str(error))]
        return list(_damages(folder))


def _damages(folder: Path) -> Iterator[Damage]:
    try:
        _, entries = read_root(folder)
    except FoundationalError as error:
        yield Damage("", ROOT, str(error))
        return
    intact, broken = set[str](), list[tuple[str, str]]()
    for name, entry in entries.items():
        reason = _reason(folder / name, entry)
        broken += [(name, reason)] if reason else []
        intact |= set() if reason else {name}
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    ends = _ends(folder) if not any(name.startswith("n_atoms/") for name, _ in broken) else None
    for name, reason in broken:
        array = name.partition("/")[0]
        found_within: list[Damage] = []
        if f"{array}/{ROOT}" in intact and "/c/" in name:
            with suppress(Exception):  # a description that nobody wrote so, though its hash is right
                found_within = list(_within_shard(folder, array, name, reason, ends))
        yield from found_within or [Damage(array, name, reason)]
    yield from (Damage("", name, "does not belong to it") for name in sorted(found - entries.keys() - {ROOT}))


def _reason(path: Path, entry: Entry) -> str | None:
    """What is wrong with a file, or None."""
    if not path.is_file():
        return "is missing"
    size = path.stat().st_size
    if not size:
        return f"is empty, expected {entry.size:,} bytes"
    if size != entry.size:
        return f"has {size:,} bytes, expected {entry.size:,}"
    return None if sha256_of(path) == entry.sha256 else "has other bytes than were written"


def _within_shard(folder: Path, array: str, name: str, reason: str, ends: NDArray[np.int64] | None) -> Iterator[Damage]:
    """The chunks of a damaged shard that cannot be read; the whole shard where none or all of them cannot."""
    description = json.loads((folder / array / ROOT).read_text(encoding="utf-8"))
    shard = int(description["chunk_grid"]["configuration"]["chunk_shape"][0])
    chunk = int(description["codecs"][0]["configuration"]["chunk_shape"][0])
    length = int(description["shape"][0])
    start = int(name.split("/c/")[1].split("/", maxsplit=1)[0]) * shard
    stop = min(start + shard, length)
    chunks = [slice(row, min(row + chunk, stop)) for row in range(start, stop, chunk)]
    unread = []
    if (folder / name).is_file():
        stored = zarr.open_array(LocalStore(folder, read_only=True), path=array, mode="r", zarr_format=3)
        unread = [number for number, rows in enumerate(chunks) if not _reads(stored, rows)]
    if not unread or len(unread) == len(chunks):
        yield Damage(array, name, reason, None, _concerned(array, slice(start, stop), ends))
    for number in unread if len(unread) < len(chunks) else []:
        yield Damage(array, name, "does not match its checksum", number, _concerned(array, chunks[number], ends))


def _reads(stored: zarr.Array[Any], rows: slice) -> bool:
    try:
        stored[rows]
    except Exception:
        return False
    return True


def _concerned(array: str, rows: slice, ends: NDArray[np.int64] | None) -> tuple[int, int] | None:
    """First and last configuration of the ``rows`` of an array."""
    if array not in VARIABLES or rows.stop <= rows.start:
        return None
    if not VARIABLES[array].per_atom:
        return rows.start, rows.stop - 1
    if ends is None:
        return None
    first, last = np.searchsorted(ends, [rows.start, rows.stop - 1], side="right")
    return int(first), int(last)


def _ends(folder: Path) -> NDArray[np.int64] | None:
    """(C,) the row after the last atom of each configuration."""
    try:
        stored = zarr.open_array(LocalStore(folder, read_only=True), path="n_atoms", mode="r", zarr_format=3)
        return np.cumsum(np.asarray(stored[:]), dtype=np.int64)
    except Exception:  # zarr raises many kinds
        return None
