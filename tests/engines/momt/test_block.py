"""The dynamics: biased forces and virial against finite differences, the ensemble, and what a block depends on."""

import os
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from foundational.engines.lammps.potentials import potential_for
from foundational.engines.momt import block as blocks
from foundational.engines.momt.block import BlockSchedule, System, WalkerState, run_block
from foundational.engines.momt.window import start
from foundational.errors import EngineError
from foundational.science.bias import Bias, hill
from foundational.science.cell_shape import shape_energy
from foundational.science.order_parameter import crossings, order_parameter, shortest_waves
from foundational.units import BAR, BOLTZMANN

QUIET = BlockSchedule(steps=1, hill_stride=10, height=0.0, width=(1.5, 2.0), frame_stride=0)


@pytest.fixture(scope="module")
def system(request: pytest.FixtureRequest) -> System:
    return System(
        potential=potential_for("Ni", request.config.rootpath),
        element="Ni",
        structure="fcc",
        repeats=2,
        pressure=20_000.0,  # bar: large enough to be seen in the virial
        timestep=2.0,
        thermostat_time=200.0,
        barostat_time=300.0,
        cell="isotropic",
    )


@pytest.fixture(scope="module")
def bias() -> Bias:
    rng = np.random.default_rng(5)
    knots_h = np.array([-155.0, -147.0, -140.0, -126.0])
    flat = Bias.flat(2000.0, knots_h, np.array([600.0, 2000.0, 2000.0, 4000.0]), (30, 40))
    hills = [np.outer(hill(rng.uniform(0, 30), 30, 1.5), hill(rng.uniform(0, 40), 40, 2.0)) for _ in range(200)]
    return flat.with_coefficients(np.sum(hills, axis=0) * 0.3)


def evaluate(system: System, state: WalkerState, bias: Bias) -> dict[str, Any]:
    """LAMMPS's own totals at ``state``, without moving: energy, volume, pair + bias forces, trace of the virial."""
    run_block(system, state, bias, replace(QUIET, steps=0), seed=1)
    engine = blocks._engine(system, os.getpid())
    lmp = engine.lammps
    volume = lmp.get_thermo("vol")
    kinetic = np.array(lmp.extract_compute("motion_temp", 0, 1)[:6])
    pressure = np.array(lmp.extract_compute("motion_press", 0, 1)[:6])
    virial = pressure * volume / 1.6021765e6 - kinetic - engine.context[0]["kick"]
    rows = lmp.fix_external_get_force("bias")
    external = np.array([[rows[i][k] for k in range(3)] for i in range(engine.n_atoms)])
    # the thermostat's random forces are in LAMMPS's f too: the pair forces are those that the bias scaled
    return {"energy": lmp.extract_compute("potential", 0, 0), "volume": volume, "virial": virial, "external": external}


def biased_enthalpy(system: System, state: WalkerState, bias: Bias) -> tuple[float, float, float]:
    """H + ΔH, H and O of a state, from the energy alone and the numpy formulas."""
    found = evaluate(system, state, bias)
    h = found["energy"] + system.pressure * BAR * found["volume"]
    scaled = state.positions @ np.linalg.inv(state.cell)
    o = order_parameter(scaled, system.repeats, shortest_waves(system.structure))[0]
    return float(h + bias.value(np.array(h), o)), float(h), float(o)


@pytest.fixture(scope="module")
def rattled(system: System) -> WalkerState:
    state = start(system, 1.0, seed=3)
    rng = np.random.default_rng(4)
    scaled = state.positions @ np.linalg.inv(state.cell) + rng.normal(0, 0.02, state.positions.shape) + 0.5
    cell = state.cell * 1.01
    return WalkerState((scaled % 1.0) @ cell, state.velocities, cell)


def test_bias_in_this_state_pulls_on_both_variables(system: System, bias: Bias, rattled: WalkerState):
    _, h, o = biased_enthalpy(system, rattled, bias)
    s, by_o = bias.slopes(np.array(h), np.array(o))
    assert bias.knots_h[0] < h < bias.knots_h[-1]
    assert abs(s - 1) > 0.1
    assert abs(by_o) > 0.1


