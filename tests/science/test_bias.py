import numpy as np
import pytest

from foundational.science.bias import Bias, hill


@pytest.fixture
def learned() -> Bias:
    """A rough bias: many hills on a small grid, over a T(H) with a plateau."""
    rng = np.random.default_rng(0)
    bias = Bias.flat(
        2000.0, np.array([-150.0, -142.0, -135.0, -125.0]), np.array([600.0, 2000.0, 2000.0, 4000.0]), (20, 30)
    )
    hills = sum(np.outer(hill(rng.uniform(0, 20), 20, 1.2), hill(rng.uniform(0, 30), 30, 1.5)) for _ in range(60))
    return bias.with_coefficients(0.3 * np.asarray(hills))


def test_slopes_are_the_derivatives_of_the_value_inside_and_beyond_the_window(learned: Bias):
    h, o = np.meshgrid(np.linspace(-155.3, -120.1, 400), np.linspace(0.011, 0.99, 40))
    s, by_o = learned.slopes(h, o)
    step = 1e-5
    assert np.allclose(s - 1, (learned.value(h + step, o) - learned.value(h - step, o)) / (2 * step), atol=1e-7)
    assert np.allclose(by_o, (learned.value(h, o + step) - learned.value(h, o - step)) / (2 * step), atol=1e-4)


def test_s_does_not_jump_at_the_edges(learned: Bias):
    o = np.linspace(0, 1, 50)
    for edge, temperature in ((-150.0, 600.0), (-125.0, 4000.0)):
        inside, outside = (learned.slopes(np.full(50, edge + x), o)[0] for x in (1e-7, -1e-7))
        assert np.allclose(inside, outside, atol=1e-5)
        assert np.allclose(inside, 2000.0 / temperature, atol=1e-5)


def test_no_bias_is_learned_by_the_base_alone_where_t_is_t0():
    bias = Bias.canonical(1500.0)
    h = np.linspace(-3, 4, 9)
    assert np.array_equal(bias.value(h, 0.5 * np.ones(9)), np.zeros(9))


def test_constant_t_makes_the_run_canonical_at_that_t():
    """W ∝ exp{−[H + ΔH]/kT0} = exp{−H/kT} needs ΔH = (T0/T − 1) H."""
    bias = Bias.flat(2000.0, np.array([10.0, 20.0]), np.full(2, 800.0), (12, 20))
    h = np.array([5.0, 10.0, 13.0, 20.0, 31.0])
    assert np.allclose(bias.value(h, np.zeros(5)), (2000 / 800 - 1) * (h - 10))


def test_hill_is_a_gaussian_far_from_the_edges():
    x = (np.arange(-1, 32) - 15.2) / 1.5
    assert np.allclose(hill(15.2, 30, 1.5), np.exp(-0.5 * x**2), atol=np.exp(-8))
    assert hill(15.2, 30, 1.5)[np.abs(x) < 4] == pytest.approx(np.exp(-0.5 * x[np.abs(x) < 4] ** 2))
