"""Pools: the same bits with any number of processes and after any kill, refusals, and what is stored."""

import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from foundational.data.checks import check_dataset
from foundational.engines.lammps.potentials import ResolvedPotential, potential_for
from foundational.engines.momt.run import Run, _height, advance, begin, system_of
from foundational.engines.momt.saved_run import StoredPool, run_from_bytes, run_to_bytes, surplus_from_bytes
from foundational.errors import ConflictError, EngineError, InputError
from foundational.science.order_parameter import order_parameter, shortest_waves
from foundational.specs.parsing import parse
from foundational.specs.sample import MomtPool, NptPool, PoolSpec, SampleSettings
from foundational.stages.sample.stage import RoundReport, SampleResult, SamplingTask
from foundational.stages.sample.stage import sample as run_stage
from foundational.units import BAR
from foundational.workspace import run_folder
from foundational.workspace.run_folder import RunFolder

SETTINGS = {
    "pressure": "1 bar",
    "timestep": "2 fs",
    "thermostat_time": "0.2 ps",
    "barostat_time": "0.3 ps",
    "walkers": 2,
    "block": "0.8 ps",
    "frame_time": "0.1 ps",
    "window": {"equilibration": "2 ps", "duration": "1 ps"},
    "bias": {
        "enthalpy_bin": 0.45,
        "order_bins": 80,
        "hill_width": [1.5, 2.0],
        "hill_height": 0.02,
        "hill_time": "40 fs",
    },
    "learning": {"crossings": 10, "refinement": 4.0, "patience": "10000 ps"},
}
WHAT = {"element": "Ni", "potential": None, "structure": "fcc", "supercell": 2, "cell": "isotropic", "frames": 60}
NPT = NptPool(method="npt", phase="solid", temperature=1200.0, melting_temperature=4000.0, **WHAT)
MOMT = MomtPool(method="momt", temperature_low=600.0, temperature=2000.0, temperature_high=4000.0, **WHAT)


def sample(
    settings: SampleSettings,
    pool: PoolSpec,
    potential: ResolvedPotential,
    seed: int,
    folder: Path,
    *,
    bias_source: Run | None = None,
    **options: Any,
) -> SampleResult:
    """The stage with its run kept in ``folder``."""
    task = SamplingTask(settings, pool, potential, seed, 10.87, bias_source)
    return run_stage(task, RunFolder(folder), **options)


@pytest.fixture(scope="module")
def settings() -> SampleSettings:
    return parse(SampleSettings, SETTINGS, "params.yaml")


@pytest.fixture(scope="module")
def nickel(request: pytest.FixtureRequest) -> ResolvedPotential:
    return potential_for("Ni", request.config.rootpath)


@pytest.fixture(scope="module")
def begun(settings: SampleSettings, nickel: ResolvedPotential) -> Run:
    """A MOMT run at its beginning, that is to learn for two rounds."""
    return replace(begin(settings, MOMT, system_of(settings, MOMT, nickel), 1), stop=2)