def test_biased_forces_are_the_derivative_of_the_biased_enthalpy(system: System, bias: Bias, rattled: WalkerState):
    rng = np.random.default_rng(6)
    forces = evaluate(system, rattled, bias)["external"]
    # With T(H) = T0/2 everywhere s = 2, and the added forces are the pair forces.
    double = Bias.flat(2000.0, np.array([0.0, 1.0]), np.full(2, 1000.0), (1, 1))
    forces = forces + evaluate(system, rattled, double)["external"]
    for _ in range(3):
        direction = rng.normal(size=forces.shape)
        step = 1e-5
        ahead, behind = (
            biased_enthalpy(system, replace(rattled, positions=rattled.positions + x * direction), bias)[0]
            for x in (step, -step)
        )
        assert -(forces * direction).sum() == pytest.approx((ahead - behind) / (2 * step), rel=2e-5)


def test_biased_virial_is_the_derivative_under_strain(system: System, bias: Bias, rattled: WalkerState):
    """What the barostat is fed, trace − 3 P0 V, is −dW/dε under r → (1+ε) r, h → (1+ε) h."""
    found = evaluate(system, rattled, bias)
    fed = found["virial"][:3].sum() - 3 * system.pressure * BAR * found["volume"]
    step = 1e-5
    ahead, behind = (
        biased_enthalpy(
            system, replace(rattled, positions=rattled.positions * (1 + x), cell=rattled.cell * (1 + x)), bias
        )[0]
        for x in (step, -step)
    )
    assert -fed == pytest.approx((ahead - behind) / (2 * step), rel=2e-5)


@pytest.mark.parametrize("stiffness", [0.0, 40.0], ids=["free", "restrained"])
def test_biased_virial_of_a_tilted_cell_is_the_derivative_under_each_strain(
    system: System, bias: Bias, rattled: WalkerState, stiffness: float
):
    """As above for the six strains that keep the cell lower triangular, the restraint of its shape included."""
    flexible = replace(system, cell="triclinic", shape_stiffness=stiffness)
    cell = rattled.cell @ (np.eye(3) + np.array([[0.03, 0, 0], [0.05, -0.02, 0], [-0.04, 0.06, 0.01]]))
    state = replace(rattled, positions=rattled.positions @ np.linalg.inv(rattled.cell) @ cell, cell=cell)
    found = evaluate(flexible, state, bias)
    fed = found["virial"] - flexible.pressure * BAR * found["volume"] * np.array([1, 1, 1, 0, 0, 0])
    for component, (i, j) in enumerate([(0, 0), (1, 1), (2, 2), (1, 0), (2, 0), (2, 1)]):
        totals = []
        for step in (1e-5, -1e-5):
            strain = np.eye(3)
            strain[i, j] += step
            strained = replace(state, positions=state.positions @ strain, cell=cell @ strain)
            total = biased_enthalpy(flexible, strained, bias)[0] + shape_energy(strained.cell, stiffness)
            totals.append(float(total))
        assert -fed[component] == pytest.approx((totals[0] - totals[1]) / 2e-5, rel=2e-5, abs=2e-5)


def test_shape_of_a_restrained_liquid_is_canonical(system: System):
    """Five shears, each with U = kT/2 on average: nothing else resists them in a liquid."""
    kt = BOLTZMANN * 3500.0
    flexible = replace(system, pressure=1.0, cell="triclinic", shape_stiffness=25 * kt)
    plan = replace(QUIET, steps=2500, frame_stride=50)
    molten = run_block(flexible, start(flexible, 12_000.0, 1), Bias.canonical(4500.0), plan, seed=1).state
    frames = run_block(flexible, molten, Bias.canonical(3500.0), replace(plan, steps=30_000), seed=2).frames
    cell = np.zeros((len(frames), 3, 3))
    cell[:, [0, 1, 2], [0, 1, 2]], cell[:, [1, 2, 2], [0, 0, 1]] = frames[:, 3:6], frames[:, 6:9]
    assert float(shape_energy(cell, 25 * kt).mean()) == pytest.approx(2.5 * kt, rel=0.35)


