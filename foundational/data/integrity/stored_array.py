"""Numbers of a store with their checksums, and a set of them without xarray.

xarray and pandas take longer to import than a small set takes to check.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast, overload

import numpy as np
from numpy.typing import NDArray

from foundational.data.integrity.shards import FolderParts, Parts, RemoteParts, Shards
from foundational.data.integrity.store_manifest import ROOT, Entry, Place, read_descriptions, read_root
from foundational.data.layout import ATOM, CONFIGURATION, LAYOUT_VERSION, RENAMED, VARIABLES, require_schema
from foundational.errors import ChecksumError, ConflictError, DatasetError, NotFoundError

if TYPE_CHECKING:
    import xarray as xr
    import zarr
    from zarr.abc.store import Store

#: Device, inode, size and time of modification of a file (ns): another one where the file was replaced.
_Identity = tuple[int, int, int, int]
#: Attributes of a store, and by today's name of each variable the name and the description in the store.
Described = tuple[dict[str, Any], dict[str, tuple[str, dict[str, Any]]]]
#: Rows along the first dimension.
Rows = slice | NDArray[np.integer[Any]]


def _identity(path: Place) -> _Identity | None:
    """What identifies the bytes of a store: its root document, or the zip; None where there is none, or on a server."""
    if not isinstance(path, Path):
        return None
    try:
        status = (path / ROOT if path.is_dir() else path).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


@dataclass(frozen=True)
class OpenedStore:
    """A store as it was when it was opened."""

    path: Place
    identity: _Identity | None
    entries: Mapping[str, Entry]
    """Its manifest."""

    @cached_property
    def parts(self) -> Parts | None:
        """Where its files are read in parts; None for a zip."""
        if not isinstance(self.path, Path):
            return RemoteParts(self.path, {name: entry.size for name, entry in self.entries.items()})
        return FolderParts(self.path) if self.path.is_dir() else None

    @cached_property
    def store(self) -> "Store":
        """The store as zarr reads it."""
        from zarr.storage import LocalStore, ZipStore  # noqa: PLC0415 - for zips, and for what others wrote

        if not isinstance(self.path, Path):
            raise DatasetError(f"{self.path}: an array is not as this package writes it; fetch the dataset first")
        return LocalStore(self.path, read_only=True) if self.path.is_dir() else ZipStore(self.path, mode="r")

    @classmethod
    def described(cls, path: Place) -> tuple[Self, Described]:
        """The store ``path``, and what its documents say of it.

        Raises
        ------
        NotFoundError
            There is no store at ``path``.
        ChecksumError
            A file is missing, empty or truncated.
        DatasetError
            It was written by a newer version of this package, or by another program.
        """
        identity = _identity(path)  # of the store to which the documents belong
        attributes, entries = read_root(path)
        return cls(path, identity, entries), _read_layout(path, attributes, entries)


@dataclass(frozen=True, eq=False)
class StoredRows:
    """A zarr array, opened when it is first read; errors name it."""

    opened: OpenedStore
    name: str
    description: Mapping[str, Any]
    """The array's ``zarr.json``."""

    @cached_property
    def shards(self) -> Shards | None:
        """The array, where it can be read without zarr."""
        parts = self.opened.parts
        return None if parts is None else Shards.of(parts, self.name, self.description)

    @cached_property
    def array(self) -> "zarr.Array[Any]":
        """The array itself."""
        import zarr  # noqa: PLC0415 - for stores alone

        return zarr.open_array(self.opened.store, path=self.name, mode="r", zarr_format=3)

    def read(self, key: tuple[Any, ...]) -> NDArray[Any]:
        """The numbers at ``key``, one slice or array of places a dimension.

        Raises
        ------
        ChecksumError
            A chunk is damaged.
        ConflictError
            The store was replaced after it was opened.
        """
        try:
            values = self._values(key)
        except (ConflictError, NotFoundError, MemoryError):
            raise
        except Exception as error:  # zarr, zipfile and the codecs raise many kinds for damaged bytes
            self._require_same()
            reason = f"cannot be read ({error})" if isinstance(error, OSError) else "do not match their checksum"
            raise ChecksumError(
                f"{self.opened.path}: the bytes stored for {self.name} {reason}; pull or write the dataset again"
            ) from None
        self._require_same()
        return values

    def _values(self, key: tuple[Any, ...]) -> NDArray[Any]:
        if self.shards is not None:
            first = key[0]
            alone = not isinstance(first, slice) and np.ndim(first) == 0
            values = self.shards.read(slice(int(first), int(first) + 1) if alone else first)
            for axis in range(len(key) - 1, 0, -1):
                if not (isinstance(key[axis], slice) and key[axis] == slice(None)):
                    values = values[(slice(None),) * axis + (key[axis],)]
            return values[0] if alone else values
        plain = all(isinstance(part, slice) for part in key)
        return np.asarray(self.array[key] if plain else self.array.oindex[key])

    def _require_same(self) -> None:
        """Refuse what was read from a store that is not the one that was opened; zarr opens each file by its path."""
        if _identity(self.opened.path) != self.opened.identity:
            raise ConflictError(f"{self.opened.path} was replaced or moved after it was opened; open it again")


