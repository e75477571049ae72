"""A model whose averages are known: U = ½ a (V − V0)² + ε, with n harmonic degrees of freedom in ε."""

import numpy as np
import pytest

from foundational.errors import InputError
from foundational.science.bias import Bias
from foundational.science.pressure.isobars import Isobar, JoinedIsobars
from foundational.science.reweighting import Frames, average
from foundational.units import BAR, BOLTZMANN

STIFFNESS, V0, FREEDOM, COUNT = 0.02, 350.0, 90, 4000  # eV/Å⁶, Å³


def sampled(gigapascal: float, temperature: float, seed: int) -> Isobar:
    """Exact samples of the canonical ensemble at one pressure."""
    random, kt, pressure = np.random.default_rng(seed), BOLTZMANN * temperature, gigapascal * 1e4
    volume = random.normal(V0 - pressure * BAR / STIFFNESS, np.sqrt(kt / STIFFNESS), COUNT)
    energy = STIFFNESS / 2 * (volume - V0) ** 2 + random.gamma(FREEDOM / 2, kt, COUNT)
    zeros = np.zeros(COUNT, np.int64)
    return Isobar(pressure, Bias.canonical(temperature), energy, volume, np.zeros(COUNT), zeros, np.arange(COUNT))


def expected(gigapascal: float, temperature: float) -> tuple[float, float]:
    """⟨U + PV⟩ and ⟨V⟩."""
    kt, pressure = BOLTZMANN * temperature, gigapascal * 1e4 * BAR
    volume = V0 - pressure / STIFFNESS
    return (FREEDOM + 1) / 2 * kt + STIFFNESS / 2 * (volume - V0) ** 2 + pressure * volume, volume


@pytest.mark.parametrize(("gigapascal", "temperature"), [(0.0, 1000.0), (7.0, 1000.0), (15.0, 1050.0), (20.0, 970.0)])
def test_averages_between_isobars_are_those_of_the_model(gigapascal, temperature):
    joined = JoinedIsobars([sampled(p, 1000.0, seed) for seed, p in enumerate((0.0, 10.0, 20.0))])
    found = joined.average(np.ones(3 * COUNT, bool), temperature, gigapascal * 1e4)
    assert found is not None
    enthalpy, volume = expected(gigapascal, temperature)
    assert abs(found.enthalpy.value - enthalpy) < 4 * found.enthalpy.error < 0.1 * enthalpy
    assert abs(found.volume.value - volume) < 4 * found.volume.error < 0.02 * volume


def test_one_isobar_gives_what_a_single_pool_gives():
    isobar, everything = sampled(10.0, 1000.0, 3), np.ones(COUNT, bool)
    enthalpy = isobar.energy + isobar.pressure * BAR * isobar.volume
    alone = Frames(enthalpy, isobar.volume, isobar.order_parameter, isobar.walker, isobar.step, isobar.bias)
    assert JoinedIsobars([isobar]).average(everything, 1000.0, isobar.pressure) == average(alone, everything, 1000.0)


def test_a_pressure_beyond_the_pools_is_refused():
    joined = JoinedIsobars([sampled(p, 1000.0, 1) for p in (0.0, 10.0)])
    with pytest.raises(InputError, match="expected a pressure of 0 to 100000 bar"):
        joined.log_weights(1000.0, 30e4)


def test_no_pool_is_none_to_join():
    with pytest.raises(InputError, match="expected at least one pool to join, got none"):
        JoinedIsobars([])
