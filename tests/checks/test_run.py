"""Each seeded defect is found by its rule, and clean data of several kinds raise no alarm."""

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.calculators.emt import EMT

from foundational.checks.limits import CheckLimits, limits_of, project_limits
from foundational.checks.run import check_all
from foundational.data.conversion import from_atoms, to_dataset
from foundational.errors import InputError

Change = Callable[[list[Atoms]], object]


def labelled(atoms: Atoms) -> Atoms:
    """The configuration with labels by EMT."""
    atoms.calc = EMT()
    atoms.info["REF_energy"] = atoms.get_potential_energy()
    atoms.arrays["REF_forces"] = atoms.get_forces()
    if atoms.pbc.all():
        atoms.info["REF_stress"] = atoms.get_stress(voigt=False)
    atoms.calc = None
    return atoms


def rattled(element: str, count: int, seed: int) -> list[Atoms]:
    """Strained and displaced cells of 32 atoms."""
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        atoms = bulk(element, cubic=True) * 2
        atoms.set_cell(atoms.cell.array @ (np.eye(3) * rng.uniform(0.97, 1.06) + rng.normal(0, 0.02, (3, 3))), True)
        atoms.positions += rng.normal(0, 0.12, atoms.positions.shape)
        frames.append(labelled(atoms))
    return frames


METAL = rattled("Ni", 40, 1)


def fresh() -> list[Atoms]:
    return deepcopy(METAL)


def defects(frames: list[Atoms], limits: CheckLimits | None = None, **attrs: object) -> dict[str, str]:
    """The message and what to do, by the rule that found a defect."""
    findings = check_all(
        to_dataset(from_atoms(frames), attrs={"element": "Ni", "elements": ["Ni"], **attrs}), limits or CheckLimits()
    )
    return {f.rule: f"{f.message}; {f.action}" for f in findings if f.status in {"defect", "warning"}}


def every(key: str, factor: float) -> Change:
    def change(frames: list[Atoms]) -> None:
        for atoms in frames:
            (atoms.arrays if key == "REF_forces" else atoms.info)[key] *= factor

    return change


def exchanged(frames: list[Atoms]) -> None:
    for atoms in frames:
        stress = atoms.info["REF_stress"]
        stress[[0, 1], 2], stress[2, [0, 1]] = stress[[1, 0], 2].copy(), stress[2, [1, 0]].copy()


def swapped(frames: list[Atoms]) -> None:
    """Exchange the labels of the configurations of highest and lowest energy."""
    low, high = sorted(frames, key=lambda atoms: atoms.info["REF_energy"])[:: len(frames) - 1]
    low.info, high.info = high.info, low.info
    forces = low.arrays["REF_forces"]
    low.arrays["REF_forces"], high.arrays["REF_forces"] = high.arrays["REF_forces"], forces


def of_equal_energy(frames: list[Atoms]) -> None:
    """Exchange the labels of two configurations that have the same energy."""
    frames[5].info["REF_energy"] = frames[6].info["REF_energy"]
    for atoms in frames[5:7]:
        atoms.set_cell(frames[5].cell)
    forces = [atoms.arrays["REF_forces"] for atoms in frames[5:7]]
    frames[5].arrays["REF_forces"], frames[6].arrays["REF_forces"] = forces[1], forces[0]


def permuted(frames: list[Atoms]) -> None:
    """The forces of one configuration in another order of atoms."""
    frames[9].arrays["REF_forces"] = frames[9].arrays["REF_forces"][::-1].copy()


def isolated(*energies: float, element: str = "Ni") -> list[Atoms]:
    frames = []
    for energy in energies:
        atoms = Atoms(element, cell=np.eye(3) * 15, pbc=True)
        atoms.info["REF_energy"], atoms.arrays["REF_forces"] = energy, np.zeros((1, 3))
        frames.append(atoms)
    return frames


