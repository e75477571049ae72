"""A store read without xarray gives the numbers that xarray gives."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from foundational.data.batches import take, to_configurations
from foundational.data.checks import check_dataset
from foundational.data.fingerprint import fingerprint
from foundational.data.integrity.stored_array import open_table
from foundational.data.store import open_store, write_dataset
from foundational.errors import ChecksumError, ConflictError, NotFoundError


@pytest.mark.parametrize("rows", [slice(2, 7), np.array([0, 5, 9])])
def test_a_table_has_the_rows_of_the_dataset(dataset: xr.Dataset, store: Path, rows: slice | np.ndarray):
    table = open_table(store)
    one, other = take(table, rows).load(), take(open_store(store), rows).load()
    assert set(one.data_vars) == set(other.data_vars)
    for name in one.data_vars:
        np.testing.assert_array_equal(one[name].to_numpy(), other[name].to_numpy())
    assert (to_configurations(table, rows).positions == to_configurations(dataset, rows).positions).all()


def test_a_table_is_checked_and_identified_as_the_dataset_is(dataset: xr.Dataset, store: Path):
    assert check_dataset(open_table(store)) == []
    assert fingerprint(open_table(store)) == fingerprint(dataset)


def test_damage_and_replacement_are_errors(dataset: xr.Dataset, store: Path, tmp_path: Path):
    with pytest.raises(NotFoundError):
        open_table(tmp_path / "no.zarr")
    table = open_table(store)
    write_dataset(dataset, store, replace=True)
    with pytest.raises(ConflictError, match="was replaced"):
        table["forces"].to_numpy()
    shard = store / "forces" / "c" / "0" / "0"
    shard.write_bytes(bytes([shard.read_bytes()[0] ^ 1]) + shard.read_bytes()[1:])
    with pytest.raises(ChecksumError, match="forces"):
        open_table(store)["forces"].to_numpy()


def test_a_check_of_a_store_does_not_import_xarray(dataset: xr.Dataset, tmp_path: Path):
    store = tmp_path / "few.zarr"
    write_dataset(take(dataset, [0, 4, 8]), store)
    code = "import sys; from foundational.inspection.check import check; from pathlib import Path; check(sys.argv[1]); "
    code += "assert not {'xarray', 'pandas'} & set(sys.modules), 'slow imports'"
    subprocess.run([sys.executable, "-c", code, str(store)], check=True)


def test_rows_of_rows_and_some_of_the_variables_are_those_of_the_dataset(dataset: xr.Dataset, store: Path):
    table = open_table(store)
    few = table[["energy", "cell"]]
    assert set(few.variables) == {"energy", "cell"}
    twice = few.isel({"configuration": slice(2, 9)}).isel({"configuration": np.array([0, 3])})
    assert np.array_equal(twice["energy"].to_numpy(), dataset["energy"].to_numpy()[[2, 5]])
    assert twice.sizes["configuration"] == 2
    assert take(table, slice(3, 3)).sizes["atom"] == 0
