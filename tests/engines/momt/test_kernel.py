"""The compiled step against the numpy formulas that define it."""

import numpy as np
import pytest

from foundational.engines.momt.kernel import (
    add_order_forces,
    deposit,
    order_waves,
    spline_slopes,
    temperature_at,
)
from foundational.science.bias import Bias, hill
from foundational.science.crystals import build_crystal
from foundational.science.order_parameter import order_parameter, shortest_waves


def test_spline_slopes_are_those_of_the_bias():
    rng = np.random.default_rng(0)
    bias = Bias(1.0, np.array([0.0, 15.0]), np.ones(2), rng.normal(size=(18, 23)))
    u, v = rng.uniform(-2, 17, 500), rng.uniform(0, 20, 500)
    ours = np.array([spline_slopes(a, b, bias.coefficients) for a, b in zip(u, v, strict=True)])
    s, by_o = bias.slopes(u, v / 20)
    assert np.allclose(ours[:, 0], s - 1, atol=1e-12)
    assert np.allclose(ours[:, 1] * 20, by_o, atol=1e-11)


def test_temperature_is_linear_between_knots_and_constant_beyond():
    h, t = np.array([-3.0, -1.0, 2.0]), np.array([600.0, 900.0, 1500.0])
    x = np.linspace(-5, 4, 91)
    assert np.allclose([temperature_at(a, h, t) for a in x], np.interp(x, h, t))


@pytest.mark.parametrize(("u", "v"), [(7.3, 11.1), (0.0, 0.2), (-4.0, 19.9), (14.8, 20.0), (99.0, 3.0)])
def test_deposited_hill_is_the_mirrored_gaussian(u: float, v: float):
    coefficients, increments = np.ones((18, 23)), np.zeros((18, 23))
    deposit(u, v, 0.3, (1.5, 2.0), coefficients, increments)
    expected = 0.3 * np.outer(hill(min(max(u, 0), 15), 15, 1.5), hill(v, 20, 2.0))
    assert np.allclose(increments, expected, atol=1e-15)
    assert np.allclose(coefficients, 1 + expected, atol=1e-15)


@pytest.mark.parametrize(("structure", "repeats"), [("fcc", 2), ("bcc", 3)])
def test_order_and_its_forces_in_a_tilted_cell(structure: str, repeats: int):
    rng = np.random.default_rng(1)
    crystal = build_crystal(structure, 11.0, (repeats,) * 3)
    cell = crystal.cell + np.tril(rng.normal(0, 0.4, (3, 3)))
    lo = rng.normal(size=3)
    scaled = crystal.fractional + rng.normal(0, 0.03, crystal.fractional.shape)
    signs, inverse = shortest_waves(structure), np.linalg.inv(cell)
    waves, total, forces = np.empty((len(scaled), len(signs), 2)), np.empty((len(signs), 2)), np.ones(scaled.shape)
    value = order_waves(scaled @ cell + lo, lo, inverse, repeats, signs, waves, total)
    add_order_forces(0.7, waves, total, inverse, repeats, signs, forces)
    expected, gradient = order_parameter(scaled, repeats, signs)
    assert value == pytest.approx(expected, rel=1e-12)
    assert np.allclose(forces, 1 - 0.7 * gradient @ inverse.T, atol=1e-13)
