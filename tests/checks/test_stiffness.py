"""Energies without forces are in eV where a change of volume costs what is known of the elements."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.calculators.emt import EMT

from foundational.checks.limits import CheckLimits
from foundational.checks.report import Finding
from foundational.checks.run import check_all
from foundational.data.conversion import from_atoms, to_dataset


def energies_alone(factor: float = 1.0, spread: float = 0.03) -> list[Atoms]:
    """Crystals of copper and their slabs, the energies in another unit; one energy diverged."""
    rng = np.random.default_rng(5)
    frames = []
    for i in range(24):
        atoms = bulk("Cu", cubic=True) if i < 18 else fcc111("Cu", (1, 1, 4), vacuum=6.0, periodic=True)
        atoms.set_cell(atoms.cell * (1 + rng.uniform(-spread, spread)), scale_atoms=True)
        atoms.positions += rng.normal(0, 0.05, atoms.positions.shape)
        atoms.calc = EMT()
        atoms.info["REF_energy"] = factor * (atoms.get_potential_energy() - 100.0 * len(atoms) + 5.0 * (i == 7))
        atoms.calc = None
        frames.append(atoms)
    return frames


def scale_of(frames: list[Atoms], **attrs: object) -> Finding:
    dataset = to_dataset(from_atoms(frames), attrs={"elements": ["Cu"], **attrs})
    (finding,) = (f for f in check_all(dataset, CheckLimits()) if f.rule == "energy scale")
    return finding


@pytest.mark.parametrize(
    ("factor", "unit"), [(1 / 27.211386, "Hartree"), (23.060548, "kcal/mol"), (96.485332, "kJ/mol"), (1000, "meV")]
)
def test_the_unit_of_energies_without_forces_is_named(factor: float, unit: str):
    finding = scale_of(energies_alone(factor))
    assert finding.status == "defect"
    assert "energies are not in eV" in finding.message
    assert unit in finding.action


def test_energies_in_ev_raise_no_alarm():
    assert scale_of(energies_alone()).status == "passed"


def test_nothing_is_concluded_from_equal_volumes_or_unknown_elements():
    assert "volumes do not differ" in scale_of(energies_alone(1 / 27.2, spread=0.001)).message
    frames = energies_alone(1 / 27.2)
    for atoms in frames:
        atoms.numbers[0] = 2
    assert "no bulk modulus of He" in scale_of(frames, elements=["He", "Cu"]).message


def test_nothing_is_concluded_from_few_configurations_or_from_clusters():
    few = "too few periodic configurations with energies"
    assert scale_of(energies_alone()[:5]).message == few
    clusters = energies_alone()
    for atoms in clusters:
        atoms.pbc = False
    assert scale_of(clusters).message == few


def test_a_fit_of_more_numbers_than_the_data_determine_is_none():
    frames = energies_alone(spread=0.08)[:9]
    for number, atoms in enumerate(frames):
        atoms.numbers[:3] = [28, 13, 47][: 1 + number % 3] + [29] * (2 - number % 3)
    finding = scale_of(frames, elements=["Al", "Ni", "Cu", "Ag"])
    assert finding.message == "the volumes do not differ enough to tell"
