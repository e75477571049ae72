"""The window of enthalpy from runs whose averages are known; what cannot be a window is refused with what came."""

from pathlib import Path

import numpy as np
import pytest

from foundational.engines.lammps.potentials import potential_for
from foundational.engines.momt import window
from foundational.engines.momt.block import System
from foundational.engines.momt.window import NptRun, find_window, mean_of, tabulated_volume
from foundational.errors import EngineError, InputError

TEMPERATURES = (600.0, 1500.0, 3000.0)


@pytest.fixture(scope="module")
def system(checkout: Path) -> System:
    return System(potential_for("Ni", checkout), "Ni", "fcc", 2, 1.0, 2.0, 200.0, 300.0, "isotropic")


def dynamics(monkeypatch, enthalpy, order, volume=11.0):
    """Runs in place of molecular dynamics: each quantity as a function of the temperature."""

    def advance(system, state, temperature, duration, seed):
        frames = np.zeros((8, 9))
        frames[:, 1], frames[:, 2] = enthalpy(temperature) * system.n_atoms, order(temperature)
        frames[:, 3:6] = (volume * system.n_atoms) ** (1 / 3)
        return state, frames

    monkeypatch.setattr(window, "advance_npt", advance)


def melts_at(limit):
    return lambda temperature: 0.8 if temperature < limit else 0.02


@pytest.mark.parametrize(("heat", "knots"), [(0.3, 6), (-0.15, 4)])
def test_knots_are_the_means_and_where_the_phases_meet(system, monkeypatch, heat, knots):
    dynamics(monkeypatch, lambda t: -4.5 + 3e-4 * t + heat * (t > 1500), melts_at(1600))
    found = find_window(system, TEMPERATURES, 100.0, 100.0, 1)
    per_atom = found.knots_h / system.n_atoms
    assert len(per_atom) == knots
    assert found.knots_t[[0, -1]].tolist() == [600, 3000]
    assert per_atom[[0, -1]] == pytest.approx([-4.5 + 3e-4 * 600, -4.5 + 3e-4 * 3000 + heat])
    assert (np.diff(per_atom) > 0).all()


@pytest.mark.parametrize(
    ("run", "order", "volume", "message"),
    [
        (
            NptRun("solid", 1500, 3000, 1.0, 1.0),
            melts_at(1200),
            11.0,
            r"Ni solid at 1500 K melts \(order parameter 0.02\)",
        ),
        (NptRun("liquid", 1500, 3000, 1.0, 1.0), melts_at(9e9), 11.0, r"Ni liquid at 1500 K stays crystalline \(order"),
        (
            NptRun("liquid", 2500, 3000, 1.0, 1.0),
            melts_at(1600),
            40.0,
            "Ni liquid at 2500 K boils: it takes 40 Å³/atom",
        ),
    ],
)
def test_a_phase_that_does_not_last_is_named_with_what_to_do(system, monkeypatch, run, order, volume, message):
    dynamics(monkeypatch, lambda _: -4.0, order, volume)
    with pytest.raises(EngineError, match=message):
        mean_of(system, run, 1)


def test_temperatures_and_enthalpies_must_rise(system, monkeypatch):
    with pytest.raises(InputError, match="temperature_low < temperature < temperature_high, got 600, 300, 900 K"):
        find_window(system, (600, 300, 900), 100.0, 100.0, 1)
    dynamics(monkeypatch, lambda t: -4.5 - 1e-4 * t, melts_at(1600))
    with pytest.raises(EngineError, match=r"enthalpy to rise with temperature, got -4\.560 at 600 K, .*\(eV/atom\)"):
        find_window(system, TEMPERATURES, 100.0, 100.0, 1)


@pytest.mark.parametrize(
    ("element", "volume"), [("Ni", 10.90), ("Fe", 11.82), ("Mg", 23.24), ("Po", 37.6), ("Si", 20.0)]
)
def test_volumes_are_those_of_the_ground_states(element, volume):
    assert tabulated_volume(element) == pytest.approx(volume, rel=0.01)


def test_a_metal_without_a_simple_crystal_has_no_tabulated_volume():
    with pytest.raises(InputError, match="no volume is tabulated for Ga; sample a metal with a simple crystal"):
        tabulated_volume("Ga")
