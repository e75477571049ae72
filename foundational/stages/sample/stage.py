"""Sampling as a stage: run dynamics round by round, keep each round, and label the recorded frames as a pool."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from math import ceil
from typing import Any, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.engines.crystals.compression import start_volume
from foundational.engines.lammps.potentials import ResolvedPotential
from foundational.engines.momt.run import Run, advance, begin, system_of
from foundational.engines.momt.saved_run import StoredPool
from foundational.progress import Progress, stage
from foundational.specs.sample import PoolSpec, SampleSettings
from foundational.stages.sample.frames import joined, labelled, with_walkers


@dataclass(frozen=True, eq=False)
class SamplingTask:
    """Everything that decides a pool."""

    settings: SampleSettings
    pool: PoolSpec
    potential: ResolvedPotential
    seed: int
    volume_per_atom: float
    """Å³, of the potential's ground state; the pool carries it, and changes no frame."""
    bias_source: Run | None = None
    """A run whose bias is used as it is, and from whose walkers this one starts: nothing is learned."""

    @property
    def specification(self) -> dict[str, Any]:
        """Everything but the number of frames that decides the run; JSON's types."""
        return {
            "seed": self.seed,
            "potential": self.potential.spec.sha256,
            "settings": self.settings.model_dump(mode="json"),
            "pool": self.pool.model_dump(mode="json", exclude={"frames", "potential"}),
            **({} if self.bias_source is None else self.bias_source.digest),
        }


class RunKeeper(Protocol):
    """Keeps a run while it proceeds, so that an interrupted run continues; `RunFolder` keeps it in files."""

    def claim(self, specification: dict[str, Any], rounds_before: int) -> bool:
        """Whether the kept run extends a stored pool of ``rounds_before`` rounds; ConflictError for another run."""

    def load(self) -> Run | None:
        """The run as it was kept last; None if there is none."""

    def keep(self, run: Run, frames: list[NDArray[np.float64]], last: bool) -> None:
        """Keep the run after a round, and the frames of each walker, (F, 9 + 3N), that the round recorded."""

    def frames(self) -> list[NDArray[np.float64]]:
        """All frames that were kept: pieces of (rounds · walkers, F, 9 + 3N), in the order of rounds, then walkers."""


@dataclass(frozen=True)
class RoundReport:
    """Where a run stands after a round, or before the first one of this process."""

    done: int
    """Rounds of learning and of recording so far."""
    total: int
    """Rounds in all; until the crossings have come that decide it, the total supposes that they come now."""
    steps: int
    """MD steps of all walkers in this round; 0 before the first one."""
    frames: int
    """Frames recorded so far; 0 while the bias is learned."""
    learning: bool
    crossings: int
    """Transitions between solid and liquid since learning, or recording, began."""
    visited: float
    """Share of the grid of enthalpy and order parameter that was visited."""


@dataclass(frozen=True, eq=False)
class SampleResult:
    """A pool, and the run that recorded it."""

    dataset: xr.Dataset
    run: Run
    surplus: NDArray[np.float64]
    """(F, 2 + 9 + 3N) frames of the last round beyond those of the dataset."""
    resumed: bool
    """Whether an interrupted run was continued."""
    stored_frames: int
    """Frames that came from the pool that this one extends."""


def sample(
    task: SamplingTask,
    keeper: RunKeeper,
    *,
    stored: StoredPool | None = None,
    executor: Executor | None = None,
    on_round: Callable[[RoundReport], None] | None = None,
    progress: Progress | None = None,
) -> SampleResult:
    """Sample a pool; an interrupted run of the same specification that ``keeper`` holds is continued.

    With the same task the result is the same, bit for bit on one machine: whatever the executor, however often the run
    was interrupted, and whether or not it extends a shorter pool.

    Parameters
    ----------
    task
        Everything that decides the pool.
    keeper
        Keeps the run while it proceeds.
    stored
        A shorter pool of the same specification and seed: its frames are kept and the run continues from its end.
    executor
        Runs walkers, and labels, in parallel.
    on_round
        Called before the first round and after each one.
    progress
        Called with (configurations labelled, all, message), and before a new run is started.

    Raises
    ------
    InputError
        If the supercell is too small or too large.
    ConflictError
        If ``keeper`` holds a run of another specification; the message names the differences.
    EngineError
        If the system does not do what the specification expects: a phase does not last, or there are no crossings.
    """
    settings, pool = task.settings, task.pool
    start = start_volume(task.potential, pool.element, pool.structure, pool.pressure)
    system = system_of(settings, pool, task.potential, start)
    extends = keeper.claim(task.specification, 0 if stored is None else stored.run.recorded)
    before = stored if extends else None
    loaded = keeper.load()
    if loaded is not None:
        run = loaded
    elif before is not None:
        run = before.run
    elif task.bias_source is not None:
        run = run_under_bias(task.bias_source, settings.walkers)
    else:
        if (heating := stage(progress, "the window of enthalpy", "sampling")) is not None:
            heating(0, 1, "")
        run = begin(settings, pool, system, task.seed, executor)
    steps = settings.steps(settings.block)
    per_round = len(run.walkers) * (steps // settings.steps(settings.frame_time))
    rounds = ceil(pool.frames / per_round)

    def report(steps_done: int) -> None:
        if on_round is not None:
            on_round(
                RoundReport(
                    done=run.learned + run.recorded,
                    total=rounds + (run.stop or ceil(run.learned * settings.learning.refinement)),
                    steps=steps_done,
                    frames=min(run.recorded * per_round, pool.frames),
                    learning=run.learning,
                    crossings=run.crossings_learning if run.learning else run.crossings_recording,
                    visited=run.visited,
                )
            )

    report(0)
    while run.recorded < rounds:
        recording = not run.learning
        run, blocks = advance(run, settings, system, task.seed, executor)
        report(len(blocks) * steps)
        keeper.keep(run, [block.frames for block in blocks] if recording else [], last=run.recorded >= rounds)
    pieces = with_walkers(keeper.frames(), len(run.walkers), 0 if before is None else before.run.recorded)
    if before is not None and before.surplus is not None:
        pieces.insert(0, before.surplus)
    kept = 0 if before is None else before.dataset.sizes["configuration"]
    frames = np.concatenate(pieces)
    new, surplus = frames[: pool.frames - kept], frames[pool.frames - kept :]
    dataset = labelled(new, steps, pool.element, task.potential, executor, stage(progress, "labelling", "storing"))
    if before is not None:
        dataset = joined(before.dataset, dataset)
    dataset = dataset.assign_attrs(volume_per_atom=task.volume_per_atom)
    return SampleResult(dataset, run, surplus, loaded is not None, kept)


def run_under_bias(source: Run, walkers: int) -> Run:
    """A run before its first round that learns nothing: the bias of ``source``, and walkers where its walkers ended."""
    starts = tuple(source.walkers[w % len(source.walkers)] for w in range(walkers))
    return Run(source.bias, starts, np.zeros_like(source.visits), stop=0)
