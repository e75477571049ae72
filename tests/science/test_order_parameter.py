import numpy as np
import pytest

from foundational.errors import InputError
from foundational.science.crystals import build_crystal
from foundational.science.order_parameter import check_supercell, crossings, order_parameter, shortest_waves

CASES = [("fcc", 2), ("fcc", 3), ("bcc", 3)]


@pytest.mark.parametrize(("structure", "repeats"), CASES)
def test_gradient_is_the_derivative_of_the_value(structure, repeats):
    rng = np.random.default_rng(1)
    scaled = build_crystal(structure, 1.0, (repeats,) * 3).fractional
    scaled = scaled + rng.normal(0, 0.03, scaled.shape)
    signs = shortest_waves(structure)
    _, gradient = order_parameter(scaled, repeats, signs)
    direction = rng.normal(size=scaled.shape)
    step = 1e-6
    ahead, behind = (order_parameter(scaled + x * direction, repeats, signs)[0] for x in (step, -step))
    assert (gradient * direction).sum() == pytest.approx((ahead - behind) / (2 * step), rel=1e-7)


@pytest.mark.parametrize(("structure", "repeats"), CASES)
def test_order_ignores_translation_permutation_and_periodic_images(structure, repeats):
    rng = np.random.default_rng(2)
    scaled = build_crystal(structure, 1.0, (repeats,) * 3).fractional
    scaled = scaled + rng.normal(0, 0.02, scaled.shape)
    signs = shortest_waves(structure)
    moved = rng.permutation(scaled + rng.uniform(size=3)) + rng.integers(-2, 3, scaled.shape)
    assert order_parameter(moved, repeats, signs)[0] == pytest.approx(order_parameter(scaled, repeats, signs)[0])


@pytest.mark.parametrize(("structure", "repeats"), CASES)
def test_perfect_crystal_has_order_one_and_random_atoms_one_over_n(structure, repeats):
    signs = shortest_waves(structure)
    crystal = build_crystal(structure, 1.0, (repeats,) * 3).fractional
    assert order_parameter(crystal, repeats, signs)[0] == pytest.approx(1.0, abs=1e-12)
    random = np.random.default_rng(3).uniform(size=(4000, *crystal.shape))
    assert order_parameter(random, repeats, signs)[0].mean() * len(crystal) == pytest.approx(1.0, rel=0.05)


def test_supercell_too_small_for_its_waves_is_refused_with_the_smallest_that_is_not():
    with pytest.raises(InputError, match="expected a supercell of at least 2"):
        check_supercell("fcc", 1)
    with pytest.raises(InputError, match="expected a supercell of at least 3"):
        check_supercell("bcc", 2)
    check_supercell("fcc", 2)
    check_supercell("bcc", 3)


def test_crossing_is_counted_only_from_side_to_side():
    assert crossings(np.array([0.4, 0.3])) == 0
    assert crossings(np.array([0.1, 0.45, 0.1, 0.6, 0.2, 0.55, 0.1])) == 2