@pytest.fixture(scope="module")
def pool(settings: SampleSettings, nickel: ResolvedPotential, tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    return sample(settings, NPT, nickel, 1, tmp_path_factory.mktemp("npt")).dataset


def spawned(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def test_pool_follows_the_layout_and_passes_every_check(pool: xr.Dataset):
    assert pool.sizes["configuration"] == 60
    assert {"enthalpy", "order_parameter", "volume", "walker", "step", "energy", "forces"} <= set(pool.variables)
    assert check_dataset(pool) == []


def test_stored_variables_are_those_of_the_stored_configurations(pool: xr.Dataset):
    cell = pool["cell"].to_numpy()
    positions = pool["positions"].to_numpy().reshape(-1, 32, 3).astype(float)
    scaled = positions @ np.linalg.inv(cell)
    assert scaled.min() > -1e-6
    assert scaled.max() < 1 + 1e-6
    assert np.allclose(order_parameter(scaled, 2, shortest_waves("fcc"))[0], pool["order_parameter"], atol=1e-5)
    assert np.allclose(np.linalg.det(cell), pool["volume"])
    assert np.allclose(pool["energy"] + BAR * pool["volume"], pool["enthalpy"], atol=1e-4)


def test_walkers_and_steps_say_where_each_frame_was(pool: xr.Dataset):
    for walker in (0, 1):
        steps = pool["step"].to_numpy()[pool["walker"].to_numpy() == walker]
        assert np.array_equal(steps, 50 * np.arange(1, len(steps) + 1))


def test_results_do_not_depend_on_the_number_of_processes(
    settings: SampleSettings, nickel: ResolvedPotential, begun: Run
):
    system = system_of(settings, MOMT, nickel)
    alone = shared = begun
    with spawned(2) as executor:
        for _ in range(3):
            alone, here = advance(alone, settings, system, 1)
            shared, there = advance(shared, settings, system, 1, executor)
    assert here[0].frames.any()
    assert all(np.array_equal(a.frames, b.frames) for a, b in zip(here, there, strict=True))
    assert np.array_equal(alone.bias.coefficients, shared.bias.coefficients)
    assert alone.bias.coefficients.any()


def test_bias_stays_as_it_is_while_frames_are_recorded(settings: SampleSettings, nickel: ResolvedPotential, begun: Run):
    system = system_of(settings, MOMT, nickel)
    run = begun
    while run.learning:
        run, _ = advance(run, settings, system, 1)
    after, _ = advance(run, settings, system, 1)
    assert run.learned == 2
    assert after.recorded == 1
    assert np.array_equal(after.bias.coefficients, run.bias.coefficients)


def test_hills_fall_as_one_over_t_once_the_crossings_have_come(settings: SampleSettings, begun: Run):
    exploring = _height(replace(begun, stop=None, learned=70), settings)
    falling = [_height(replace(begun, stop=80, learned=n), settings) for n in (20, 39, 79)]
    assert np.allclose(falling, exploring * 20 / np.array([21, 40, 80]))
    assert _height(replace(begun, stop=80, learned=80), settings) == 0


def test_saved_run_comes_back_bit_for_bit(begun: Run):
    loaded = run_from_bytes(run_to_bytes(begun))
    assert np.array_equal(loaded.bias.coefficients, begun.bias.coefficients)
    assert all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for a, b in zip(loaded.walkers, begun.walkers, strict=True)
        for name in ("positions", "velocities", "cell", "side")
    )
    assert (loaded.stop, loaded.learned, loaded.outside) == (2, 0, 0)


def _sample_and_die(root: Path, workdir: Path, at: int) -> None:
    """A process that is killed when ``at`` rounds are done, having saved every round."""

    def die(report: RoundReport) -> None:
        if report.done >= at:
            os.kill(os.getpid(), signal.SIGKILL)

    run_folder._SAVE_EVERY = 0.0
    settings = parse(SampleSettings, SETTINGS, "params.yaml")
    sample(settings, NPT, potential_for("Ni", root), 1, workdir, on_round=die)


def test_run_killed_and_resumed_is_the_run_that_was_not(
    settings: SampleSettings, nickel: ResolvedPotential, pool: xr.Dataset, checkout: Path, tmp_path: Path
):
    child = multiprocessing.get_context("spawn").Process(target=_sample_and_die, args=(checkout, tmp_path, 2))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    resumed = sample(settings, NPT, nickel, 1, tmp_path)
    assert resumed.resumed
    xr.testing.assert_identical(resumed.dataset, pool)


def test_frames_that_a_kill_left_without_their_run_are_not_counted_twice(
    settings: SampleSettings, nickel: ResolvedPotential, pool: xr.Dataset, tmp_path: Path
):
    sample(settings, NPT.model_copy(update={"frames": 32}), nickel, 1, tmp_path)
    beyond = np.load(tmp_path / "frames-00000002.npy")
    np.save(tmp_path / "frames-00000003.npy", beyond)  # written just before a kill; the run is still at round 2
    xr.testing.assert_identical(sample(settings, NPT, nickel, 1, tmp_path).dataset, pool)


@pytest.mark.parametrize("lengths", [(40, 46), (32,), (46, 48, 59)], ids=["within a round", "whole rounds", "both"])
def test_extended_pool_is_the_one_sampled_at_that_length(
    settings: SampleSettings, nickel: ResolvedPotential, pool: xr.Dataset, tmp_path: Path, lengths: tuple[int, ...]
):
    """A round is 16 frames: where some are left over, none is lost or repeated."""
    stored = None
    for frames in (*lengths, 60):
        spec = NPT.model_copy(update={"frames": frames})
        made = sample(settings, spec, nickel, 1, tmp_path / str(frames), stored=stored)
        assert made.stored_frames == (0 if stored is None else stored.dataset.sizes["configuration"])
        assert len(made.surplus) == -frames % 16
        content = run_to_bytes(made.run, made.surplus)
        stored = StoredPool(made.dataset, run_from_bytes(content), surplus_from_bytes(content))
    xr.testing.assert_identical(made.dataset, pool)
    assert made.run.recorded == 4


def test_reports_count_the_rounds_of_learning_and_of_recording(
    settings: SampleSettings, nickel: ResolvedPotential, begun: Run, tmp_path: Path
):
    """So that the time left, taken from them, is right from the first round of learning on."""
    reports: list[RoundReport] = []
    keeper = RunFolder(tmp_path)
    keeper.claim(SamplingTask(settings, MOMT, nickel, 1, 10.87).specification, 0)
    keeper.keep(begun, [], last=True)
    sample(settings, MOMT, nickel, 1, tmp_path, on_round=reports.append)
    assert [(r.done, r.total) for r in reports] == [(n, 6) for n in range(7)]  # 2 of learning, 4 of 16 frames
    assert [r.steps for r in reports] == [0] + [800] * 6
    assert [r.learning for r in reports] == [True, True] + [False] * 5
    assert [r.frames for r in reports] == [0, 0, 0, 16, 32, 48, 60]


def test_bias_of_another_run_is_used_as_it_is(
    settings: SampleSettings, nickel: ResolvedPotential, begun: Run, tmp_path: Path
):
    system = system_of(settings, MOMT, nickel)
    source = begun
    while source.learning:
        source, _ = advance(source, settings, system, 1)
    few = MOMT.model_copy(update={"frames": 16})
    made = sample(settings, few, nickel, 2, tmp_path / "a", bias_source=source)
    assert (made.run.learned, made.run.recorded) == (0, 1)
    assert np.array_equal(made.run.bias.coefficients, source.bias.coefficients)
    with pytest.raises(ConflictError, match=r"bias was .* and is "):
        sample(settings, few, nickel, 2, tmp_path / "a", bias_source=begun)


def test_interrupted_run_of_another_specification_is_refused_with_the_difference(
    settings: SampleSettings, nickel: ResolvedPotential, tmp_path: Path
):
    few = NPT.model_copy(update={"frames": 10})
    sample(settings, few, nickel, 1, tmp_path)
    other = few.model_copy(update={"temperature": 1300.0})
    with pytest.raises(ConflictError, match=r"pool.temperature was 1200.0 and is 1300.0"):
        sample(settings, other, nickel, 1, tmp_path)
    with pytest.raises(ConflictError, match="seed was 1 and is 2"):
        sample(settings, few, nickel, 2, tmp_path)


def test_solid_that_melts_below_its_temperature_is_said(
    settings: SampleSettings, nickel: ResolvedPotential, tmp_path: Path
):
    hot = NPT.model_copy(update={"temperature": 4000.0})
    with pytest.raises(EngineError, match="Ni solid at 4000 K melts"):
        sample(settings, hot, nickel, 1, tmp_path)


def test_window_whose_solid_melts_or_liquid_boils_is_said(settings: SampleSettings, nickel: ResolvedPotential):
    system = system_of(settings, MOMT, nickel)
    hot = MOMT.model_copy(update={"temperature_low": 3500.0, "temperature": 3800.0})
    with pytest.raises(EngineError, match=r"Ni solid at 3500 K melts .*; lower its temperature"):
        begin(settings, hot, system, 1)
    boiling = MOMT.model_copy(update={"temperature_high": 12_000.0})
    with pytest.raises(EngineError, match=r"Ni liquid at 7000 K boils: .* Å³/atom; lower the temperature"):
        begin(settings, boiling, system, 1)


def test_flexible_cell_without_a_restraint_of_its_shape_is_refused():
    with pytest.raises(InputError, match="expected shape_stiffness"):
        parse(MomtPool, MOMT.model_dump() | {"cell": "triclinic"}, "params.yaml")
    with pytest.raises(InputError, match=r"expected shape_stiffness .* only with a cell"):
        parse(MomtPool, MOMT.model_dump() | {"shape_stiffness": 25.0}, "params.yaml")


def test_supercell_without_room_for_the_waves_is_refused_before_anything_is_written(
    settings: SampleSettings, nickel: ResolvedPotential, tmp_path: Path
):
    small = NPT.model_copy(update={"supercell": 1})
    with pytest.raises(InputError, match="supercell of at least 2"):
        sample(settings, small, nickel, 1, tmp_path)
    assert not list(tmp_path.iterdir())


def test_temperatures_that_do_not_ascend_are_refused():
    with pytest.raises(InputError, match="temperature_low < temperature < temperature_high"):
        parse(MomtPool, MOMT.model_dump() | {"temperature_low": 2500.0}, "params.yaml")


def test_negative_temperature_is_refused():
    with pytest.raises(InputError, match="temperature_low"):
        parse(MomtPool, MOMT.model_dump() | {"temperature_low": "-5 K"}, "params.yaml")


def test_block_that_is_no_multiple_of_the_frame_time_is_refused():
    with pytest.raises(InputError, match="multiple of 100 fs"):
        parse(SampleSettings, SETTINGS | {"block": "0.85 ps"}, "params.yaml")


def test_run_outside_its_window_is_ended_with_the_edge_and_its_temperature(
    settings: SampleSettings, nickel: ResolvedPotential, begun: Run
):
    high = begun.bias.knots_h + 60.0  # the window lies 60 eV above where the walkers are
    run = replace(begun, bias=replace(begun.bias, knots_h=high), stop=None)
    system = system_of(settings, MOMT, nickel)
    for _ in range(4):
        run, _ = advance(run, settings, system, 1)
    with pytest.raises(EngineError, match=r"left the window at its lower edge .* 600 K"):
        advance(run, settings, system, 1)
