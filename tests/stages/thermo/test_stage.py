"""Thermodynamics of pools: reweighted averages are plain NPT's, and phases are told by structure."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.engines.geometry.local_structure import structure_shares
from foundational.engines.lammps.potentials import potential_for
from foundational.engines.momt.block import BlockSchedule, System, WalkerState, run_block
from foundational.engines.momt.window import NptRun, mean_of
from foundational.errors import NotFoundError
from foundational.project import dataset_folder
from foundational.science.bias import Bias
from foundational.science.crystals import build_crystal
from foundational.science.order_parameter import order_parameter, shortest_waves
from foundational.science.phases import Phase, phases
from foundational.science.reweighting import Average, Frames, average
from foundational.stages.thermo.command import read_pool
from foundational.units import MEV


@pytest.fixture(scope="module")
def nickel(checkout: Path) -> System:
    return System(potential_for("Ni", checkout), "Ni", "fcc", 2, 1.0, 2.0, 200.0, 300.0, "isotropic")


def run(system: System, state: WalkerState, bias: Bias, steps: int, phase: Phase) -> tuple[Frames, NDArray[np.bool_]]:
    """``steps`` of dynamics under ``bias``, and which of its frames are of ``phase``."""
    rows = run_block(system, state, bias, BlockSchedule(steps, steps + 1, 0.0, (1.0, 1.0), 20), 7).frames
    count, n = len(rows), system.n_atoms
    cells = rows[:, 3:6, None] * np.eye(3)
    positions = rows[:, 9:].reshape(count, n, 3) % rows[:, None, 3:6]
    shares = structure_shares(Configurations.build(cells, positions, np.full((count, n), 28)))
    volume, walker = rows[:, 3:6].prod(axis=1), np.zeros(count, dtype=np.int64)
    frames = Frames(rows[:, 1], volume, rows[:, 2], walker, np.arange(count), bias)
    return frames, phases(shares, rows[:, 2])[0] == phase


@pytest.mark.parametrize(
    ("phase", "low", "middle", "high", "steps"),
    [(Phase.ALIGNED, 800.0, 1200.0, 1700.0, 20_000), (Phase.LIQUID, 2600.0, 3000.0, 3800.0, 24_000)],
)
def test_biased_run_reweighted_to_a_temperature_is_plain_npt_there(
    nickel: System, phase: Phase, low: float, middle: float, high: float, steps: int
) -> None:
    name = "solid" if phase == Phase.ALIGNED else "liquid"
    cold, warm = (mean_of(nickel, NptRun(name, t, 4000.0, 2000.0, 3000.0), 3) for t in (low, high))
    knots = np.array([cold.enthalpy, warm.enthalpy])
    bias = Bias.flat(middle, knots, np.array([low, high]), (40, 20))
    # Slopes in O and more of them in H, which the weights must take back.
    rng = np.random.default_rng(1)
    bias = bias.with_coefficients(rng.normal(0.0, 0.02, bias.coefficients.shape))
    temperature = middle + 100.0
    biased, in_phase = run(nickel, cold.state, bias, steps, phase)
    plain, there = run(nickel, cold.state, Bias.canonical(temperature), steps, phase)
    found, expected = average(biased, in_phase, temperature), average(plain, there, temperature)
    assert found is not None
    assert expected is not None
    n = nickel.n_atoms

    def difference(a: Average, b: Average) -> tuple[float, float]:
        """Of ⟨H⟩ in meV/atom, and what it may be."""
        error = np.hypot(a.enthalpy.error, b.enthalpy.error) / n * MEV
        return abs(a.enthalpy.value - b.enthalpy.value) / n * MEV, 3 * error + 3

    apart, allowed = difference(found, expected)
    assert apart < allowed
    assert found.volume.value == pytest.approx(expected.volume.value, rel=0.01)
    # The bound can fail: another temperature of the window is outside of it.
    other = average(biased, in_phase, middle - 200.0)
    assert other is not None
    apart, allowed = difference(other, expected)
    assert apart > allowed


def test_twin_of_the_crystal_is_another_crystal_though_every_atom_is_fcc() -> None:
    crystal = build_crystal("fcc", 11.0, (3, 3, 3))
    edge = crystal.cell[0, 0]
    # A rotation by 180° about [111], which maps the 3×3×3 cell onto lattice points.
    twin = np.array([[-1, 2, 2], [2, -1, 2], [2, 2, -1]]) / 3
    grid = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    points = ((crystal.fractional[None] + grid).reshape(-1, 3) @ twin.T) % 1.0
    unique = np.unique(np.round(points, 6) % 1.0, axis=0)
    assert len(unique) == 108
    batch = Configurations.build([crystal.cell] * 2, [crystal.positions, unique * edge], np.full((2, 108), 28))
    waves = shortest_waves("fcc")
    order = np.array([order_parameter(x, 3, waves)[0] for x in (crystal.fractional, unique)])
    np.testing.assert_allclose(order, [1.0, 0.25], atol=1e-4)
    phase, depth = phases(structure_shares(batch), order)
    assert phase.tolist() == [Phase.ALIGNED, Phase.OTHER]
    assert (depth == 0.5).all()


def test_pool_without_its_bias_is_refused(project: Path) -> None:
    assert not (dataset_folder(project, "pools/ni-momt-32") / "run.npz").exists()
    with pytest.raises(NotFoundError, match="bias"):
        read_pool(project, "ni-momt-32")
