import numpy as np
import pytest

from foundational.science.alloys.decoration import Lattice, Mixture, decorate, swap_pairs
from foundational.science.alloys.patterns import PATTERNS, sublattice
from foundational.science.alloys.sites import supercell_sites

SITES = supercell_sites(32)
CRYSTAL = Lattice(SITES, np.random.default_rng(0).permutation(32), "fcc", 0)


def _mixture(weights, **changes):
    return Mixture(weights, **({"pure": 0.0, "antisites": 0, "most": 9} | changes))


def test_ordered_compounds_are_those_of_the_crystal_and_at_its_sites():
    mixture = _mixture({"L1_2": 1, "B2": 1})
    made = decorate(mixture, 32, 2, CRYSTAL, 0.5, np.array([8, 24]), np.random.default_rng(3))
    assert made.kind == "L1_2"
    by_site = np.empty(32, int)
    by_site[CRYSTAL.site] = made.elements
    own = {sublattice("L1_2", SITES, 0, np.random.default_rng(k)).tobytes() for k in range(40)}
    assert (by_site == 0).tobytes() in own


def test_without_sites_or_near_no_compound_the_decoration_is_random():
    mixture, random = _mixture({"L1_2": 1}), np.random.default_rng(0)
    assert decorate(mixture, 32, 2, None, 0.5, np.array([8, 24]), random).kind == "random"
    assert decorate(mixture, 32, 2, CRYSTAL, 0.5, np.array([16, 16]), random).kind == "random"
    assert decorate(mixture, 32, 2, CRYSTAL, 0.5, np.array([10, 22]), random).kind == "L1_2"


@pytest.mark.parametrize("name", [name for name, p in PATTERNS.items() if p.crystal == "fcc"])
def test_given_numbers_of_atoms_are_kept_with_antisite_atoms(name):
    counts = np.array([10, 22]) if PATTERNS[name].share == 0.25 else np.array([18, 14])
    for k in range(5):
        made = decorate(_mixture({name: 1}, antisites=4), 32, 2, CRYSTAL, 0.5, counts, np.random.default_rng(k))
        assert np.array_equal(np.bincount(made.elements, minlength=2), counts)


def test_pure_elements_come_first_on_the_axis_and_evenly():
    mixture = _mixture({"random": 1}, pure=0.2)
    pure = [decorate(mixture, 32, 2, None, w, None, np.random.default_rng(0)) for w in (0.0, 0.09, 0.11, 0.19, 0.21)]
    assert [one.kind for one in pure] == ["none"] * 4 + ["random"]
    assert [set(one.elements) for one in pure] == [{0}, {0}, {1}, {1}, {0, 1}]


def test_swaps_keep_the_composition():
    elements = np.array([0] * 20 + [1] * 12)
    before = elements.copy()
    swap_pairs(elements, 3, np.random.default_rng(1))
    assert np.bincount(elements).tolist() == [20, 12]
    assert not np.array_equal(before, elements)


def test_atoms_of_one_element_have_none_to_swap_with():
    elements = np.zeros(8, np.int64)
    swap_pairs(elements, 3, np.random.default_rng(0))
    assert not elements.any()
