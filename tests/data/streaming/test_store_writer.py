"""A store that grows batch by batch."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from foundational.data.batches import take
from foundational.data.fingerprint import fingerprint
from foundational.data.store import open_store, verify_store, write_dataset
from foundational.data.streaming.store_writer import StoreWriter
from foundational.errors import DatasetError


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foundational.data.streaming.stored_arrays._ROWS", {False: (2, 4), True: (8, 32)})
    monkeypatch.setattr("foundational.data.streaming.stored_arrays.LARGER", {False: 6, True: 48})
    monkeypatch.setattr("foundational.data.streaming.store_writer.LARGER", {False: 6, True: 48})


def of_layout(dataset: xr.Dataset, layout: int) -> xr.Dataset:
    if layout == 2:
        return dataset
    one_element = dataset.assign_attrs(element="Ni", elements=["Ni"])
    one_element["atomic_numbers"][:] = 28
    count = dataset.sizes["configuration"]
    names = {"selection_round": np.arange(count), "selection_reason": np.arange(count) % 4}
    for name, values in names.items():
        one_element[name] = ("configuration", values.astype(np.int32 if name == "selection_round" else np.int8))
        one_element[name].attrs |= {"units": "1"}
    return one_element


def files_of(store: Path) -> dict[str, bytes]:
    return {p.relative_to(store).as_posix(): p.read_bytes() for p in store.rglob("*") if p.is_file()}


@pytest.mark.usefixtures("small_shards")
@pytest.mark.parametrize("layout", [1, 2])
@pytest.mark.parametrize("killed_at", [None, 1, 3])
@pytest.mark.parametrize("rows", [1, 5, 12])
def test_appended_batches_have_the_bytes_of_the_whole_even_after_a_kill(
    dataset: xr.Dataset, tmp_path: Path, rows: int, killed_at: int | None, layout: int
) -> None:
    whole = of_layout(dataset, layout)
    write_dataset(whole, tmp_path / "whole.zarr")
    writer = StoreWriter(tmp_path / "grown.zarr")
    number = 0
    while writer.count < whole.sizes["configuration"]:
        writer.append(take(whole, slice(writer.count, writer.count + rows)))
        number += 1
        if number == killed_at:
            writer.checkpoint()
            writer.append(take(whole, slice(writer.count, writer.count + 1)))  # lost with the process
            writer = StoreWriter(tmp_path / "grown.zarr")
    assert not (tmp_path / "grown.zarr" / ".state").exists() or killed_at
    writer.seal(whole.attrs)
    verify_store(tmp_path / "grown.zarr")
    assert open_store(tmp_path / "grown.zarr").attrs["layout"] == layout
    assert files_of(tmp_path / "grown.zarr") == files_of(tmp_path / "whole.zarr")


@pytest.mark.usefixtures("small_shards")
def test_labels_that_a_batch_lacks_are_unknown_and_wider_numbers_widen_all(dataset: xr.Dataset, tmp_path: Path) -> None:
    first, second = take(dataset, slice(0, 7)), take(dataset, slice(7, 12)).copy(deep=True)
    second["positions"] = second["positions"].astype(np.float64) + 1e-12
    bare = first.drop_vars(["stress", "atomic_energies"])
    writer = StoreWriter(tmp_path / "set.zarr")
    writer.append(bare)
    writer.append(second)
    writer.append(bare)
    writer.seal(dataset.attrs)
    stored = open_store(tmp_path / "set.zarr").load()
    assert stored["positions"].dtype == np.float64
    assert (take(stored, slice(7, 12))["positions"] == second["positions"]).all()
    assert (take(stored, slice(0, 7))["positions"] == first["positions"]).all()
    for name in ("stress", "atomic_energies"):
        assert np.isnan(take(stored, [0, 6, 18])[name]).all()
        assert (take(stored, slice(7, 12))[name] == second[name]).all()
    with pytest.raises(DatasetError, match="walker"):
        StoreWriter(tmp_path / "set.zarr").append(dataset.drop_vars("walker")) or _appended(tmp_path, dataset)


def _appended(tmp_path: Path, dataset: xr.Dataset) -> None:
    writer = StoreWriter(tmp_path / "other.zarr")
    writer.append(dataset)
    writer.append(dataset.drop_vars("walker"))


def test_what_is_not_sealed_is_no_dataset(dataset: xr.Dataset, tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "set.zarr")
    writer.append(dataset)
    with pytest.raises((DatasetError, FileNotFoundError)):
        open_store(tmp_path / "set.zarr")
    writer.seal(dataset.attrs)
    assert fingerprint(open_store(tmp_path / "set.zarr")) == fingerprint(dataset)


def test_nothing_is_no_store_and_a_later_variable_is_no_part_of_it(dataset: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="at least one configuration to store, got none"):
        StoreWriter(tmp_path / "none.zarr").seal({})
    writer = StoreWriter(tmp_path / "few.zarr")
    writer.append(take(dataset.drop_vars("split"), slice(0, 4)))
    with pytest.raises(DatasetError, match="'split' is in a later batch of a dataset and not in the first"):
        writer.append(take(dataset, slice(4, 12)))


@pytest.mark.usefixtures("small_shards")
def test_rows_that_a_killed_writer_stored_after_its_checkpoint_are_forgotten(dataset: xr.Dataset, tmp_path: Path):
    writer = StoreWriter(tmp_path / "grown.zarr")
    writer.append(take(dataset, slice(0, 5)))
    writer.checkpoint()
    writer.append(take(dataset, slice(5, 12)))  # whole shards are on disk when the process is killed
    writer = StoreWriter(tmp_path / "grown.zarr")
    assert writer.count == 5
    writer.append(take(dataset, [11, 10]))
    writer.seal(dataset.attrs)
    expected = take(dataset, [0, 1, 2, 3, 4, 11, 10])
    write_dataset(expected, tmp_path / "whole.zarr")
    grown, whole = files_of(tmp_path / "grown.zarr"), files_of(tmp_path / "whole.zarr")
    assert sorted(name for name in grown.keys() | whole.keys() if grown.get(name) != whole.get(name)) == []
