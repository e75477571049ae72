from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from ase import Atoms

from foundational.data.batches import take
from foundational.data.checks import Violation, check_dataset, require_sound
from foundational.data.configurations import concatenate
from foundational.data.conversion import from_atoms, to_configurations, to_dataset
from foundational.data.distances import shortest_distances
from foundational.data.fingerprint import configuration_ids
from foundational.data.layout import COMPOUND
from foundational.data.rules import Tolerances
from foundational.data.store import open_store
from foundational.errors import DatasetError


def translated(parent: xr.Dataset) -> xr.Dataset:
    """A dataset derived from ``parent``, with everything a dataset can hold."""
    return to_dataset(
        to_configurations(parent),
        parent_id=parent["id"].to_numpy(),
        selection_reason=np.zeros(12),
        order_parameter=np.linspace(0, 1, 12),
        split=np.arange(12) % 2,
    )


def rules_broken(dataset: xr.Dataset, **options: object) -> list[str]:
    return [violation.rule for violation in check_dataset(dataset, **options)]


def test_a_sane_dataset_has_no_violation(store: Path, dataset: xr.Dataset):
    assert check_dataset(dataset) == []
    assert check_dataset(open_store(store)) == []
    assert check_dataset(translated(dataset), parent=dataset) == []
    require_sound(dataset, "ni")


def put(name: str, index: tuple[int, ...], value: float) -> Callable[[xr.Dataset], None]:
    def change(dataset: xr.Dataset) -> None:
        values = dataset[name].to_numpy().copy()
        values[index] = value
        dataset[name].data = values

    return change


# One number changed in configuration 4 (32 atoms, rows 45 to 76), and the rule that finds it.
CORRUPTIONS = {
    "energy is NaN": (put("energy", (4,), np.nan), "labels"),
    "a force is infinite": (put("forces", (50, 1), np.inf), "finite"),
    "a position is NaN": (put("positions", (50, 1), np.nan), "finite"),
    "an order parameter is infinite": (put("order_parameter", (4,), np.inf), "finite"),
    "an atom of no element": (put("atomic_numbers", (50,), 0), "elements"),
    "an atom of element 119": (put("atomic_numbers", (50,), 119), "elements"),
    "a left-handed cell": (put("cell", (4, 0, 0), -7.0), "handedness"),
    "a flat cell": (put("cell", (4,), 0.0), "cell"),
    "a moved atom": (put("positions", (50, 1), 0.3), "id"),
    "another id": (put("id", (4, 0), 0), "id"),
    "a force on the whole cell": (put("forces", (50, 0), 5.0), "net force"),
    "a torn stress": (put("stress", (4, 0, 1), 0.5), "stress"),
    "an energy that is not the sum": (put("energy", (4,), 1.0), "atomic energies"),
    "an order parameter of 32": (put("order_parameter", (4,), 32.0), "order parameter"),
    "a negative order parameter": (put("order_parameter", (4,), -0.1), "order parameter"),
    "a fourth part": (put("split", (4,), 3), "split"),
    "a reason without a name": (put("selection_reason", (4,), 9), "selection_reason"),
    "no parent": (put("parent_id", (4,), 0), "parent"),
}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_one_wrong_number_breaks_its_rule_and_names_its_configuration(dataset: xr.Dataset, name: str):
    change, rule = CORRUPTIONS[name]
    damaged = translated(dataset)
    change(damaged)
    found = {violation.rule: violation for violation in check_dataset(damaged)}
    assert rule in found
    assert found[rule].configurations == (4,)
    assert found[rule].count == 1
    with pytest.raises(DatasetError, match=rf"^ni: .*{rule}: expected"):
        require_sound(damaged, "ni")


@pytest.mark.parametrize(("tolerance", "broken"), [(1e-3, False), (5.0, True)])
def test_tolerances_are_stated_and_used(dataset: xr.Dataset, tolerance: float, broken: bool):
    found = check_dataset(dataset, tolerances=Tolerances(minimum_distance=tolerance, covalent_share=10.0))
    assert bool(found) == broken
    if broken:
        assert "atoms at least 5 Å or 10 of their covalent radii apart; broken by" in found[0].message
        assert "worst" in found[0].message


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_distances_of_slabs_wires_and_clusters_use_no_image_across_an_open_boundary(kept: int):
    cell = np.eye(3) * 3.0
    atoms = [Atoms("Ni2", [[0.1, 0, 0], [2.8, 0, 0]], cell=cell, pbc=[kept > i for i in range(3)])]
    shortest = shortest_distances(from_atoms(atoms))
    assert shortest == pytest.approx(2.7 if kept == 0 else 0.3, abs=1e-5)


def test_light_atoms_may_be_closer_than_metals():
    frames = from_atoms([Atoms("H2", [[0, 0, 0], [0.74, 0, 0]], cell=np.eye(3) * 9, pbc=True)])
    assert rules_broken(to_dataset(frames)) == []
    frames = from_atoms([Atoms("Ni2", [[0, 0, 0], [0.74, 0, 0]], cell=np.eye(3) * 9, pbc=True)])
    assert rules_broken(to_dataset(frames)) == ["distance"]


