"""Arrays that are read without zarr."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from foundational.data.integrity.shards import FolderParts, Shards
from foundational.data.integrity.stored_array import OpenedStore, StoredRows, open_table
from foundational.data.store import open_store, write_dataset
from foundational.errors import ChecksumError


@pytest.fixture
def store(dataset: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A set in several shards of several chunks."""
    monkeypatch.setattr("foundational.data.streaming.stored_arrays._ROWS", {False: (2, 4), True: (8, 32)})
    monkeypatch.setattr("foundational.data.streaming.stored_arrays.LARGER", {False: 6, True: 48})
    write_dataset(dataset, tmp_path / "set.zarr")
    return tmp_path / "set.zarr"


def test_numbers_are_those_that_zarr_reads(store: Path, dataset: xr.Dataset) -> None:
    opened, (_, described) = OpenedStore.described(store)
    rng = np.random.default_rng(0)
    for name, (stored, description) in described.items():
        shards = Shards.of(FolderParts(store), stored, description)
        assert shards is not None, name
        expected = zarr.open_array(store, path=stored, mode="r")[:]
        count = len(expected)
        keys = [slice(None), slice(3, 9), slice(5, 5), slice(None, None, 3), slice(8, 2, -2)]
        keys += [rng.integers(-count, count, 20), np.array([], dtype=np.int64)]
        for key in keys:
            found = shards.read(key)
            assert found.dtype == expected.dtype
            assert np.array_equal(found, expected[key], equal_nan=found.dtype.kind == "f"), (name, key)
        assert StoredRows(opened, stored, description).shards is not None
    lazy = open_store(store)
    assert np.array_equal(lazy["forces"][[5, 1], 1:].to_numpy(), dataset["forces"].to_numpy()[[5, 1], 1:])
    assert np.array_equal(lazy["cell"][::2, [2, 0], 1].to_numpy(), dataset["cell"].to_numpy()[::2, [2, 0], 1])


def test_every_flipped_bit_of_an_array_is_an_error(store: Path) -> None:
    rng = np.random.default_rng(1)
    for path in (store / "forces" / "c" / "1" / "0", store / "energy" / "c" / "0"):
        whole = path.read_bytes()
        expected = open_table(store)[path.relative_to(store).parts[0]].to_numpy()
        for place in rng.integers(0, len(whole), 40).tolist():
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
            table = open_table(store)
            try:
                found = table[path.relative_to(store).parts[0]].to_numpy()
            except ChecksumError:
                continue
            assert np.array_equal(found, expected)  # a byte that no chunk needs
        path.write_bytes(whole)


@pytest.mark.parametrize("key", ["codecs", "chunk_grid", "chunk_key_encoding", "shape"])
def test_an_array_of_another_form_is_left_to_zarr(store: Path, key: str) -> None:
    _, (_, described) = OpenedStore.described(store)
    stored, description = described["energy"]
    assert Shards.of(FolderParts(store), stored, {**description, key: [{"name": "bytes"}]}) is None


def test_rows_beyond_the_end_and_absent_chunks_are_errors_and_never_zeros(store: Path) -> None:
    _, (_, described) = OpenedStore.described(store)
    stored, description = described["energy"]
    shards = Shards.of(FolderParts(store), stored, description)
    for row in (12, -13):
        with pytest.raises(IndexError, match="expected rows of 12"):
            shards.read(np.array([0, row]))
    # zarr leaves a chunk of nothing but the fill value out of a shard.
    array = zarr.create_array(
        store / "holes",
        shape=(12,),
        chunks=(2,),
        shards=(4,),
        dtype="float64",
        fill_value=0.0,
        config={"write_empty_chunks": False},
    )
    array[:] = np.array([1.0, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1])
    own = dict(description, shape=[12], chunk_grid={"configuration": {"chunk_shape": [4]}})
    holes = Shards.of(FolderParts(store), "holes", own)
    with pytest.raises(ValueError, match="a chunk is absent"):
        holes.read(slice(0, 4))


@pytest.mark.parametrize("rows", [0, -2, 4, 12])
def test_a_shard_that_is_no_multiple_of_its_chunks_is_left_to_zarr(store: Path, rows: int) -> None:
    _, (_, described) = OpenedStore.described(store)
    stored, description = described["energy"]
    (sharding,) = description["codecs"]
    odd = {**sharding, "configuration": {**sharding["configuration"], "chunk_shape": [rows]}}
    assert Shards.of(FolderParts(store), stored, {**description, "codecs": [odd]}) is None


def test_chunks_that_are_compressed_otherwise_are_left_to_zarr(store: Path) -> None:
    _, (_, described) = OpenedStore.described(store)
    stored, description = described["energy"]
    (sharding,) = description["codecs"]
    inner = sharding["configuration"]
    for codecs in (
        [inner["codecs"][0], {"name": "gzip"}, inner["codecs"][2]],
        [*inner["codecs"][:2], {"name": "none"}],
    ):
        other = {**sharding, "configuration": {**inner, "codecs": codecs}}
        assert Shards.of(FolderParts(store), stored, {**description, "codecs": [other]}) is None
