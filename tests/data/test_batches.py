"""Passes over a dataset."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from foundational.data.batches import Offsets, batch_slices, iterate_places, take, to_configurations
from foundational.data.integrity.stored_array import StoredRows, open_table
from foundational.data.store import write_dataset


@pytest.mark.parametrize("block", [1, 5, 100])
def test_a_pass_reads_n_atoms_once_whatever_the_size_of_batches(
    dataset: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr("foundational.data.batches._BLOCK", block)
    write_dataset(dataset, tmp_path / "set.zarr")
    table = open_table(tmp_path / "set.zarr")
    rows_read = 0
    read = StoredRows.read

    def counting(self: StoredRows, key: tuple[slice, ...]) -> np.ndarray:
        nonlocal rows_read
        values = read(self, key)
        rows_read += len(values) if self.name == "n_atoms" else 0
        return values

    monkeypatch.setattr(StoredRows, "read", counting)
    places = list(iterate_places(table, batch_atoms=20))
    positions = np.concatenate([place.configurations(table).positions for place in places])
    assert rows_read == dataset.sizes["configuration"]
    assert (positions == dataset["positions"].to_numpy()).all()
    assert [place.rows.start for place in places[1:]] == [place.rows.stop for place in places[:-1]]


@pytest.mark.parametrize("indices", [[3, 1, -1], slice(2, 5), slice(None, None, -2), [4, 5, 6], np.arange(12) % 2 == 0])
def test_offsets_take_what_indices_name(dataset: xr.Dataset, indices: slice | list[int] | np.ndarray) -> None:
    rows = np.arange(dataset.sizes["configuration"])[indices]
    offsets = Offsets.of(dataset)
    taken, read = offsets.take(dataset, indices), offsets.configurations(dataset, indices)
    assert (taken["id"].to_numpy() == dataset["id"].to_numpy()[rows]).all()
    assert (read.positions == take(dataset, rows)["positions"].to_numpy()).all()
    assert (read.n_atoms == to_configurations(dataset, rows).n_atoms).all()


def test_each_batch_takes_as_many_configurations_as_have_room_in_it():
    assert [(s.start, s.stop) for s in batch_slices(np.ones(17, np.int32), 5)] == [(0, 5), (5, 10), (10, 15), (15, 17)]
    n_atoms = np.random.default_rng(2).integers(1, 9, 300).astype(np.int32)
    slices = list(batch_slices(n_atoms, 20))
    assert [s.start for s in slices[1:]] == [s.stop for s in slices[:-1]]
    assert (slices[0].start, slices[-1].stop) == (0, 300)
    for this, following in pairwise(slices):
        assert n_atoms[this].sum() <= 20 < n_atoms[this].sum() + n_atoms[following.start]
