"""Layout 2 (docs/decisions/0011): unknown labels, float64 where it matters, foreign variables, stores of layout 1."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from ruamel.yaml import YAML

from foundational.data.checks import check_dataset
from foundational.data.configurations import Configurations, Labels
from foundational.data.conversion import iterate_atoms, to_configurations, to_dataset, with_foreign
from foundational.data.fingerprint import configuration_ids, fingerprint, label_digests
from foundational.data.layout import foreign_attributes
from foundational.data.store import open_store, write_dataset
from foundational.errors import DatasetError, InputError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def precise(configurations: Configurations) -> Configurations:
    """The same cells in float64, the last one with a position that float32 would change."""
    positions = configurations.positions.astype(np.float64)
    positions[-1, 0] += 1e-12
    return replace(configurations, positions=positions)


def test_an_id_does_not_depend_on_the_precision_in_which_positions_are_stored(
    configurations: Configurations, precise: Configurations
):
    before, after = configuration_ids(configurations), configuration_ids(precise)
    assert (before == after).all(axis=1).tolist() == [True] * 11 + [False]


def test_the_id_of_float64_positions_can_be_recomputed_from_the_documented_bytes(precise: Configurations):
    last = precise.with_labels(None).take([11])
    content = b"f8\0" + last.atomic_numbers.tobytes() + last.cell.astype("<f8").tobytes()
    assert (
        configuration_ids(last)[0].tobytes() == sha256(content + last.positions.astype("<f8").tobytes()).digest()[:16]
    )


def test_float64_survives_the_store(precise: Configurations, tmp_path: Path):
    write_dataset(to_dataset(precise), tmp_path / "data.zarr")
    back = to_configurations(open_store(tmp_path / "data.zarr"))
    assert back.positions.dtype == np.float64
    assert np.array_equal(back.positions, precise.positions)
    assert fingerprint(back) == fingerprint(precise)


def unknown(configurations: Configurations, name: str, rows: list[int]) -> Configurations:
    """The same configurations; the label ``name`` is not known in ``rows``."""
    labels = configurations.labels
    assert labels is not None
    values = getattr(labels, name).copy()
    values[configurations.atoms_of(np.array(rows)) if name in ("forces", "atomic_energies") else rows] = np.nan
    return configurations.with_labels(replace(labels, **{name: values}))


@pytest.mark.parametrize("name", ["energy", "forces", "stress", "atomic_energies"])
def test_an_unknown_label_stays_unknown_in_store_and_atoms(configurations: Configurations, name: str, tmp_path: Path):
    partly = unknown(configurations, name, [2, 7])
    write_dataset(to_dataset(partly), tmp_path / "data.zarr")
    stored = open_store(tmp_path / "data.zarr")
    back = to_configurations(stored)
    expected = [c not in (2, 7) for c in range(12)]
    assert back.labels is not None
    assert back.labels.known(back.offsets)[name].tolist() == expected
    key = "energies" if name == "atomic_energies" else name
    assert [key in atoms.calc.results for atoms in iterate_atoms(stored)] == expected
    assert fingerprint(stored) == fingerprint(partly) != fingerprint(configurations)


def test_a_label_that_no_configuration_has_is_no_variable_and_zero_is_not_unknown(configurations: Configurations):
    nowhere = to_dataset(unknown(configurations, "stress", list(range(12))))
    assert "stress" not in nowhere
    zeros = replace(configurations.labels, stress=np.zeros((12, 3, 3)))
    assert "stress" in to_dataset(configurations.with_labels(zeros))


def test_the_digest_of_unknown_labels_is_that_of_fewer_labels(configurations: Configurations):
    without = configurations.with_labels(replace(configurations.labels, atomic_energies=None))
    assert np.array_equal(
        label_digests(unknown(configurations, "atomic_energies", list(range(12)))), label_digests(without)
    )


def test_forces_without_an_energy_in_a_set_with_energies_are_found(configurations: Configurations):
    violations = check_dataset(to_dataset(unknown(configurations, "energy", [3])))
    assert [(v.rule, v.configurations) for v in violations] == [("labels", (3,))]


def test_part_of_a_label_is_never_unknown(configurations: Configurations):
    forces = configurations.labels.forces.copy()
    forces[0, 1] = np.nan
    broken = configurations.with_labels(replace(configurations.labels, forces=forces))
    assert "finite" in [v.rule for v in check_dataset(to_dataset(broken))]


def test_variables_of_other_programs_keep_names_values_and_units(configurations: Configurations, tmp_path: Path):
    dataset = with_foreign(
        to_dataset(configurations),
        {
            "config_type": xr.Variable(
                "configuration", np.arange(12) % 2, foreign_attributes(values=["bulk", "surface"])
            ),
            "magmoms": xr.Variable("atom", np.arange(len(configurations.positions)) * 0.1, foreign_attributes("μB")),
        },
    )
    write_dataset(dataset, tmp_path / "data.zarr")
    back = open_store(tmp_path / "data.zarr")
    assert back["config_type"].attrs["values"] == ["bulk", "surface"]
    assert back["config_type"].attrs["units"] == "not stated"
    assert back["magmoms"].attrs["units"] == "μB"
    assert np.array_equal(back["magmoms"], dataset["magmoms"])
    assert fingerprint(back) == fingerprint(configurations)
    assert [v.rule for v in check_dataset(back)] == []


def test_a_foreign_variable_needs_its_mark_and_a_name_of_its_own(configurations: Configurations, tmp_path: Path):
    dataset = to_dataset(configurations)
    with pytest.raises(InputError, match="other names than those of the layout for imported fields, got energy"):
        with_foreign(dataset, {"energy": xr.Variable("configuration", np.zeros(12), foreign_attributes())})
    with pytest.raises(DatasetError, match="variable 'magmoms' is not in the layout"):
        write_dataset(dataset.assign(magmoms=("atom", np.zeros(dataset.sizes["atom"]))), tmp_path / "data.zarr")


@pytest.mark.parametrize("pbc", [(False, False, False), (True, True, False), (True, False, False)])
def test_missing_vectors_are_completed_without_touching_the_others(pbc: tuple[bool, bool, bool]):
    given = np.array([[3.0, 1.0, 0.0], [0.0, 4.0, 0.5], [0.2, 0.0, 5.0]]) * np.array(pbc)[:, None]
    one = Configurations(
        np.array([1], np.int32), given[None], np.array([pbc]), np.array([28], np.uint8), np.zeros((1, 3), np.float32)
    )
    complete = one.complete_cell[0]
    assert abs(np.linalg.det(complete)) > 0.1
    assert np.array_equal(complete[list(pbc)], given[list(pbc)])


def test_a_set_of_several_elements_names_them_in_order(configurations: Configurations):
    assert to_dataset(configurations).attrs["elements"] == ["Al", "Ni", "Cu"]


def test_a_released_store_of_layout_1_opens_with_todays_names_and_its_own_fingerprint():
    store = ROOT / "datasets" / "ni-5pct" / "data.zarr"
    if not store.exists():
        pytest.skip("datasets/ni-5pct is not here; dvc pull brings it")
    dataset = open_store(store)
    registry = YAML(typ="safe").load(ROOT / "datasets" / "ni-5pct" / "releases.yaml")
    assert dataset.attrs["layout"] == 1
    assert {"selection_reason", "selection_round"} <= set(dataset.data_vars)
    assert fingerprint(dataset) in str(registry)


def test_labels_know_themselves_with_atoms_of_several_configurations():
    labels = Labels(
        np.array([1.0, np.nan]), np.array([[0, 0, 0], [np.nan] * 3, [np.nan] * 3]), np.full((2, 3, 3), np.nan)
    )
    known = labels.known(np.array([0, 2, 3]))
    assert known["energy"].tolist() == [True, False]
    assert known["forces"].tolist() == [True, False]
    assert known["stress"].tolist() == [False, False]


@pytest.mark.parametrize("name", ["nb", "ni-al", "al-cu"])
def test_a_released_set_is_stored_as_it_always_was_whatever_codes_were_added_since(name: str, tmp_path: Path):
    store = ROOT / "datasets" / name / "data.zarr"
    if not store.exists():
        pytest.skip(f"datasets/{name} is not here; dvc pull brings it")
    write_dataset(open_store(store), tmp_path / "data.zarr")
    files = {p.relative_to(store): p.read_bytes() for p in store.rglob("*") if p.is_file()}
    copy = tmp_path / "data.zarr"
    assert {p.relative_to(copy): p.read_bytes() for p in copy.rglob("*") if p.is_file()} == files


def test_what_layout_1_cannot_hold_is_stored_in_layout_2(configurations: Configurations, tmp_path: Path):
    nickel = configurations.take([0, 4, 8])
    sets = {
        "plain": to_dataset(nickel, attrs={"element": "Ni"}),
        "several elements": to_dataset(configurations),
        "unknown": to_dataset(unknown(nickel, "stress", [1]), attrs={"element": "Ni"}),
        "absent": to_dataset(unknown(nickel, "stress", [0, 1, 2]), attrs={"element": "Ni"}),
        "test split": to_dataset(nickel, attrs={"element": "Ni"}, split=[0, 1, 2]),
        "role": to_dataset(nickel, attrs={"element": "Ni"}, role=[0, 0, 1]),
        "precise": to_dataset(
            replace(nickel, positions=nickel.positions.astype(np.float64) + 1e-12), attrs={"element": "Ni"}
        ),
    }
    layouts = {}
    for name, dataset in sets.items():
        write_dataset(dataset, tmp_path / name / "data.zarr")
        layouts[name] = open_store(tmp_path / name / "data.zarr").attrs["layout"]
    assert layouts == {name: 1 if name == "plain" else 2 for name in sets}
