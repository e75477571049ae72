"""Seeded faults of a small set with labels of an EAM: each is named, with what to pass to import."""

from dataclasses import replace

import numpy as np
import pytest

from foundational.data.configurations import Configurations
from foundational.data.conversion import to_dataset
from foundational.engines.ani.ensemble import Prediction
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.interchange.label_choice import LabelChoice
from foundational.science.crystals import build_crystal
from foundational.specs.params import read_params
from foundational.stages.check import stage
from foundational.stages.check.findings import Stated
from foundational.stages.check.stage import check_deep
from foundational.stages.check.units import Units, order_option
from foundational.testing.crystals import NICKEL_VOLUME

FILE = Stated(LabelChoice(), imported=True)


@pytest.fixture(scope="module")
def labelled(checkout):
    """36 cells of 16 atoms, strained by up to 5 % along and across all axes."""
    rng = np.random.default_rng(0)
    cells, positions = [], []
    for _ in range(36):
        crystal = build_crystal("fcc", NICKEL_VOLUME * rng.uniform(0.9, 1.15), (2, 2, 1))
        strain = np.eye(3) + rng.uniform(-0.05, 0.05, (3, 3))
        cells.append(crystal.cell @ strain)
        positions.append(crystal.positions @ strain + rng.normal(scale=rng.uniform(0.02, 0.15), size=(16, 3)))
    c = Configurations.build(cells, positions, [np.full(16, 28)] * 36)
    return c.with_labels(LammpsLabeller(potential_for("Ni", checkout)).label(c))


@pytest.fixture(scope="module")
def ani(checkout):
    return read_params(checkout / "params.yaml").ani.scaled("recipe", NICKEL_VOLUME)


@pytest.fixture(scope="module")
def check(labelled, ani):
    """Findings by rule, of the labels that ``change`` makes; networks of equal energies and forces train once."""
    trained = {}
    train = stage._trained

    def once(c, *rest):
        key = (c.labels.energy.tobytes(), c.labels.forces.tobytes())
        if key not in trained:
            trained[key] = train(c, *rest)
        return trained[key]

    def findings(change=lambda labels: labels, stated=FILE):
        dataset = to_dataset(replace(labelled, labels=change(labelled.labels)))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stage, "_trained", once)
            patch.setattr(stage, "_STEPS", 600)
            return {f.rule: f for f in check_deep(dataset, ani, 1, stated)}

    return findings


def of_stress(change):
    return lambda labels: replace(labels, stress=change(labels.stress))


def reordered(stress):
    """As a file in VASP's order is read where ASE's is expected."""
    six = stage.six(stress)[:, [0, 1, 2, 5, 3, 4]]
    return six[:, [[0, 5, 4], [5, 1, 3], [4, 3, 2]]]


def first_reversed(stress):
    return np.concatenate([-stress[:12], stress[12:]])


def some_zero(stress):
    return np.concatenate([0 * stress[:5], stress[5:]])


def test_a_clean_set_raises_no_alarm(check):
    found = check()
    assert {f.status for f in found.values()} == {"passed"}
    assert "unit, sign and order of xx, yy, zz, yz, xz, xy hold" in found["networks: stress"].message


@pytest.mark.parametrize(
    ("change", "rule", "said", "option"),
    [
        (lambda s: -s, "sign", "the sign is opposite", "--stress-sign compression"),
        (lambda s: 160.2177 * s, "unit", "the unit is GPa", "--stress-unit GPa"),
        (lambda s: -1602.177 * s, "unit", "the unit is kbar", "--stress-unit kbar"),
        (lambda s: s / 160.2177, "unit", "conversion too many", "--stress-unit 160.21766"),
        (lambda s: s / 1602.177, "unit", "conversion too many", "--stress-unit 1602.1766"),
        (lambda s: 5 * s, "unit", "times what energies and forces imply", "--stress-unit"),
        (reordered, "order", "yz holds xy, xz holds yz, xy holds xz", "--stress-order xx,yy,zz,xy,yz,xz"),
        (np.zeros_like, "zero", "is zero in every configuration", "without its stress"),
        (first_reversed, "sign", "configurations have a stress of opposite sign", "apart"),
        (some_zero, "zero", "configurations have a stress of exactly zero", "apart"),
        (lambda s: s[::-1], "order", "goes with no component", "find out"),
    ],
)
def test_faults_of_the_stress_are_named(check, change, rule, said, option):
    found = check(of_stress(change))
    finding = found[f"networks: stress {rule}"]
    assert finding.status == "defect"
    assert said in finding.message
    assert option in finding.action
    assert found["networks: energy against forces"].status == "passed"


def test_what_was_stated_is_taken_into_account(check):
    """A file in GPa and in the order of VASP that was read as kbar in that of ASE."""
    stated = Stated(LabelChoice(stress_unit="kbar", stress_sign="compression", stress_order="vasp"), imported=True)
    found = check(of_stress(lambda s: -0.1 * reordered(s)), stated)
    assert "--stress-unit GPa" in found["networks: stress unit"].action
    assert "--stress-sign tension" in found["networks: stress sign"].action
    assert "--stress-order xx,yy,zz,xz,xy,yz" in found["networks: stress order"].action


def test_an_order_is_named_for_nine_numbers_too():
    """The places of the matrix from which xz and xy were read hold yz and xz."""
    order = (0, 1, 2, 5, 3, 4)
    nine = "xx,xz,yz,zx,yy,xy,zy,yx,zz"
    assert nine in order_option(order, LabelChoice())
    assert order_option((0, 1, 2, 3, 4, 5), LabelChoice(stress_order=nine)) == f"--stress-order {nine}"


