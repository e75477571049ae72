import numpy as np
import pytest
import xarray as xr

from foundational.data.layout import (
    LABELS,
    REQUIRED,
    VARIABLES,
    foreign_attributes,
    require_schema,
    schema_breaches,
    variable,
)
from foundational.errors import DatasetError, InputError


def test_every_variable_has_a_unit_a_description_and_a_type():
    for name, row in VARIABLES.items():
        assert row.name == name
        assert row.unit
        assert row.description
        assert np.dtype(row.dtype)
        assert row.dims[0] in {"configuration", "atom"}
        assert not row.may_be_nan or np.issubdtype(np.dtype(row.dtype), np.floating)


def test_the_structure_is_required_and_the_rest_is_not():
    assert set(REQUIRED) == {
        "id",
        "n_atoms",
        "cell",
        "pbc",
        "atomic_numbers",
        "positions",
    }
    assert LABELS == ("energy", "forces", "stress", "atomic_energies")


def test_a_sane_dataset_follows_the_layout(dataset: xr.Dataset):
    assert schema_breaches(dataset) == []


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_required_variable_is_named(dataset: xr.Dataset, name: str):
    with pytest.raises(DatasetError, match=f"required variable '{name}' is missing"):
        require_schema(dataset.drop_vars(name), "ni")


@pytest.mark.parametrize("name", sorted(VARIABLES))
def test_a_missing_or_other_unit_is_named(dataset: xr.Dataset, name: str):
    if name not in dataset:
        return
    del dataset[name].attrs["units"]
    assert schema_breaches(dataset) == [
        f"{name}: its unit is missing, expected the attribute units = {VARIABLES[name].unit!r}"
    ]
    dataset[name].attrs["units"] = "kcal"
    assert [b for b in schema_breaches(dataset) if name in b and "kcal" in b]


def test_another_type_or_dimension_is_named(dataset: xr.Dataset):
    dataset["energy"] = dataset["energy"].astype(np.float32)
    dataset["forces"] = dataset["forces"].transpose()
    breaches = "; ".join(schema_breaches(dataset))
    assert "energy: expected float64, got float32" in breaches
    assert "forces: expected dimensions" in breaches


def test_an_unknown_variable_is_refused_with_the_closest_name(dataset: xr.Dataset):
    dataset["force"] = dataset["forces"]
    with pytest.raises(DatasetError, match="did you mean 'forces'"):
        require_schema(dataset, "ni")
    with pytest.raises(InputError, match="did you mean 'uncertainty'"):
        variable("uncertanty")


def test_every_breach_is_told_at_once(dataset: xr.Dataset):
    del dataset["cell"].attrs["units"]
    with pytest.raises(DatasetError, match=r"'positions' is missing.*cell: its unit is missing"):
        require_schema(dataset.drop_vars("positions"), "ni")


def test_a_dataset_without_configurations_is_refused(dataset: xr.Dataset):
    assert "it holds no configuration" in schema_breaches(dataset.isel(configuration=slice(0), atom=slice(0)))


@pytest.mark.parametrize(
    ("dims", "dtype", "message"),
    [
        (("configuration",), "float64", None),
        (("atom", "xyz"), "int64", None),
        (("xyz",), "float64", "magmoms: expected a row for each configuration or atom, got dimensions"),
        ((), "float64", "magmoms: expected a row for each configuration or atom, got dimensions"),
        (("atom",), "float32", "magmoms: expected one of bool, int64, float64, uint8, got float32"),
    ],
)
def test_a_variable_of_another_program_has_rows_and_a_type_that_is_kept(dataset: xr.Dataset, dims, dtype, message):
    values = np.zeros([dataset.sizes[dim] for dim in dims], dtype)
    given = dataset.assign(magmoms=xr.Variable(dims, values, foreign_attributes()))
    breaches = schema_breaches(given)
    assert len(breaches) == (message is not None)
    assert all(breach.startswith(message) for breach in breaches)


def test_a_vector_of_another_length_is_named(dataset: xr.Dataset):
    assert "dimension 'xyz': expected length 3, got 2" in schema_breaches(dataset.isel(xyz=slice(0, 2)))