def test_overlapping_atoms_are_found_through_the_periodic_boundary(dataset: xr.Dataset):
    configurations = to_configurations(dataset)
    positions = configurations.positions.copy()
    positions[46] = positions[45] + configurations.cell[4, 0] + [0.4, 0, 0]
    damaged = dataset.assign(positions=dataset["positions"].copy(data=positions))
    violation = next(v for v in check_dataset(damaged) if v.rule == "distance")
    assert violation.configurations == (4,)
    assert "at least 1 Å or" in violation.message
    assert "worst 0.4 in 4" in violation.message


def test_a_repeated_configuration_is_found_whatever_its_labels(dataset: xr.Dataset):
    configurations = to_configurations(dataset)
    again = configurations.take([2])
    repeated = to_dataset(concatenate([configurations, again]))
    assert check_dataset(repeated) == [
        Violation("duplicates", "expected each configuration once; broken by 1 (configurations 12)", 1, (12,))
    ]


def test_a_parent_that_is_not_in_the_parent_dataset_is_found(dataset: xr.Dataset):
    child = translated(dataset)
    assert rules_broken(child, parent=take(dataset, slice(0, 11))) == ["parent"]
    assert rules_broken(child.drop_vars("parent_id"), parent=dataset) == ["parent"]


def test_a_configuration_of_a_recipe_needs_no_parent_and_may_not_have_a_wrong_one(dataset: xr.Dataset):
    ids, codes = dataset["id"].to_numpy().copy(), np.zeros(dataset.sizes["configuration"], np.int8)
    ids[3], codes[3] = 0, 2
    child = to_dataset(to_configurations(dataset), parent_id=ids, recipe=codes)
    assert rules_broken(child, parent=dataset) == []
    assert rules_broken(child.drop_vars("recipe"), parent=dataset) == ["parent", "parent"]
    ids[3, 0] = 1
    other = to_dataset(to_configurations(dataset), parent_id=ids, recipe=codes)
    assert rules_broken(other, parent=dataset) == ["parent"]


def test_a_compound_that_was_built_needs_no_parent(dataset: xr.Dataset):
    ids, codes = dataset["id"].to_numpy().copy(), np.zeros(dataset.sizes["configuration"], np.int8)
    ids[3], codes[3] = 0, COMPOUND
    child = to_dataset(to_configurations(dataset), parent_id=ids, decoration=codes)
    assert rules_broken(child, parent=dataset) == []
    assert rules_broken(child.drop_vars("decoration"), parent=dataset) == ["parent", "parent"]


@pytest.mark.parametrize("counts", [[32, 1, 8], [0, 33, 8]])
def test_numbers_of_atoms_that_do_not_fit_are_found(dataset: xr.Dataset, counts: list[int]):
    damaged = take(dataset, slice(0, 4))
    damaged["n_atoms"].data = np.array([*counts, 5], dtype=np.int32)
    assert rules_broken(damaged) == ["n_atoms"]


def test_a_breach_of_the_layout_is_told_instead_of_judging_numbers(dataset: xr.Dataset):
    assert rules_broken(dataset.drop_vars("cell")) == ["schema"]


def test_a_damaged_chunk_is_one_violation_and_the_rest_is_still_looked_at(
    dataset: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("foundational.data.streaming.stored_arrays._ROWS", {False: (4, 12), True: (45, 135)})
    monkeypatch.setattr("foundational.data.batches.BATCH_ATOMS", 45)
    from foundational.data.store import write_dataset  # noqa: PLC0415

    put("energy", (11,), np.nan)(dataset)
    write_dataset(dataset, tmp_path / "data.zarr")
    shard = tmp_path / "data.zarr" / "forces" / "c" / "0" / "0"
    content = bytearray(shard.read_bytes())
    content[3] ^= 1  # in the first of three chunks
    shard.write_bytes(content)
    found = check_dataset(open_store(tmp_path / "data.zarr"))
    assert [v.rule for v in found] == ["bytes", "labels"]
    assert "forces" in found[0].message
    assert found[1].configurations == (11,)


@pytest.mark.parametrize("batch_atoms", [1, 50])
def test_what_is_found_does_not_hang_on_the_batches(
    dataset: xr.Dataset, monkeypatch: pytest.MonkeyPatch, batch_atoms: int
):
    for change, _ in CORRUPTIONS.values():
        if not any(cell.cell_contents in {"selection_reason", "parent_id"} for cell in change.__closure__):
            change(dataset)
    put("energy", (11,), np.nan)(dataset)
    whole = check_dataset(dataset)
    assert len(whole) > 5
    monkeypatch.setattr("foundational.data.batches.BATCH_ATOMS", batch_atoms)
    assert check_dataset(dataset) == whole


def test_at_most_ten_configurations_are_named(dataset: xr.Dataset):
    dataset["id"].data = configuration_ids(to_configurations(dataset))[::-1]
    violation = check_dataset(dataset)[0]
    assert violation.count == 12
    assert len(violation.configurations) == 10
    assert violation.message.endswith("9, …)")


def test_progress_ends_at_the_number_of_configurations(dataset: xr.Dataset):
    calls: list[tuple[int, int, str]] = []
    check_dataset(dataset, progress=lambda *call: calls.append(call))
    assert [done for done, _, _ in calls] == sorted(done for done, _, _ in calls)
    assert calls[-1][:2] == (12, 12)
