import numpy as np
import pytest

from foundational.science.alloys.patterns import PATTERNS, sublattice
from foundational.science.alloys.sites import supercell_sites
from foundational.science.transformations import bain_strain

#: Nearest neighbours of an atom of the first sublattice in the first, and of one in the second sublattice in the first;
#: M. J. Mehl et al., doi 10.1016/j.commatsci.2017.01.017.
NEIGHBOURS = {
    "L1_2": (0, {4}),
    "L1_0": (4, {8}),
    "L1_1": (6, {6}),
    "D0_22": (0, {4}),
    "B2": (0, {8}),
    "D0_3": (0, {0, 4}),
    "B32": (4, {4}),
}


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("axis", range(3))
def test_each_compound_has_the_neighbours_of_its_structure_on_the_sites_of_fcc(name, axis):
    sites, pattern = supercell_sites(32), PATTERNS[name]
    strain = bain_strain(axis, "fcc") if pattern.crystal == "bcc" else np.ones(3)
    first = sublattice(name, sites, axis, np.random.default_rng(axis))
    assert first.mean() == pattern.share
    difference = sites.fractional[:, None] - sites.fractional[None]
    distances = np.linalg.norm((difference - np.rint(difference)) * strain, axis=2)
    near = (distances > 1e-6) & (distances < 1.05 * np.sort(distances[0])[1])
    own, other = NEIGHBOURS[name]
    assert set(near[first][:, first].sum(axis=1)) == {own}
    assert set(near[~first][:, first].sum(axis=1)) == other


def test_compounds_that_do_not_repeat_with_the_cell_are_not_made():
    random = np.random.default_rng(0)
    fits = {
        n: {name for name in PATTERNS if sublattice(name, supercell_sites(n), 0, random) is not None}
        for n in (54, 108, 128)
    }
    assert fits == {54: {"L1_0", "B2"}, 108: {"L1_2", "L1_0", "B2"}, 128: set(PATTERNS)}


def test_orientations_and_origins_are_drawn():
    sites, random = supercell_sites(32), np.random.default_rng(0)
    found = {sublattice("L1_0", sites, 0, random).tobytes() for _ in range(40)}
    assert len(found) == 6
