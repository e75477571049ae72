import numpy as np
import pytest

from foundational.data.configurations import Configurations
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for, resolve_potential
from foundational.engines.lammps.shipped_sets import shipped_sets
from foundational.errors import NotFoundError
from foundational.science.crystals import build_crystal


def test_meam_sets_are_named_by_their_file_of_parameters_with_all_elements_and_their_paper():
    specs = {entry.spec.id: entry.spec for entry in shipped_sets()}
    assert specs["MoCoNiVFeAlCr_2nn.meam"].elements == ("Mo", "Co", "Ni", "V", "Fe", "Al", "Cr")
    assert specs["AlSiMgCuFe.meam"].elements == ("Al", "Si", "Mg", "Cu", "Fe")
    assert "85, 245102 (2012)" in specs["AlSiMgCuFe.meam"].citation


@pytest.mark.parametrize(
    ("elements", "potential"),
    [
        ("NbNi", "NiNb"),
        ("AlNi", "NiAlH_jea.eam.alloy"),
        ("CrFe", "MoCoNiVFeAlCr_2nn.meam"),
        ("CrFeCoNi", "MoCoNiVFeAlCr_2nn.meam"),
    ],
)
def test_one_potential_with_all_the_elements_is_found_in_the_registry_then_in_lammps(checkout, elements, potential):
    found = potential_for(elements, checkout)
    assert found.id == potential
    assert resolve_potential(potential, checkout) == found


def test_a_missing_pair_names_the_sets_that_there_are(checkout):
    with pytest.raises(NotFoundError, match=r"no potential with Ni and W together; .*Cu-Zr.*Mo-Co-Ni-V-Fe-Al-Cr"):
        potential_for("NiW", checkout)


def test_a_meam_set_labels_each_atom_as_its_own_element(checkout):
    labeller = LammpsLabeller(potential_for("CrFe", checkout))
    crystal = build_crystal("bcc", 11.8, (2, 2, 2))
    numbers = [np.full(16, 24), np.full(16, 26), np.tile([24, 26], 8)]
    energies = labeller.label(Configurations.build([crystal.cell] * 3, [crystal.positions] * 3, numbers)).energy / 16
    assert energies[0] == pytest.approx(-4.1, abs=0.1)  # cohesive energies of chromium and iron
    assert energies[1] == pytest.approx(-4.28, abs=0.1)
    assert len(set(energies)) == 3
    assert energies[2] == pytest.approx(energies[:2].mean(), abs=0.2)
