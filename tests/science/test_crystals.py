import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list

from foundational.errors import InputError
from foundational.science.crystals import (
    IDEAL_RATIO,
    PUBLISHED_RATIO,
    STRUCTURES,
    Structure,
    build_crystal,
    lattice_constant,
    nearest_neighbour,
)


def coordination(structure: Structure, ratio: float, reach: float) -> np.ndarray:
    crystal = build_crystal(structure, 11.0, ratio=ratio)
    atoms = Atoms(numbers=[28] * len(crystal), cell=crystal.cell, positions=crystal.positions, pbc=True)
    return np.bincount(neighbor_list("i", atoms, reach), minlength=len(crystal))


@pytest.mark.parametrize(("structure", "atoms", "neighbours"), [("fcc", 32, 12), ("bcc", 54, 8), ("hcp", 48, 12)])
def test_the_gate_crystals_have_their_atoms_and_coordination(structure: Structure, atoms: int, neighbours: int):
    bond = nearest_neighbour(structure, 11.0)
    counts = coordination(structure, IDEAL_RATIO, bond + 1e-6)
    assert counts.tolist() == [neighbours] * atoms
    assert coordination(structure, IDEAL_RATIO, bond - 1e-6).sum() == 0


def test_the_published_hcp_has_six_nearest_neighbours_out_of_plane():
    bond = nearest_neighbour("hcp", 11.0, PUBLISHED_RATIO)
    a = lattice_constant("hcp", 11.0, PUBLISHED_RATIO)
    # c/a = √3: a² / 3 + c² / 4 = (13 / 12) a², which is beyond a, so the bond lies in the plane.
    assert bond == pytest.approx(a)
    assert coordination("hcp", PUBLISHED_RATIO, bond + 1e-6).tolist() == [6] * 48


def test_textbook_lattice_constants_come_back_from_the_volume_per_atom():
    assert lattice_constant("fcc", 3.52**3 / 4) == pytest.approx(3.52)
    assert lattice_constant("bcc", 3.30**3 / 2) == pytest.approx(3.30)
    # Mg: a = 3.2094 Å, c = 5.2105 Å (hexagonal cell of two atoms, √3/2 a² c).
    volume = 3**0.5 / 2 * 3.2094**2 * 5.2105 / 2
    assert lattice_constant("hcp", volume, ratio=5.2105 / 3.2094) == pytest.approx(3.2094)


def test_ideal_hcp_and_fcc_pack_equally_close():
    assert nearest_neighbour("hcp", 11.0) == pytest.approx(nearest_neighbour("fcc", 11.0), rel=1e-12)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_scaling_keeps_the_crystal_and_sets_the_volume(structure: Structure):
    crystal = build_crystal(structure, 11.0, (2, 1, 3))
    scaled = crystal.scaled(20.0)
    assert scaled.volume_per_atom == pytest.approx(20.0)
    assert scaled.lattice_constant == pytest.approx(lattice_constant(structure, 20.0))
    assert np.allclose(
        scaled.positions / crystal.positions.max(), crystal.positions * (20 / 11) ** (1 / 3) / crystal.positions.max()
    )


@pytest.mark.parametrize(
    "bad", [("fc", 11.0, None), ("fcc", -1.0, None), ("fcc", float("nan"), None), ("bcc", 11.0, (0, 1, 1))]
)
def test_impossible_crystals_are_refused(bad):
    with pytest.raises(InputError):
        build_crystal(*bad)
