"""Datasets on disk: sharded zarr format 3 with a checksum in every chunk, written whole, read lazily."""

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing
from zarr.storage import LocalStore

from foundational.data.atomic_write import whole_folder
from foundational.data.integrity.store_manifest import Place, check_fully, read_root, write_root
from foundational.data.integrity.stored_array import OpenedStore, StoredRows, not_plain
from foundational.data.layout import (
    ATOM,
    VARIABLES,
    Variable,
    require_schema,
    stored_row,
)
from foundational.data.streaming.layout_choice import layout_of
from foundational.data.streaming.stored_arrays import create_array, rows_of
from foundational.errors import DatasetError
from foundational.progress import Progress


def write_dataset(
    dataset: xr.Dataset, path: Path | str, *, replace: bool = False, progress: Progress | None = None
) -> None:
    """Store a dataset as the folder ``path``, which appears whole or not at all.

    The same numbers and attributes give the same bytes, in any process. A lazy dataset is copied shard by shard. It is
    stored in the oldest layout that can hold it (`layout_of`).

    Raises
    ------
    DatasetError
        The dataset does not follow the layout.
    ConflictError
        ``path`` exists and ``replace`` is false.
    """
    path = Path(path)
    require_schema(dataset, "the dataset to write")
    layout = layout_of(dataset)
    with whole_folder(path, replace=replace) as folder:
        group = zarr.open_group(LocalStore(folder), mode="w", zarr_format=3)
        names = [name for name in VARIABLES if name in dataset]
        names += sorted(str(name) for name in dataset.data_vars if name not in VARIABLES)
        for done, name in enumerate(names):
            if progress is not None:
                progress(done, len(names), f"writing {name}")
            _write_array(group, name, stored_row(name, layout), dataset[name])
        attributes = {str(key): value for key, value in dataset.attrs.items()} | {"layout": layout}
        if layout == 1:
            attributes.pop("elements", None)
        write_root(folder, attributes)
    if progress is not None:
        progress(len(names), len(names), "written")


def open_store(path: "Place | str") -> xr.Dataset:
    """A stored dataset, a ``.zarr`` folder, a zip of one, or one on a server; numbers are read when they are asked for.

    Every file is there with its size, and every chunk that is read has its checksum verified. A store that is replaced
    after it was opened is not read further: a ConflictError says so, since old and new numbers must not be mixed.

    Raises
    ------
    NotFoundError
        There is no store at ``path``.
    ChecksumError
        A file is missing, empty or truncated, named with its array. Reading a damaged chunk raises it too.
    DatasetError
        The dataset does not follow the layout, or was written by a newer version of this package.
    """
    path = Path(path) if isinstance(path, str) else path
    opened, (attributes, described) = OpenedStore.described(path)
    variables = {name: _lazy(opened, *stored) for name, stored in described.items()}
    try:
        dataset = xr.Dataset(variables, attrs=attributes)
    except (ValueError, TypeError) as error:  # lengths of dimensions that differ
        raise DatasetError(f"{path} does not follow the layout: {' '.join(str(error).split())}") from None
    require_schema(dataset, str(path))
    return dataset


def verify_store(path: Path | str) -> None:
    """Compare every byte of a store with its manifest.

    Raises
    ------
    ChecksumError
        Names every damaged, missing or foreign file and its array.
    """
    _, entries = read_root(Path(path))
    check_fully(Path(path), entries)


class _StoredArray(BackendArray):
    """Numbers of a store behind xarray's lazy indexing."""

    def __init__(self, rows: StoredRows, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.rows, self.shape, self.dtype = rows, shape, dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> NDArray[Any]:
        return self.rows.read(key)


def _lazy(opened: OpenedStore, name: str, description: dict[str, Any]) -> xr.Variable:
    """A variable that is read when it is asked for, from the array's ``zarr.json``."""
    try:
        rows = StoredRows(opened, name, description)
        array = _StoredArray(rows, tuple(description["shape"]), np.dtype(description["data_type"]))
        return xr.Variable(
            description["dimension_names"], indexing.LazilyIndexedArray(array), description["attributes"]
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise not_plain(opened.path, name) from None


def _write_array(group: zarr.Group, name: str, row: Variable | None, values: xr.DataArray) -> None:
    """Write one variable, a shard at a time; ``row`` describes it unless it is of another program."""
    shard = rows_of(values.dims[0] == ATOM, len(values))[1]
    array = create_array(
        group,
        name if row is None else row.name,
        values.shape,
        (values.dtype, len(values)),
        tuple(map(str, values.dims)),
        dict(values.attrs) if row is None else row.attributes_of(values),
    )
    for start in range(0, len(values), shard):
        array[start : start + shard] = np.ascontiguousarray(values[start : start + shard].to_numpy())
