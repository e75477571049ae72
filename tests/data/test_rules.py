"""Each limit of the rules is where it is stated: a number just within it passes, one just beyond it is named."""

import numpy as np
import pytest
import xarray as xr
from ase import Atoms

from foundational.data.checks import check_dataset
from foundational.data.conversion import from_atoms, to_dataset
from foundational.data.layout import VARIABLES

#: Configuration 4 has 32 atoms in these rows.
ATOMS = slice(45, 77)


def broken(dataset: xr.Dataset, rule: str) -> list[int]:
    """Configurations that break ``rule``."""
    return [row for violation in check_dataset(dataset) if violation.rule == rule for row in violation.configurations]


def changed(dataset: xr.Dataset, name: str, place: object, values: object) -> xr.Dataset:
    array = dataset[name].to_numpy().copy()
    array[place] = values
    return dataset.assign({name: dataset[name].copy(data=array)})


@pytest.mark.parametrize(("number", "bad"), [(0, True), (1, False), (118, False), (119, True)])
def test_elements_are_those_with_a_symbol(dataset: xr.Dataset, number: int, bad: bool):
    assert broken(changed(dataset, "atomic_numbers", 50, number), "elements") == [4] * bad


@pytest.mark.parametrize(
    ("value", "bad"), [(-1e-9, True), (0.0, False), (1.0, False), (1 + 1e-6, False), (1 + 2e-6, True), (np.nan, False)]
)
def test_order_parameters_end_at_the_perfect_crystal_up_to_rounding(dataset: xr.Dataset, value: float, bad: bool):
    assert broken(changed(dataset, "order_parameter", 4, value), "order parameter") == [4] * bad


@pytest.mark.parametrize("name", [name for name, row in VARIABLES.items() if row.meanings])
def test_codes_are_those_that_have_a_meaning(dataset: xr.Dataset, name: str):
    count = len(VARIABLES[name].meanings)
    codes = np.zeros(12, np.int8)
    codes[[1, 2, 3]] = [count - 1, count, -1]
    assert broken(dataset.assign({name: ("configuration", codes, VARIABLES[name].attributes())}), name) == [2, 3]


# Atoms are pulled by ± `pull` along y; all of them by `net` along x, eV/Å.
@pytest.mark.parametrize(
    ("net", "pull", "bad"), [(0.0099, 0.1, False), (0.011, 0.1, True), (0.0198, 2.0, False), (0.021, 2.0, True)]
)
def test_a_net_force_is_beyond_both_of_its_limits(dataset: xr.Dataset, net: float, pull: float, bad: bool):
    forces = np.zeros((32, 3))
    forces[:, 0], forces[::2, 1], forces[1::2, 1] = net, pull, -pull
    assert broken(changed(dataset, "forces", ATOMS, forces), "net force") == [4] * bad


@pytest.mark.parametrize(("share", "bad"), [(0.9, False), (-0.9, False), (1.1, True), (-1.1, True)])
def test_sums_and_symmetry_hold_within_their_tolerances(dataset: xr.Dataset, share: float, bad: bool):
    total = dataset["atomic_energies"].to_numpy()[ATOMS].astype(np.float64).sum()
    assert broken(changed(dataset, "energy", 4, total + 32 * share * 1e-5), "atomic energies") == [4] * bad
    stress = np.diag([0.1, 0.2, 0.3])
    stress[2, 0] = share * 1e-6
    assert broken(changed(dataset, "stress", 4, stress), "stress") == [4] * bad


@pytest.mark.parametrize(
    ("name", "place", "values", "bad"),
    [
        ("stress", 4, np.nan, False),  # not known
        ("stress", (4, 0, 0), np.nan, True),  # known in part
        ("stress", (4, 0, 0), -np.inf, True),
        ("forces", (50, 1), np.nan, True),
        ("energy", 4, np.inf, True),
        ("order_parameter", 4, np.inf, True),
        ("cell", (4, 0, 0), np.nan, True),
    ],
)
def test_nan_is_allowed_where_it_says_not_known_and_infinity_nowhere(dataset, name, place, values, bad):
    assert broken(changed(dataset, name, place, values), "finite") == [4] * bad


@pytest.mark.parametrize(
    ("symbols", "distance", "bad"),
    [("Ni2", 0.99, True), ("Ni2", 1.01, False), ("C2", 0.60, True), ("C2", 0.62, False), ("NiH", 0.61, True)],
)
def test_atoms_overlap_below_the_smaller_of_two_distances(symbols: str, distance: float, bad: bool):
    near = Atoms(symbols, [[0, 0, 0], [0, distance, 0]], cell=np.eye(3) * 9, pbc=True)
    far = Atoms(symbols, [[0, 0, 0], [0, 3.0, 0]], cell=np.eye(3) * 9, pbc=True)
    assert broken(to_dataset(from_atoms([far, near])), "distance") == [1] * bad


@pytest.mark.parametrize(
    ("cell", "pbc", "rules"),
    [
        (np.diag([3.0, 3.0, -3.0]), (True, True, True), {"handedness"}),
        (np.diag([3.0, 3.0, -3.0]), (True, True, False), set()),
        (np.diag([3.0, 3.0, 0.0]), (True, True, False), set()),
        (np.diag([3.0, 3.0, 0.0]), (True, True, True), {"cell"}),
        (np.array([[3.0, 0, 0], [6.0, 0, 0], [0, 0, 0]]), (True, True, False), {"cell"}),
        (np.zeros((3, 3)), (False, False, False), set()),
    ],
)
def test_cells_have_a_volume_and_a_hand_where_they_are_periodic(cell, pbc, rules):
    found = check_dataset(to_dataset(from_atoms([Atoms("Ni", [[0.5, 0.5, 0.5]], cell=cell, pbc=pbc)])))
    assert {violation.rule for violation in found} & {"cell", "handedness"} == rules


def test_an_energy_without_forces_is_a_label_and_forces_without_an_energy_are_not(dataset: xr.Dataset):
    assert broken(changed(dataset, "forces", ATOMS, np.nan), "labels") == []
    assert broken(changed(dataset, "energy", 4, np.nan), "labels") == [4]


def test_the_worst_configuration_is_named_with_its_number(dataset: xr.Dataset):
    worse = changed(changed(dataset, "order_parameter", 2, 1.5), "order_parameter", 7, -3.0)
    (violation,) = [v for v in check_dataset(worse) if v.rule == "order parameter"]
    assert violation.message.endswith("broken by 2 (configurations 2, 7, worst 3 in 7)")