@dataclass(frozen=True, eq=False)
class StoredColumn:
    """One variable: what it is, and its numbers when they are asked for."""

    dims: tuple[str, ...]
    dtype: np.dtype[Any]
    attrs: Mapping[str, Any]
    source: StoredRows | NDArray[Any]
    rows: Rows = field(default_factory=lambda: slice(None))

    def __getitem__(self, rows: Rows) -> Self:
        if isinstance(self.rows, slice) and self.rows == slice(None):
            return replace(self, rows=rows)
        return replace(self, source=self.to_numpy(), rows=rows)

    def to_numpy(self) -> NDArray[Any]:
        """Its numbers."""
        if isinstance(self.source, np.ndarray):
            return self.source[self.rows]
        return self.source.read((self.rows, *(slice(None) for _ in self.dims[1:])))


@dataclass(frozen=True, eq=False)
class StoredTable:
    """A stored dataset with as much of xarray's interface as streaming passes use."""

    attrs: Mapping[str, Any]
    variables: Mapping[str, StoredColumn]
    sizes: Mapping[str, int]

    @property
    def data_vars(self) -> Mapping[str, StoredColumn]:
        """All variables by name."""
        return self.variables

    def __contains__(self, name: object) -> bool:
        return name in self.variables

    @overload
    def __getitem__(self, name: str) -> StoredColumn: ...
    @overload
    def __getitem__(self, name: list[str]) -> Self: ...
    def __getitem__(self, name: str | list[str]) -> StoredColumn | Self:
        """One variable, or the table of some."""
        if isinstance(name, str):
            return self.variables[name]
        return replace(self, variables={one: self.variables[one] for one in name})

    def isel(self, rows: Mapping[str, Rows]) -> Self:
        """The rows of some dimensions, still lazy."""
        chosen = {
            name: column[rows[column.dims[0]]] if column.dims[0] in rows else column
            for name, column in self.variables.items()
        }
        sizes = {dim: _count(rows[dim], n) if dim in rows else n for dim, n in self.sizes.items()}
        return replace(self, variables=chosen, sizes=sizes)

    def load(self) -> Self:
        """The same with all numbers in memory."""
        loaded = {
            name: replace(column, source=column.to_numpy(), rows=slice(None)) for name, column in self.variables.items()
        }
        return replace(self, variables=loaded)


def _count(rows: Rows, of: int) -> int:
    """How many of ``of`` rows are chosen, without a list of all of them."""
    return len(range(of)[rows]) if isinstance(rows, slice) else len(rows)


def open_table(path: Place) -> "xr.Dataset":
    """A stored dataset without xarray: a `StoredTable`, which passes over all configurations take for a dataset.

    What `foundational.data.store.open_store` refuses is refused here.

    Raises
    ------
    NotFoundError
        There is no store at ``path``.
    ChecksumError
        A file is missing, empty or truncated.
    DatasetError
        The dataset does not follow the layout, or was written by a newer version of this package.
    """
    opened, (attributes, described) = OpenedStore.described(path)
    variables: dict[str, StoredColumn] = {}
    sizes: dict[str, int] = {}
    for name, (stored, description) in described.items():
        try:
            dims = tuple(str(dim) for dim in description["dimension_names"])
            own = dict(zip(dims, map(index, description["shape"]), strict=True))
            if len(own) < len(dims) or any(n < 0 or sizes.get(dim, n) != n for dim, n in own.items()):
                raise DatasetError(f"{path} does not follow the layout: {name} has the lengths {own}, others {sizes}")
            sizes |= own
            dtype = np.dtype(description["data_type"])
            variables[name] = StoredColumn(
                dims, dtype, description["attributes"], StoredRows(opened, stored, description)
            )
        except DatasetError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError):
            raise not_plain(path, stored) from None
    table = StoredTable(attributes, variables, {CONFIGURATION: 0, ATOM: 0} | sizes)
    require_schema(table, str(path))
    return cast("xr.Dataset", table)


def _read_layout(path: Place, attributes: dict[str, Any], entries: dict[str, Entry]) -> Described:
    layout = attributes.get("layout", 0)
    if type(layout) is not int or layout > LAYOUT_VERSION:
        raise DatasetError(f"{path}: expected layout {LAYOUT_VERSION}, got {str(layout)[:80]}; update foundational")
    described = read_descriptions(path, entries)
    renamed = RENAMED if attributes.get("layout") == 1 else {}
    stored_as = {renamed.get(name, name): name for name in described}
    names = [name for name in VARIABLES if name in stored_as] + sorted(stored_as.keys() - VARIABLES.keys())
    return attributes, {name: (stored_as[name], described[stored_as[name]]) for name in names}


def not_plain(path: Place, name: str) -> DatasetError:
    """The error of an array that this package did not write."""
    return DatasetError(f"{path}: expected {name} to be an array with named dimensions and plain numbers")
