"""A store that grows batch by batch in bounded memory, and is sealed at the end.

What was appended has the same bytes as `foundational.data.store.write_dataset` gives for the whole. Until the seal the
folder has no root document, so that nothing takes it for a dataset. A process that is killed loses what it appended
since its last `StoreWriter.checkpoint`.
"""

import json
import shutil
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.storage import LocalStore

from foundational.data.atomic_write import write_whole
from foundational.data.integrity.store_manifest import write_root
from foundational.data.layout import CONFIGURATION, LABELS, VARIABLES, stored_row
from foundational.data.streaming.layout_choice import LayoutFacts, layout_for
from foundational.data.streaming.stored_arrays import LARGER, create_array, rows_of
from foundational.errors import DatasetError

if TYPE_CHECKING:
    import xarray as xr

#: What a writer has taken, beside the shards.
_STATE: Final = ".state"


class StoreWriter:
    """Appends batches to the store ``folder``, which is made, or continued where a process was killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0
        """Configurations that were appended."""
        self._columns: dict[str, _Column] = {}
        self._facts = LayoutFacts()
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / _STATE).is_file():
            self._resume()
        kept = {name for name, column in self._columns.items() if column.written} | ({_STATE} if self.count else set())
        for leftover in folder.iterdir():
            if leftover.name not in kept:
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        self._group = zarr.open_group(LocalStore(folder), mode="a", zarr_format=3)
        for name, column in self._columns.items():
            column.forget_later_rows(self._group)
            self._facts = self._facts.with_values(name, np.empty(0, column.dtype))

    def append(self, batch: "xr.Dataset") -> None:
        """Take the configurations of ``batch``, which follows the layout, behind those before.

        Raises
        ------
        DatasetError
            It has other variables than the batches before; a label that one batch lacks is not known there.
        """
        sizes = {True: len(batch["atomic_numbers"]), False: int(batch.sizes[CONFIGURATION])}
        if not sizes[False]:
            return
        names = [str(name) for name in batch.variables]
        for name in names:
            if name not in self._columns:
                self._columns[name] = self._new_column(name, batch[name])
        for name, column in self._columns.items():
            if name in names:
                values = batch[name].to_numpy()
            elif name in LABELS:
                values = np.full((sizes[column.per_atom], *column.rest), np.nan, column.dtype)
            else:
                raise DatasetError(f"expected the variable {name!r} in every batch of a dataset, it is missing in one")
            self._facts = self._facts.with_values(name, values)
            column.add(self._group, values)
        self.count += sizes[False]

    def checkpoint(self) -> None:
        """Put on disk what was appended; a writer of the same folder continues behind it."""
        arrays = {name: column.rest_of_rows() for name, column in self._columns.items()}
        state = {
            "count": self.count,
            "facts": self._facts.state(),
            "columns": {name: column.state() for name, column in self._columns.items()},
        }
        text = BytesIO()
        np.savez(text, _state=np.frombuffer(json.dumps(state).encode(), np.uint8), **arrays)  # type: ignore[arg-type]
        write_whole(self.folder / _STATE, [text.getvalue()])

    def seal(self, attrs: Mapping[str, Any]) -> None:
        """Write what is left, and the root document with the manifest of all files; then it is a store.

        Parameters
        ----------
        attrs
            Attributes of the dataset, of JSON's types, ``elements`` among them.
        """
        if not self.count:
            raise DatasetError(f"{self.folder.name}: expected at least one configuration to store, got none")
        for column in self._columns.values():
            column.finish(self._group)
        layout = layout_for(self._facts, attrs)
        for name, column in self._columns.items():
            row = stored_row(name, layout)
            if row is not None and (row != VARIABLES[name] or row.first_codes is not None):
                if row.name != name:
                    (self.folder / name).rename(self.folder / row.name)
                column.open(self._group, row.name).attrs.put(row.attributes(self._facts.largest.get(name, -1)))
        (self.folder / _STATE).unlink(missing_ok=True)
        attributes = {str(key): value for key, value in attrs.items()} | {"layout": layout}
        if layout == 1:
            attributes.pop("elements", None)
        write_root(self.folder, attributes)
        self._columns = {}

    def _new_column(self, name: str, values: "xr.DataArray") -> "_Column":
        column = _Column(name, tuple(map(str, values.dims)), values.dtype, tuple(values.shape[1:]), dict(values.attrs))
        if self.count:
            if name not in LABELS:
                raise DatasetError(f"the variable {name!r} is in a later batch of a dataset and not in the first")
            of_same_kind = "atomic_numbers" if column.per_atom else "n_atoms"
            missing = self._columns[of_same_kind].rows
            for start in range(0, missing, LARGER[column.per_atom]):
                rows = min(LARGER[column.per_atom], missing - start)
                column.add(self._group, np.full((rows, *column.rest), np.nan, column.dtype))
            self._facts = self._facts.with_values(name, np.full((1, *column.rest), np.nan, column.dtype))
        return column

    def _resume(self) -> None:
        with np.load(self.folder / _STATE) as stored:
            state = json.loads(stored["_state"].tobytes())
            self.count = state["count"]
            self._facts = LayoutFacts.of_state(state["facts"])
            for name, known in state["columns"].items():
                self._columns[name] = _Column.of_state(name, known, stored[name])


class _Column:
    """One variable: full shards are on disk, the rest is in memory."""

    def __init__(
        self, name: str, dims: tuple[str, ...], dtype: np.dtype[Any], rest: tuple[int, ...], attrs: dict[str, Any]
    ) -> None:
        self.name, self.dims, self.dtype, self.rest, self.attrs = name, dims, dtype, rest, attrs
        self.per_atom = dims[0] != CONFIGURATION
        self.written = 0
        self._blocks: list[NDArray[Any]] = []

    @property
    def rows(self) -> int:
        """Rows that were taken."""
        return self.written + sum(map(len, self._blocks))

    def state(self) -> dict[str, Any]:
        """What is not numbers, of JSON's types."""
        return {"dims": self.dims, "dtype": self.dtype.str, "rest": self.rest, "attrs": self.attrs} | {
            "written": self.written
        }

    @classmethod
    def of_state(cls, name: str, known: Mapping[str, Any], left: NDArray[Any]) -> "_Column":
        column = cls(name, tuple(known["dims"]), np.dtype(known["dtype"]), tuple(known["rest"]), dict(known["attrs"]))
        column.written, column._blocks = int(known["written"]), [left]
        return column

    def forget_later_rows(self, group: zarr.Group) -> None:
        """Remove shards that were written after the last checkpoint."""
        if self.written:
            array = self.open(group, self.name)
            array.resize((self.written, *self.rest))
            self.dtype = array.dtype  # a process that is killed may just have made it wider

    def rest_of_rows(self) -> NDArray[Any]:
        """Rows in memory."""
        if len(self._blocks) != 1:
            empty = np.empty((0, *self.rest), self.dtype)
            self._blocks = [np.concatenate([empty, *self._blocks]).astype(self.dtype, copy=False)]
        return self._blocks[0]

    def add(self, group: zarr.Group, values: NDArray[Any]) -> None:
        """Take rows; numbers of a wider type make the whole variable wider."""
        if values.dtype != self.dtype:
            wider = np.promote_types(values.dtype, self.dtype)
            if wider != self.dtype:
                self._widen(group, wider)
        self._blocks.append(np.array(values, dtype=self.dtype))
        shard = LARGER[self.per_atom]
        if self.rows - self.written >= shard and self.rows > rows_of(self.per_atom, 0)[1]:
            rows = self.rest_of_rows()
            full = len(rows) // shard * shard
            self._write(group, rows[:full], shard)
            self._blocks = [rows[full:].copy()]

    def finish(self, group: zarr.Group) -> None:
        """Write the rows that are left."""
        rows = self.rest_of_rows()
        shard = LARGER[self.per_atom] if self.written else rows_of(self.per_atom, len(rows))[1]
        if len(rows) or not self.written:
            self._write(group, rows, shard)
        self._blocks = []

    def open(self, group: zarr.Group, name: str) -> "zarr.Array[Any]":
        """The array on disk, in which a chunk of zeros is written like any other."""
        array = zarr.open_array(group.store, path=name, mode="r+", zarr_format=3)
        return array.with_config({"write_empty_chunks": True})

    def _write(self, group: zarr.Group, rows: NDArray[Any], shard: int) -> None:
        if self.written:
            array = self.open(group, self.name)
            array.resize((self.written + len(rows), *self.rest))
        else:
            array = self._create(group, self.name, len(rows))
        for start in range(0, len(rows), shard):
            array[self.written + start : self.written + min(start + shard, len(rows))] = rows[start : start + shard]
        self.written += len(rows)

    def _create(self, group: zarr.Group, name: str, rows: int) -> "zarr.Array[Any]":
        attributes = VARIABLES[self.name].attributes() if self.name in VARIABLES else self.attrs
        shape, total = (rows, *self.rest), max(rows, self.rows)
        return create_array(group, name, shape, (self.dtype, total), self.dims, attributes)

    def _widen(self, group: zarr.Group, dtype: np.dtype[Any]) -> None:
        written, old = self.written, self.dtype
        self.dtype = dtype
        self._blocks = [block.astype(dtype) for block in self._blocks]
        if not written:
            return
        narrow, shard = self.open(group, self.name), LARGER[self.per_atom]
        wide = self._create(group, f"{self.name}.wide", written)
        assert narrow.dtype == old
        for start in range(0, written, shard):
            wide[start : start + shard] = np.asarray(narrow[start : start + shard]).astype(dtype)
        folder = Path(str(group.store.root))  # type: ignore[attr-defined]
        shutil.rmtree(folder / self.name)
        (folder / f"{self.name}.wide").rename(folder / self.name)