def test_block_depends_on_its_arguments_alone(system: System, bias: Bias, rattled: WalkerState):
    plan = BlockSchedule(steps=400, hill_stride=20, height=0.002, width=(1.5, 2.0), frame_stride=100)
    warm = replace(rattled, velocities=start(system, 3000.0, 1).velocities)
    first = run_block(system, warm, bias, plan, seed=11)
    second = run_block(system, first.state, bias, plan, seed=12)
    blocks._engine.cache_clear()
    again = run_block(system, first.state, bias, plan, seed=12)
    for name in ("increments", "visits", "frames"):
        assert np.array_equal(getattr(second, name), getattr(again, name))
    assert np.array_equal(second.state.positions, again.state.positions)
    other = run_block(system, first.state, bias, plan, seed=13)
    assert not np.array_equal(second.state.positions, other.state.positions)


def test_frames_are_the_states_that_the_run_passes(system: System, bias: Bias, rattled: WalkerState):
    block = run_block(system, rattled, bias, replace(QUIET, steps=60, frame_stride=20), seed=2)
    assert block.frames[:, 0].tolist() == [20, 40, 60]
    last = block.frames[-1]
    assert np.allclose(last[9:].reshape(-1, 3), block.state.positions, atol=1e-12)
    assert np.allclose(last[3:6], np.diag(block.state.cell), atol=1e-12)
    _, h, o = biased_enthalpy(system, block.state, bias)
    assert last[1:3] == pytest.approx([h, o], rel=1e-9)


def test_increments_are_what_the_visits_deposit(system: System, bias: Bias, rattled: WalkerState):
    plan = BlockSchedule(steps=400, hill_stride=20, height=0.002, width=(1.5, 2.0), frame_stride=20)
    block = run_block(system, rattled, bias, plan, seed=7)
    u, v = bias.grid(block.frames[:, 1], block.frames[:, 2])
    n_h, n_o = bias.bins
    hills = [np.outer(hill(a, n_h, 1.5), hill(b, n_o, 2.0)) for a, b in zip(np.clip(u, 0, n_h), v, strict=True)]
    assert np.allclose(block.increments, 0.002 * np.sum(hills, axis=0), atol=1e-12)
    assert block.visits.sum() == 20


def test_crossings_are_those_of_the_series_of_order_parameters(system: System):
    state = start(system, 12_000.0, 1)
    plan = replace(QUIET, steps=2500, frame_stride=1)
    block = run_block(system, state, Bias.canonical(6000.0), plan, seed=3)
    assert block.crossings == crossings(block.frames[:, 2]) >= 1
    assert block.state.side == -1


@pytest.mark.parametrize(
    ("shape", "lengths", "tilts"), [("isotropic", 1, 1), ("orthorhombic", 3, 1), ("triclinic", 3, 4)]
)
def test_cell_moves_as_its_shape_allows(system: System, shape: str, lengths: int, tilts: int):
    flexible = replace(system, cell=shape)
    block = run_block(flexible, start(system, 2400.0, 1), Bias.canonical(1200.0), replace(QUIET, steps=500), seed=1)
    cell = block.state.cell
    assert len(set(np.diag(cell).round(9))) == lengths
    assert len(set(cell[np.triu_indices(3, 1)].tolist() + cell[np.tril_indices(3, -1)].tolist())) == tilts
    assert not cell[np.triu_indices(3, 1)].any()


def test_constant_t_samples_plain_npt_at_that_t_in_another_thermostat(system: System):
    """s = T0/T on forces and virial turns T0 = 2,000 K into the ensemble of T = 1,000 K."""
    means = []
    for bias in (
        Bias.canonical(1000.0),
        Bias.flat(2000.0, np.array([-150.0, -140.0]), np.full(2, 1000.0), (1, 1)),
    ):
        state = start(system, 2 * bias.temperature, 1)
        plan = replace(QUIET, steps=3000, frame_stride=20)
        state = run_block(system, state, bias, plan, seed=1).state
        frames = run_block(system, state, bias, replace(plan, steps=25_000), seed=2).frames
        means.append([frames[:, 1].mean() / 32, frames[:, 3].mean() ** 3])
    (h, volume), (h_biased, volume_biased) = means
    assert h_biased == pytest.approx(h, abs=0.006)
    assert volume_biased == pytest.approx(volume, rel=0.006)


def test_dynamics_that_blow_up_say_what_to_do(system: System, rattled: WalkerState):
    hot = replace(rattled, velocities=rattled.velocities * 1e6)
    with pytest.raises(EngineError, match="shorter timestep"):
        run_block(system, hot, Bias.canonical(2000.0), replace(QUIET, steps=500), seed=1)
