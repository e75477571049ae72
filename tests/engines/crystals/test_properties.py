import numpy as np
import pytest

from foundational.data.configurations import Configurations
from foundational.engines.crystals.properties import (
    elastic_constants,
    fcc_properties,
    stacking_fault_energy,
    vacancy_energy,
)
from foundational.engines.crystals.relaxation import energies_per_atom, relax_isotropic
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.science.crystals import build_crystal

GPA = 160.2176634  # of an eV/Å³


@pytest.fixture(scope="module")
def nickel(checkout):
    labeller = LammpsLabeller(potential_for("Ni", checkout))
    return labeller, relax_isotropic(labeller, build_crystal("fcc", 10.87), "Ni")


def test_elastic_constants_agree_with_the_curvature_of_the_energy(nickel):
    labeller, relaxed = nickel
    c11, c12, c44 = elastic_constants(labeller, relaxed.volume_per_atom, "Ni")
    assert 1.0 < c11 / c12 < 3.0
    # The bulk modulus V d²E/dV² from energies alone; the 0.5 % are their third order.
    h = 0.01
    scaled = [relaxed.crystal.scaled(relaxed.volume_per_atom * (1 + x)) for x in (-h, 0, h)]
    low, middle, high = energies_per_atom(labeller, scaled, "Ni")
    bulk = (low - 2 * middle + high) / h**2 / relaxed.volume_per_atom
    assert (c11 + 2 * c12) / 3 == pytest.approx(bulk, rel=5e-3)
    # ½ C44 γ² V for a shear of the cubic cell.
    gamma = 0.01
    cell = build_crystal("fcc", relaxed.volume_per_atom, (2, 2, 2))
    shear = np.eye(3)
    shear[0, 1] = gamma
    sheared = Configurations.build([cell.cell @ shear], [cell.positions @ shear], [np.full(32, 28)])
    rise = labeller.label(sheared).energy[0] - 32 * middle
    assert c44 == pytest.approx(2 * rise / gamma**2 / (32 * relaxed.volume_per_atom), rel=5e-3)


def test_a_stacking_fault_is_two_layers_of_hcp(nickel):
    """In the axial Ising model an intrinsic fault costs twice the gap of HCP and FCC, but for layers further apart."""
    labeller, relaxed = nickel
    hcp = energies_per_atom(labeller, [build_crystal("hcp", relaxed.volume_per_atom)], "Ni")[0]
    a = (4 * relaxed.volume_per_atom) ** (1 / 3)
    expected = 2 * (hcp - relaxed.energy_per_atom) / (a**2 * 3**0.5 / 4)
    assert stacking_fault_energy(labeller, relaxed.volume_per_atom, "Ni") == pytest.approx(expected, rel=0.15)


def test_relaxing_around_a_vacancy_lowers_its_energy(nickel):
    labeller, relaxed = nickel
    found = vacancy_energy(labeller, relaxed.volume_per_atom, "Ni")
    cell = build_crystal("fcc", relaxed.volume_per_atom, (3, 3, 3))
    frozen = Configurations.build([cell.cell], [cell.positions[1:]], [np.full(107, 28)])
    before = labeller.label(frozen).energy[0] - 107 * relaxed.energy_per_atom
    assert 0.8 * before < found < before


def test_the_properties_of_the_reference_are_those_of_nickel(nickel):
    """C11, C12, C44 measured at 0 K: 261, 151, 132 GPa (Simmons and Wang, handbook of 1971); vacancy 1.8 eV."""
    labeller, relaxed = nickel
    found = fcc_properties(labeller, relaxed.volume_per_atom, "Ni")
    assert [found.c11 * GPA, found.c12 * GPA, found.c44 * GPA] == pytest.approx([261, 151, 132], rel=0.15)
    assert 1.0 < found.vacancy_energy < 2.2