DEFECTS: dict[str, tuple[Change, str, str]] = {
    "a diverged energy": (lambda f: f[3].info.update(REF_energy=f[3].info["REF_energy"] + 20), "energies", "3"),
    "cells of two configurations exchanged": (swapped, "energies", "2 energies do not fit"),
    "a force on the whole cell": (lambda f: f[7].arrays["REF_forces"].__iadd__(0.2), "net force", "configuration 7"),
    "forces all zero": (every("REF_forces", 0), "zero forces", "40 configurations"),
    "forces of one configuration zero": (lambda f: f[2].arrays["REF_forces"].fill(0), "zero forces", "2"),
    "stress of one configuration zero": (lambda f: f[2].info["REF_stress"].fill(0), "zero stress", "configuration 2"),
    "stress of opposite sign": (every("REF_stress", -1), "stress against forces", "--stress-sign compression"),
    "stress in GPa": (every("REF_stress", 160.2), "stress against forces", "--stress-unit GPa"),
    "stress in kbar of VASP's sign": (
        every("REF_stress", -1602.2),
        "stress against forces",
        "--stress-unit kbar --stress-sign compression",
    ),
    "stress divided by 160": (every("REF_stress", 1 / 160.2), "stress against forces", "times what is expected"),
    "stress in another order": (exchanged, "stress against forces", "yz holds xz, xz holds yz"),
    "energies in Hartree": (every("REF_energy", 1 / 27.2114), "energy against forces", "--energy-unit Hartree"),
    "forces in Hartree/Bohr": (every("REF_forces", 1 / 51.422), "energy against forces", "--forces-unit Hartree/Bohr"),
    "an element that is not declared": (lambda f: f[4].symbols.__setitem__(0, "Cu"), "declared elements", "Cu"),
    "two energies of an isolated atom": (lambda f: f.extend(isolated(0.0, 0.3)), "isolated atoms", "differ by 0.3"),
    "an isolated atom of another code": (lambda f: f.extend(isolated(-1200.0)), "isolated atoms", "cohesive energy"),
    "overlapping atoms": (lambda f: f[1].positions.__setitem__(0, f[1].positions[1] + 0.3), "distance", "1"),
    "labels of two configurations of equal energy exchanged": (
        of_equal_energy,
        "forces against positions",
        "2 configurations do not go with their positions (configurations 5, 6",
    ),
    "forces in another order of atoms": (permuted, "forces against positions", "configuration 9"),
    "the same configuration twice": (lambda f: f.append(f[0].copy()), "duplicates", "40"),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_each_seeded_defect_is_found_by_its_rule(name: str):
    change, rule, words = DEFECTS[name]
    frames = fresh()
    change(frames)
    found = defects(frames)
    assert rule in found
    assert words in found[rule]


def test_isolated_atoms_of_some_elements_only_are_a_defect():
    alloy = fresh()
    for atoms in alloy:
        atoms.numbers[::4] = 13
        labelled(atoms)
    found = defects([*alloy, *isolated(0.0)], elements=["Al", "Ni"])
    assert set(found) == {"isolated atoms"}
    assert "of Al they are missing" in found["isolated atoms"]


def slabs() -> list[Atoms]:
    rng = np.random.default_rng(3)
    frames = []
    for _ in range(6):
        atoms = fcc111("Ni", (2, 2, 4), vacuum=8.0)
        atoms.pbc = [True, True, False]
        atoms.positions += rng.normal(0, 0.08, atoms.positions.shape)
        frames.append(labelled(atoms))
    return frames


def molecules() -> list[Atoms]:
    rng = np.random.default_rng(4)
    frames = []
    for _ in range(12):
        atoms = molecule("C2H6")
        atoms.positions += rng.normal(0, 0.05, atoms.positions.shape)
        frames.append(labelled(atoms))
    return frames


CLEAN: dict[str, tuple[Callable[[], list[Atoms]], list[str]]] = {
    "a metal": (fresh, ["Ni"]),
    "a metal, its slabs and its isolated atom": (lambda: [*fresh(), *slabs(), *isolated(0.0)], ["Ni"]),
    "molecules without a cell": (molecules, ["C", "H"]),
    "strained perfect crystals": (lambda: [labelled(bulk("Ni", a=3.4 + i / 50)) for i in range(12)], ["Ni"]),
    "three frames": (lambda: fresh()[:3], ["Ni"]),
}


@pytest.mark.parametrize("name", CLEAN)
def test_clean_data_raise_no_alarm(name: str):
    frames, elements = CLEAN[name]
    assert defects(frames(), elements=elements) == {}


def test_a_limit_that_a_user_sets_decides():
    frames = fresh()
    frames[7].arrays["REF_forces"] += 0.2
    assert "net force" not in defects(frames, limits_of(["net-force=0.5"]))
    frames = fresh()
    frames[7].info["REF_stress"][0, 1] += 2e-6
    assert "broken by 1" in defects(frames)["stress"]
    assert defects(frames, limits_of(["stress-asymmetry=1e-5"])) == {}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("net-force", "expected NAME=NUMBER"),
        ("net-forze=1", "did you mean 'net_force'"),
        ("net-force=much", "expected a number"),
        ("net-force=-1", "net_force"),
    ],
)
def test_limits_that_mean_nothing_are_refused_in_one_line(setting: str, message: str):
    with pytest.raises(InputError, match=message) as caught:
        limits_of([setting])
    assert "\n" not in str(caught.value)


