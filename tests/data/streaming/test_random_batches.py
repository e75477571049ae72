"""Batches for training."""

import numpy as np
import pytest
import xarray as xr

from foundational.data.batches import to_configurations
from foundational.data.streaming.random_batches import Batches
from foundational.errors import InputError


@pytest.mark.parametrize("memory", [1, 3_000, 10**9])
@pytest.mark.parametrize("size", [1, 5, 12, 50])
def test_each_configuration_comes_once_an_epoch_with_its_own_numbers(
    dataset: xr.Dataset, monkeypatch: pytest.MonkeyPatch, size: int, memory: int
) -> None:
    monkeypatch.setattr("foundational.data.streaming.random_batches._BLOCK_ATOMS", 30)
    c = to_configurations(dataset)
    batches = Batches(dataset, size, seed=3, memory=memory)
    orders = []
    for epoch in (0, 1):
        batches.set_epoch(epoch)
        places = []
        for batch in batches:
            begin = 0
            for number, count in enumerate(batch["n_atoms"].tolist()):
                (place,) = np.flatnonzero(dataset["energy"].to_numpy() == batch["energy"][number])
                atoms = slice(c.offsets[place], c.offsets[place + 1])
                assert (batch["positions"][begin : begin + count] == c.positions[atoms]).all()
                assert (batch["atomic_numbers"][begin : begin + count] == c.atomic_numbers[atoms]).all()
                assert (batch["configuration"][begin : begin + count] == number).all()
                places.append(int(place))
                begin += count
        assert sorted(places) == list(range(len(c)))
        orders.append(places)
    assert orders[0] != orders[1]
    assert len(batches) == -(-len(c) // size)


def test_torch_loads_batches_as_tensors(dataset: xr.Dataset) -> None:
    torch = pytest.importorskip("torch")
    loader = torch.utils.data.DataLoader(Batches(dataset, 4, seed=0, memory=10**6), batch_size=None)
    batches = list(loader)
    assert [len(batch["n_atoms"]) for batch in batches] == [4, 4, 4]
    assert batches[0]["positions"].dtype == torch.float32


def test_an_impossible_size_is_refused(dataset: xr.Dataset) -> None:
    with pytest.raises(InputError, match="at least 1"):
        Batches(dataset, 0, memory=1)


@pytest.mark.parametrize("number", [-1, 3])
def test_a_batch_that_is_not_there_is_an_index_error(dataset: xr.Dataset, number: int) -> None:
    with pytest.raises(IndexError, match="expected one of 3 batches"):
        Batches(dataset, 4, seed=0, memory=10**6)[number]
