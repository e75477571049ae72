"""Rows that fulfil a condition, by the numbers and by the index."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from foundational.data.conversion import with_foreign
from foundational.data.layout import foreign_attributes
from foundational.data.query.choosing import choose
from foundational.data.query.computed import DatasetIndex
from foundational.data.query.index import ParquetIndex, stored_index
from foundational.data.query.selection import rows_where
from foundational.data.store import write_dataset
from foundational.errors import ChecksumError, InputError
from foundational.units import GPA


@pytest.fixture
def asked(dataset: xr.Dataset) -> xr.Dataset:
    """A set with unknown labels, imported fields and a transformed copy."""
    count = dataset.sizes["configuration"]
    asked = dataset.copy(deep=True)
    asked["stress"][2] = np.nan
    asked["transformed_to"] = ("configuration", (np.arange(count) == 5).astype(np.int8) * 2, {"units": "1"})
    return with_foreign(
        asked,
        {
            "config_type": xr.Variable(
                "configuration", np.arange(count) % 3 - 1, foreign_attributes(values=["slab", "bulk"])
            ),
            "dipole": xr.Variable("configuration", np.linspace(0, 1, count), foreign_attributes("e Å")),
        },
    )


def _expected(dataset: xr.Dataset) -> dict[str, np.ndarray]:
    n_atoms, ends = dataset["n_atoms"].to_numpy(), np.cumsum(dataset["n_atoms"].to_numpy())
    numbers = np.split(dataset["atomic_numbers"].to_numpy(), ends[:-1])
    pressure = -np.trace(dataset["stress"].to_numpy(), axis1=1, axis2=2) / 3 * GPA
    forces = np.split(np.linalg.norm(dataset["forces"].to_numpy(), axis=1), ends[:-1])
    largest = np.array([float(f.max()) for f in forces])
    order, split = dataset["order_parameter"].to_numpy(), dataset["split"].to_numpy()
    per_atom = dataset["energy"].to_numpy() / n_atoms
    place = np.arange(len(n_atoms))
    with np.errstate(invalid="ignore"):
        return {
            "elements has Al": np.array([13 in z for z in numbers]),
            "elements are Al, Ni": np.array([set(z) == {13, 28} for z in numbers]),
            "elements only Ni": np.array([set(z) == {28} for z in numbers]),
            f"pressure > {float(np.nanmedian(pressure))!r} GPa": pressure > np.nanmedian(pressure),
            f"not pressure > {float(np.nanmedian(pressure))!r}": pressure <= np.nanmedian(pressure),
            "pressure is known": ~np.isnan(pressure),
            f"max_force >= {largest[3] - 1e-5:.9f} and atoms > 1": (largest >= largest[3]) & (n_atoms > 1),
            f"energy_per_atom < {float(per_atom[4])!r} eV or split = validation": (per_atom < per_atom[4])
            | (split == 1),
            "phase = crystal": order > 0.5,
            "phase != crystal": order <= 0.5,
            "source = 'transformed to bcc'": place == 5,
            "source = sampled": place != 5,
            "config_type in (slab)": place % 3 == 1,
            "config_type is known": place % 3 > 0,
            "dipole <= 0.5": np.linspace(0, 1, len(place)) <= 0.5,
            "formula = Al3Ni5 or formula = Cu": np.array(
                [set(z) == {29} or (sum(z == 13), sum(z == 28)) == (3, 5) for z in numbers]
            ),
            "formula = Al": np.array([set(z) == {13} for z in numbers]),
            "formula = AlNi": np.zeros(len(n_atoms), dtype=bool),
        }


def test_numbers_and_index_give_the_rows_that_fulfil_a_condition(asked: xr.Dataset, tmp_path: Path) -> None:
    write_dataset(asked, tmp_path / "set.zarr")
    index = stored_index(tmp_path / "set.zarr", tmp_path / "index")
    assert isinstance(index, ParquetIndex)
    for condition, expected in _expected(asked).items():
        for source in (DatasetIndex(asked), index):
            assert rows_where(condition, source).tolist() == np.flatnonzero(expected).tolist(), condition
    (digits,) = asked["id"].to_numpy()[[7]]
    for length in (5, 6, 32):
        assert rows_where(f"id = {digits.tobytes().hex()[:length]}", index).tolist() == [7]


def test_an_index_belongs_to_the_bytes_of_its_store(asked: xr.Dataset, tmp_path: Path) -> None:
    write_dataset(asked, tmp_path / "set.zarr")
    first = stored_index(tmp_path / "set.zarr", tmp_path / "index")
    changed = asked.copy(deep=True)
    changed["energy"][:] = 0.0
    write_dataset(changed, tmp_path / "set.zarr", replace=True)
    second = stored_index(tmp_path / "set.zarr", tmp_path / "index")
    assert rows_where("energy = 0", first).size == 0
    assert rows_where("energy = 0", second).size == asked.sizes["configuration"]
    assert len(list((tmp_path / "index").iterdir())) == 2


def test_a_damaged_index_is_named(asked: xr.Dataset, tmp_path: Path) -> None:
    write_dataset(asked, tmp_path / "set.zarr")
    index = stored_index(tmp_path / "set.zarr", tmp_path / "index")
    (path,) = (tmp_path / "index").iterdir()
    whole = path.read_bytes()
    for place in (*range(0, len(whole), max(1, len(whole) // 40)), len(whole) - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        with pytest.raises(ChecksumError, match="remove it"):
            rows_where("dipole <= 0.5 and energy is known", index)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ChecksumError, match="remove it"):
        rows_where("dipole <= 0.5", index)


def test_where_no_index_can_be_kept_the_store_is_read_at_each_query(asked: xr.Dataset, tmp_path: Path, monkeypatch):
    write_dataset(asked, tmp_path / "set.zarr")
    calls: list[tuple[int, int, str]] = []
    stored_index(tmp_path / "set.zarr", tmp_path / "index", lambda *call: calls.append(call))
    assert calls[0] == (0, 12, "indexing")
    stored_index(tmp_path / "set.zarr", tmp_path / "index", lambda *call: calls.append(call))
    assert len(calls) == 1, "it is made once"
    (tmp_path / "file").write_text("")
    unwritable = stored_index(tmp_path / "set.zarr", tmp_path / "file")
    monkeypatch.setattr("foundational.data.query.index.find_spec", lambda _: None)
    without_pyarrow = stored_index(tmp_path / "set.zarr", tmp_path / "index")
    for index in (unwritable, without_pyarrow):
        assert isinstance(index, DatasetIndex)
        assert rows_where("split = validation", index).tolist() == np.flatnonzero(asked["split"] == 1).tolist()


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("round = 3", "round is not known of any"),
        ("split = trian", "did you mean 'train'"),
        ("atoms > 1000", "no configuration of 12 fulfils it"),
        ("id = xyz", "hexadecimal digits"),
        (f"id = {'0' * 33}", "at most 32 hexadecimal digits"),
        (f"id = {'0' * 32}", "no configuration of 12 fulfils it"),
    ],
)
def test_a_condition_that_nothing_can_fulfil_is_said(asked: xr.Dataset, condition: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        choose(asked, condition)


def test_an_index_says_how_far_it_is_and_is_no_condition_for_a_query(asked: xr.Dataset, tmp_path: Path) -> None:
    write_dataset(asked, tmp_path / "set.zarr")
    said: list[tuple[int, int, str]] = []
    index = stored_index(tmp_path / "set.zarr", tmp_path / "index", lambda *step: said.append(step))
    assert said == [(0, asked.sizes["configuration"], "indexing")]
    (tmp_path / "file").write_text("no folder")
    without = stored_index(tmp_path / "set.zarr", tmp_path / "file")
    assert isinstance(without, DatasetIndex)
    assert rows_where("dipole <= 0.5", without).tolist() == rows_where("dipole <= 0.5", index).tolist()
