import numpy as np
import pytest

from foundational.science.alloys.sites import crystal_coordinates, sites_of_atoms, supercell_sites
from foundational.science.transformations import bain_strain


def _atoms(n_atoms, strain=(1, 1, 1), noise=0.1):
    """A shuffled, shifted and rattled crystal in a cell that is 3.6 Å along each conventional edge before the strain;
    the cell, the positions and the site of each atom."""
    random = np.random.default_rng(n_atoms)
    sites = supercell_sites(n_atoms)
    cell = np.diag(strain) * 3.6 * sites.repeats
    order = random.permutation(n_atoms)
    positions = sites.fractional[order] @ cell + random.normal(scale=noise, size=(n_atoms, 3)) + random.normal(size=3)
    return sites, cell, positions, order


@pytest.mark.parametrize("n_atoms", [32, 54, 108])
def test_every_atom_of_a_hot_crystal_is_found_at_its_site_up_to_a_translation_of_the_lattice(n_atoms):
    sites, cell, positions, order = _atoms(n_atoms)
    found = sites_of_atoms(cell, positions, sites)
    assert sorted(found) == list(range(n_atoms))
    moved = sites.coordinates[found] - sites.coordinates[order]
    assert len(np.unique(moved % (2 * sites.repeats), axis=0)) == 1


def test_a_bain_strain_leaves_every_atom_at_its_site():
    sites, cell, positions, _ = _atoms(32)
    strain = bain_strain(1, "fcc")
    assert np.array_equal(
        sites_of_atoms(cell, positions, sites), sites_of_atoms(cell * strain, positions * strain, sites)
    )


def test_a_liquid_has_no_sites():
    sites, cell, positions, _ = _atoms(32, noise=1.5)
    assert sites_of_atoms(cell, positions, sites) is None


@pytest.mark.parametrize(("n_atoms", "crystal", "kind"), [(32, "bcc", "fcc"), (54, "fcc", "bcc")])
@pytest.mark.parametrize("axis", range(3))
def test_the_other_crystal_of_the_bain_path_has_its_own_integer_coordinates(n_atoms, crystal, kind, axis):
    sites = supercell_sites(n_atoms)
    coordinates, period = crystal_coordinates(sites, crystal, axis)
    edge = 2.0
    placed = sites.fractional @ np.diag(bain_strain(axis, kind)) * sites.repeats
    distances = np.linalg.norm(placed[:, None] - placed[None], axis=2)
    own = np.linalg.norm((coordinates[:, None] - coordinates[None]) / edge, axis=2)
    scale = (4 / 2) ** (1 / 3) if crystal == "bcc" else (2 / 4) ** (1 / 3)
    assert np.allclose(distances * scale, own)
    assert abs(np.linalg.det(period)) / 8 * (2 if crystal == "bcc" else 4) == pytest.approx(n_atoms)
