"""Reweighting: a substance of known density of states, sampled under a known bias, gives its exact averages back."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from foundational.errors import InputError
from foundational.science.bias import Bias
from foundational.science.reweighting import (
    Frames,
    average,
    density_of_states,
    free_energy_difference,
    melting_temperature,
)
from foundational.units import BOLTZMANN

#: ln g(H) = a ln(H − H0) + S: ⟨H⟩ = H0 + (a + 1) kT, C = (a + 1) k, G = H0 + kT (…).
CRYSTAL, LIQUID = (40.0, 0.0, 0.0), (44.0, 2.0, 15.0)
WINDOW = 500.0, 2500.0
BINS = np.linspace(0.01, 30.0, 6000)


def log_g(a: float, h0: float, s: float) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(h0 < BINS, a * np.log(BINS - h0) + s, -np.inf)


def partition(phase: tuple[float, float, float], temperature: float) -> float:
    """ln ∫ g exp(−H/kT) dH by quadrature."""
    logs = log_g(*phase) - BINS / (BOLTZMANN * temperature)
    return float(logs.max() + np.log(np.exp(logs - logs.max()).sum()))


@pytest.fixture(scope="module")
def bias() -> Bias:
    """A window of temperatures, and hills besides that depend on O: 0.1 is liquid, 0.9 crystal."""
    knots_h, knots_t = np.array([1.8, 4.2, 6.6, 11.7]), np.array([500.0, 1200.0, 1200.0, 2500.0])
    flat = Bias.flat(1200.0, knots_h, knots_t, (40, 20))
    rng = np.random.default_rng(5)
    coefficients = rng.normal(0, 0.05, flat.coefficients.shape)
    coefficients[:, 10:] += 0.1
    return flat.with_coefficients(coefficients)


def drawn(bias: Bias, count: int, seed: int) -> tuple[Frames, NDArray[np.bool_]]:
    """Independent frames of both phases under ``bias``, and which are crystals."""
    rng = np.random.default_rng(seed)
    logs = []
    for phase, o in ((CRYSTAL, 0.9), (LIQUID, 0.1)):
        logs.append(log_g(*phase) - (BINS + bias.value(BINS, np.full_like(BINS, o))) / (BOLTZMANN * bias.temperature))
    density = np.exp(np.concatenate(logs) - max(x.max() for x in logs))
    rows = rng.choice(len(density), count, p=density / density.sum())
    crystal, h = rows < len(BINS), BINS[rows % len(BINS)]
    walker = np.arange(count) % 2
    return Frames(h, 100 + h, np.where(crystal, 0.9, 0.1), walker, np.arange(count) // 2, bias), crystal


def test_averages_are_those_of_the_known_density_of_states(bias: Bias) -> None:
    frames, crystal = drawn(bias, 40_000, 1)
    for (a, h0, _), mask, temperature in ((CRYSTAL, crystal, 900.0), (LIQUID, ~crystal, 1500.0)):
        found = average(frames, mask, temperature)
        assert found is not None
        kt = BOLTZMANN * temperature
        assert found.enthalpy.value == pytest.approx(h0 + (a + 1) * kt, abs=4 * found.enthalpy.error)
        assert found.enthalpy.error < 0.02 * kt * (a + 1)
        assert found.heat_capacity.value == pytest.approx(a + 1, abs=4 * found.heat_capacity.error)
        assert found.volume.value == pytest.approx(100 + found.enthalpy.value)


def test_a_restraint_of_the_shape_is_weighted_away(bias: Bias) -> None:
    frames, crystal = drawn(bias, 60_000, 2)
    restraint = 0.05 * np.abs(frames.enthalpy - 3.0)  # costs the hot half what a distorted shape would
    kept = np.random.default_rng(3).random(60_000) < np.exp(-restraint / (BOLTZMANN * bias.temperature))
    columns = (frames.enthalpy, frames.volume, frames.order_parameter, frames.walker, frames.step)
    under = Frames(*(x[kept] for x in columns), bias, restraint[kept])
    (a, h0, _), temperature = CRYSTAL, 900.0
    found, forgotten = (average(f, crystal[kept], temperature) for f in (under, replace(under, restraint=0.0)))
    assert found is not None
    assert forgotten is not None
    expected = h0 + (a + 1) * BOLTZMANN * temperature
    assert found.enthalpy.value == pytest.approx(expected, abs=4 * found.enthalpy.error)
    assert forgotten.enthalpy.value != pytest.approx(expected, abs=4 * forgotten.enthalpy.error)


def test_errors_are_those_that_repetitions_scatter_by(bias: Bias) -> None:
    repeats = [average(*drawn(bias, 4_000, seed), 1000.0) for seed in range(40)]
    values = [x.enthalpy.value for x in repeats if x is not None]
    errors = [x.enthalpy.error for x in repeats if x is not None]
    assert len(values) == 40
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.35)


def test_frames_that_remember_each_other_do_not_shrink_the_error(bias: Bias) -> None:
    frames, crystal = drawn(bias, 4_000, 3)
    # Every frame ten times, one after the other: nothing new.
    repeated = np.repeat(np.argsort(frames.walker, kind="stable"), 10)
    step = np.arange(len(repeated)) % (len(repeated) // 2)
    again = Frames(
        *(x[repeated] for x in (frames.enthalpy, frames.volume, frames.order_parameter, frames.walker)), step, bias
    )
    once, tenfold = average(frames, crystal, 1000.0), average(again, crystal[repeated], 1000.0)
    assert once is not None
    assert tenfold is not None
    assert tenfold.enthalpy.value == pytest.approx(once.enthalpy.value)
    assert tenfold.enthalpy.error == pytest.approx(once.enthalpy.error, rel=0.05)


def test_phases_have_equal_weights_at_the_exact_melting_temperature(bias: Bias) -> None:
    grid = np.linspace(800, 2000, 2401)
    difference = [partition(LIQUID, t) - partition(CRYSTAL, t) for t in grid]
    exact = float(np.interp(0.0, difference, grid))
    frames, crystal = drawn(bias, 40_000, 2)
    found = melting_temperature(frames, crystal, ~crystal)
    assert found is not None
    assert found.value == pytest.approx(exact, abs=4 * found.error)
    assert found.error < 10
    (gap,) = free_energy_difference(frames, crystal, ~crystal, np.array([exact]))
    assert gap is not None
    assert abs(gap.value) < 4 * gap.error < 0.1
    assert melting_temperature(frames, crystal, crystal & ~crystal) is None
    assert free_energy_difference(frames, crystal, crystal & ~crystal, np.array([exact])) == [None]


def test_density_of_states_of_both_phases_shares_one_constant(bias: Bias) -> None:
    frames, crystal = drawn(bias, 400_000, 4)
    edges = np.linspace(4.0, 6.0, 6)
    bins = np.digitize(BINS, edges) - 1
    found = [density_of_states(frames, mask, edges) for mask in (crystal, ~crystal)]
    g = [np.exp(log_g(*phase)) for phase in (CRYSTAL, LIQUID)]
    exact = [np.log([x[bins == k].mean() for k in range(5)]) for x in g]
    np.testing.assert_allclose(found[1] - found[0], exact[1] - exact[0], atol=0.15)
    np.testing.assert_allclose(np.diff(found[0]), np.diff(exact[0]), atol=0.15)
    assert density_of_states(frames, crystal, np.array([50.0, 51.0]))[0] == -np.inf


def test_nothing_is_said_outside_the_window_or_by_too_few_frames(bias: Bias) -> None:
    frames, crystal = drawn(bias, 40_000, 1)
    with pytest.raises(InputError, match="within the pool's window, 500 to 2500 K, got 2600"):
        average(frames, crystal, 2600.0)
    few = np.flatnonzero(crystal)[:15]
    assert average(frames, np.isin(np.arange(40_000), few), 1000.0) is None
    assert average(frames, crystal & ~crystal, 1000.0) is None


def test_phase_that_gathers_at_its_border_has_no_average(bias: Bias) -> None:
    frames, crystal = drawn(bias, 10_000, 1)
    rng = np.random.default_rng(1)
    deep, shallow = rng.uniform(0.2, 0.4, 10_000), rng.exponential(0.05, 10_000)
    assert average(frames, crystal, 1000.0, deep) is not None
    assert average(frames, crystal, 1000.0, shallow) is None


def test_what_no_frame_or_no_temperature_shows_is_unknown(bias):
    frames, crystal = drawn(bias, 4000, 1)
    none = np.zeros(len(crystal), dtype=bool)
    assert average(frames, none, 1200.0) is None
    assert free_energy_difference(frames, crystal, ~crystal, np.zeros(0)) == []
    assert melting_temperature(frames, crystal, none) is None
    assert melting_temperature(frames, ~crystal, crystal) is None, "the difference never rises through zero"
