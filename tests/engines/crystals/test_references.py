from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from foundational.engines.crystals.references import ReferenceCrystals, reference_crystals
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import InputError
from foundational.science.crystals import STRUCTURES

ROOT = Path(__file__).resolve().parents[3]

#: Bond, Å, and energy, eV/atom, of FCC 32, BCC 54 and HCP 48 relaxed in volume, measured with these potentials before
#: this code was written; None where no bond was written down.
MEASURED = {
    "Ni": {"fcc": (2.486, -4.8763), "bcc": (2.409, -4.8333), "hcp": (2.484, -4.8626)},
    "Al": {"fcc": (2.860, -3.4107), "bcc": (2.805, -3.3088), "hcp": (None, -3.3821)},
    "Nb": {"fcc": (3.051, -7.1594), "bcc": (2.860, -7.3469), "hcp": (None, -7.1940)},
}


@cache
def references(element: str) -> ReferenceCrystals:
    return reference_crystals(LammpsLabeller(potential_for(element, ROOT)), element)


@pytest.mark.parametrize("element", MEASURED)
def test_relaxed_crystals_are_those_that_were_measured(element: str):
    for structure in STRUCTURES:
        relaxed = references(element).isotropic[structure]
        bond, energy = MEASURED[element][structure]
        assert relaxed.energy_per_atom == pytest.approx(energy, abs=6e-5)
        assert bond is None or relaxed.bond == pytest.approx(bond, abs=6e-4)


@pytest.mark.parametrize(
    ("element", "bond", "energy"), [("Ni", 2.440, -4.8466), ("Al", 2.816, -3.3800)]
)  # Jung, Lee, Choi, arXiv 2311.05407, tables 1 and 3, to more digits
def test_the_published_hcp_is_the_one_at_c_over_a_root_three(element: str, bond: float, energy: float):
    published = references(element).published_hcp
    assert published.energy_per_atom == pytest.approx(energy, abs=6e-5)
    assert published.bond == pytest.approx(bond, abs=6e-4)


def test_lattice_constants_and_ground_states_are_those_of_the_potentials():
    assert references("Ni").isotropic["fcc"].lattice_constant == pytest.approx(3.5162, abs=1e-4)
    assert references("Al").isotropic["fcc"].lattice_constant == pytest.approx(4.0453, abs=1e-4)
    assert references("Nb").isotropic["bcc"].lattice_constant == pytest.approx(3.3024, abs=1e-4)
    assert [references(e).ground_state for e in ("Ni", "Al", "Nb")] == ["fcc", "fcc", "bcc"]


def test_an_isolated_atom_has_no_energy_so_cohesion_is_minus_the_energy():
    nickel = references("Ni")
    assert nickel.isolated_energy == pytest.approx(0.0, abs=1e-9)
    assert nickel.cohesive_energy("fcc") == pytest.approx(4.8763, abs=6e-5)


def test_full_relaxation_finds_the_shape_of_hcp_and_keeps_stable_crystals():
    full = references("Nb").relaxed_fully(rattle=0.05, seed=0)
    assert {name: relaxed.structure for name, relaxed in full.items()} == {"fcc": "fcc", "bcc": "bcc", "hcp": "hcp"}
    assert full["hcp"].energy_per_atom == pytest.approx(-7.2039, abs=6e-5)
    assert full["hcp"].bond == pytest.approx(2.982, abs=6e-4)
    assert full["bcc"].energy_per_atom == pytest.approx(-7.3469, abs=6e-5)


#: Gaps, meV/atom, between first and second, and second and third, measured likewise.
GAPS = {
    **{"Cu": (7.8, 38), "Ag": (0.3, 37), "Au": (1.1, 20), "Pd": (3.1, 23), "Pt": (3.1, 17), "Fe": (118, 2.4)},
    **{"V": (214, 10), "Ta": (228, 0.1), "W": (163, 0.01), "Mg": (12, 1.5), "Zr": (52, 49)},
}


@pytest.mark.parametrize("element", GAPS)
def test_the_crystals_of_every_other_metal_lie_as_far_apart_as_measured(element: str):
    energies = sorted(r.energy_per_atom for r in references(element).isotropic.values())
    first, second = GAPS[element]
    assert 1000 * (energies[1] - energies[0]) == pytest.approx(first, rel=0.06, abs=0.04)
    assert 1000 * (energies[2] - energies[1]) == pytest.approx(second, rel=0.06, abs=0.04)


def test_an_element_that_the_potential_lacks_is_refused():
    with pytest.raises(InputError, match="has Ni, Nb, and the configurations have Cu"):
        reference_crystals(LammpsLabeller(potential_for("Ni", ROOT)), "Cu")


def test_an_atom_whose_energy_is_unknown_gives_no_cohesion():
    unknown = replace(references("Ni"), isolated_energy=None)
    with pytest.raises(InputError, match=r"energy of an isolated Ni atom, which .* does not state; give it with --iso"):
        unknown.cohesive_energy("fcc")