def test_a_flat_cell_is_named_and_nothing_is_computed_of_it() -> None:
    dataset = to_dataset(from_atoms(fresh()), attrs={"element": "Ni", "elements": ["Ni"]})
    dataset["cell"][3] = 0.0
    findings = {f.rule: f for f in check_all(dataset, CheckLimits())}
    assert findings["cell"].configurations == (3,)
    assert findings["statistics"].status == "not applicable"


def test_a_slab_whose_periodic_vectors_are_parallel_is_named() -> None:
    frames = fresh()
    frames[3].pbc = (True, True, False)
    frames[3].cell[1] = frames[3].cell[0]
    findings = {f.rule: f for f in check_all(to_dataset(from_atoms(frames), attrs={"element": "Ni"}), CheckLimits())}
    assert findings["cell"].configurations == (3,)


def found_by(frames: list[Atoms], rule: str, **attrs: object) -> tuple[str, str]:
    """Status and message of one rule."""
    dataset = to_dataset(from_atoms(frames), attrs=attrs)
    (finding,) = (f for f in check_all(dataset, CheckLimits()) if f.rule == rule)
    return finding.status, finding.message


def test_elements_that_are_not_declared_are_a_warning():
    dataset = to_dataset(from_atoms(fresh()[:3]))
    del dataset.attrs["elements"]
    (finding,) = (f for f in check_all(dataset, CheckLimits()) if f.rule == "declared elements")
    assert (finding.status, finding.message) == ("warning", "no elements are declared; found Ni")


def test_isolated_atoms_alone_need_one_energy_for_each_element():
    assert found_by(isolated(-0.5, -0.5), "isolated atoms") == ("passed", "one energy for each element")


@pytest.mark.parametrize("cubic", [False, True])
def test_crystals_may_have_no_forces_at_all(cubic: bool):
    """A displaced atom has some; a primitive cell is too small to show which neighbours there are."""
    frames = [labelled(bulk("Ni", a=3.4 + i / 50, cubic=cubic)) for i in range(10)]
    for atoms in frames:
        atoms.arrays["REF_forces"][:] = 0
    status, message = found_by(frames, "zero forces")
    assert status == ("passed" if cubic else "not applicable")
    assert message == (
        "10 configurations without any force are symmetric" if cubic else "no forces of several atoms are known"
    )


def pairs_of_atoms(count: int) -> list[Atoms]:
    rng = np.random.default_rng(6)
    frames = []
    for _ in range(count):
        atoms = bulk("NiAl", "cesiumchloride", a=2.95)
        atoms.positions += rng.normal(0, 0.05, (2, 3))
        frames.append(labelled(atoms))
    return frames


def test_forces_of_two_atoms_are_not_compared_with_their_positions():
    """They correlate by chance."""
    status, message = found_by(pairs_of_atoms(12), "forces against positions")
    assert status == "not applicable"
    assert message == "no configuration of several atoms has forces that are large enough"


def test_units_of_energies_need_energies_beside_the_forces():
    frames = fresh()
    for atoms in frames[3:]:
        del atoms.info["REF_energy"]
    assert found_by(frames, "energy against forces") == (
        "not applicable",
        "too few configurations with forces and energies",
    )


def test_of_a_large_set_evenly_spread_configurations_are_compared(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("foundational.checks.belonging._ATOMS", 320)
    monkeypatch.setattr("foundational.checks.consistency._ATOMS", 320)
    status, message = found_by(fresh(), "forces against positions")
    assert status == "passed"
    assert "forces go with positions in 10 configurations, evenly spread" in message


def test_more_than_three_elements_share_one_pair_potential():
    rng = np.random.default_rng(7)
    frames = fresh()[:20]
    for atoms in frames:
        atoms.numbers = rng.choice([28, 29, 46, 47], len(atoms))
        labelled(atoms)
    assert defects(frames, elements=["Ni", "Cu", "Pd", "Ag"]) == {}


def test_limits_in_params_yaml_are_named_by_key(tmp_path):
    (tmp_path / "params.yaml").write_text("check: 3\n")
    with pytest.raises(InputError, match="check: expected limits by their names, got 3"):
        project_limits(tmp_path / "params.yaml")
