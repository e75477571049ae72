import numpy as np
import pytest

from foundational.science.stress_regression import VOIGT, regress, six


def stresses(configurations=60, pressure=0.1, shear=0.01, seed=0):
    """(C, 6) eV/Å³ of cells under pressure, with smaller deviators and shears, as in sets of trainers."""
    rng = np.random.default_rng(seed)
    found = rng.normal(scale=shear, size=(configurations, 6))
    found[:, :3] += rng.normal(scale=pressure, size=(configurations, 1))
    return found


def members(true, noise=0.001, count=4, seed=1):
    return true + np.random.default_rng(seed).normal(scale=noise, size=(count, *true.shape))


def test_stresses_that_agree_are_in_order_with_slope_one():
    true = stresses()
    found = regress(true, members(true))
    assert (found.moved, found.zero, found.unrelated) == ((), (), ())
    assert found.slopes == pytest.approx([1, 1, 1], rel=0.1)
    assert not len(found.opposite) + len(found.other_scale) + len(found.zero_rows)


@pytest.mark.parametrize("order", [(0, 1, 2, 5, 3, 4), (0, 1, 2, 4, 3, 5), (1, 0, 2, 3, 4, 5), (0, 5, 4, 1, 3, 2)])
def test_each_order_of_components_is_found(order):
    """VASP's, the one of mlearn's files, axes exchanged, and the upper triangle row after row."""
    true = stresses()
    found = regress(1602 * true[:, list(order)], members(true))
    assert found.order == order
    assert found.slopes == pytest.approx([1602] * 3, rel=0.1)


@pytest.mark.parametrize("factor", [-1.0, 160.2, -1602.0, 1 / 160.2])
def test_sign_and_unit_are_slopes(factor):
    true = stresses()
    assert regress(factor * true, members(true)).slope == pytest.approx(factor, rel=0.1)


def test_an_offset_of_the_pressure_changes_nothing():
    """Stresses of a fixed plane-wave basis have one; so have networks of cells of one volume."""
    true = stresses(pressure=0.01)
    found = regress(true - 0.3 * np.array([1, 1, 1, 0, 0, 0]), members(true))
    assert found.slopes == pytest.approx([1, 1, 1], rel=0.1)
    assert not len(found.opposite)


def test_nothing_is_concluded_where_members_disagree():
    true = stresses()
    noise = np.array([0.001, 0.001, 0.001, 0.05, 0.05, 0.05])
    found = regress(true[:, [0, 1, 2, 5, 3, 4]], members(true, noise))
    assert found.determined.tolist() == [True] * 3 + [False] * 3
    assert found.moved == ()
    assert np.isnan(found.slopes[2])


def test_configurations_that_differ_from_most_are_named():
    true = stresses(shear=0.05)
    stored = true.copy()
    stored[:4] *= -1
    stored[10:13] *= 160.2
    stored[20] = 0
    found = regress(stored, members(true))
    assert set(found.opposite) == {0, 1, 2, 3}
    assert set(found.other_scale) == {10, 11, 12}
    assert found.zero_rows.tolist() == [20]


def test_a_component_that_was_not_computed_and_one_that_is_noise_are_named():
    true = stresses(shear=0.05)
    stored = true.copy()
    stored[:, 3] = 0
    stored[:, 5] = np.random.default_rng(3).normal(size=60)
    found = regress(stored, members(true))
    assert [VOIGT[i] for i in found.zero] == ["yz"]
    assert [VOIGT[i] for i in found.unrelated] == ["xy"]


def test_components_of_a_matrix_are_in_the_order_of_their_names():
    stress = np.array([[1.0, 6, 5], [6, 2, 4], [5, 4, 3]])
    assert six(stress).tolist() == [1, 2, 3, 4, 5, 6]