@pytest.mark.parametrize(
    ("energy", "forces", "option"),
    [
        (1 / 27.2114, 1, "--energy-unit Hartree --forces-unit eV/A"),
        (1 / 27.2114, 1 / 51.4221, "--energy-unit Hartree --forces-unit Hartree/Bohr"),
    ],
)
def test_units_of_energies_and_forces_are_named(check, energy, forces, option):
    found = check(lambda labels: replace(labels, energy=labels.energy * energy, forces=labels.forces * forces))
    assert option in found["networks: energy against forces"].action
    assert [f.rule for f in found.values() if f.status == "defect"] == ["networks: energy against forces"]


def test_sets_that_determine_nothing_lead_to_no_conclusion(labelled, ani):
    few = to_dataset(labelled.take(np.arange(5)))
    assert {f.status for f in check_deep(few, ani, 1, FILE)} == {"not applicable"}


@pytest.fixture
def ideal(labelled, ani, monkeypatch):
    """Findings with ideal networks: they have the forces that they trained on, and the energies that these imply.

    Nothing is trained. Four members differ by a little, as real ones do.
    """

    def trained(c, *_):
        truth = labelled.take(np.arange(len(c)))
        sign = np.sign(float(np.nansum(c.labels.forces * truth.labels.forces)))
        size = np.linalg.norm(c.labels.forces) / np.linalg.norm(truth.labels.forces) * (sign or 1.0)
        rng = np.random.default_rng(7)
        energy = np.stack([truth.labels.energy * size * (1 + 1e-4 * rng.normal()) for _ in range(4)])
        forces = np.stack([truth.labels.forces * size] * 4).astype(np.float32)
        stress = np.stack([truth.labels.stress * size * (1 + 1e-3 * rng.normal()) for _ in range(4)])
        return Prediction(energy, np.zeros((4, len(c.positions))), forces, stress)

    monkeypatch.setattr(stage, "_trained", trained)

    def findings(change=lambda labels: labels, stated=FILE, **variables):
        dataset = to_dataset(replace(labelled, labels=change(labelled.labels)), **variables)
        return {f.rule: f for f in check_deep(dataset, ani, 1, stated)}

    return findings


def relabelled(**factors):
    return lambda labels: replace(labels, **{name: getattr(labels, name) * size for name, size in factors.items()})


@pytest.mark.parametrize(
    ("change", "rule", "said", "option"),
    [
        (relabelled(forces=-1), "energy against forces", "the forces have the sign of the gradient", "change the sign"),
        (
            relabelled(energy=3.7),
            "energy against forces",
            "the energies are 3.7 times what the forces imply",
            "--energy",
        ),
        (relabelled(energy=0.0433641), "energy against forces", "the energies are in", "--energy-unit"),
        (relabelled(stress=2.5), "stress unit", "the stress is 2.5 times what energies and", "--stress-unit"),
        (
            lambda labels: replace(
                labels, stress=labels.stress - np.trace(labels.stress, axis1=1, axis2=2)[:, None, None] * np.eye(3)
            ),
            "stress sign",
            "pressure, rest of the diagonal and shear differ in sign",
            "find out what the file's stress is",
        ),
    ],
)
def test_what_energies_forces_and_stresses_say_of_one_another(ideal, change, rule, said, option):
    finding = ideal(change)[f"networks: {rule}"]
    assert finding.status == ("warning" if rule == "stress unit" else "defect")
    assert said in finding.message
    assert option in finding.action


def test_labels_that_do_not_go_with_their_structures_lead_to_no_conclusion(ideal):
    """Energies of other configurations: even networks of the forces alone have others."""
    rng = np.random.default_rng(3)
    found = ideal(lambda labels: replace(labels, energy=rng.permutation(labels.energy)))
    assert {f.status for f in found.values()} == {"not applicable"}
    assert "the networks fit too little to conclude anything" in found["networks: energy against forces"].message
    assert "the networks fit too little" in found["networks: stress"].message


def test_labels_that_are_absent_are_not_tested(ideal, labelled, ani):
    none = ideal(lambda labels: replace(labels, forces=labels.forces * 0))
    assert none["networks: energy against forces"].message == "no forces that are not zero"
    few = labelled.labels.stress.copy()
    few[3:] = np.nan
    some = ideal(lambda labels: replace(labels, stress=few))
    assert some["networks: stress"].message == "fewer than 8 periodic configurations have a stress"
    assert some["networks: energy against forces"].status == "passed"
    without = to_dataset(labelled).drop_vars(["energy", "stress"])
    assert {f.status for f in check_deep(without, ani, 1, FILE)} == {"not applicable"}
    atoms = ideal(role=[1] * 30 + [0] * 6)
    assert {f.message for f in atoms.values()} == {"fewer than 8 configurations of two or more atoms have energies"}


def test_units_that_changed_are_all_named():
    stated = Units("eV", "eV/A", "eV/A3")
    assert Units("eV", "eV/A", "GPa").options(stated) == "--stress-unit GPa"
    assert Units("eV", "eV/Bohr", "eV/A3").options(stated) == "--forces-unit eV/Bohr"
    assert Units("Hartree", "Hartree/A", "eV/A3").options(stated) == "--energy-unit Hartree"
