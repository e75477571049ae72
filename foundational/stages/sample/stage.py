"""Sampling as a stage: a pool of labelled configurations, and the run that made it, saved as it goes."""

import json
import time
from concurrent.futures import Executor
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.atomic_write import write_whole
from foundational.engines.lammps.potentials import ResolvedPotential
from foundational.engines.momt.block import State
from foundational.engines.momt.run import Run, advance, begin, system_of
from foundational.errors import ConflictError
from foundational.progress import Progress
from foundational.science.bias import Bias
from foundational.specs.sample import PoolSpec, SampleSettings
from foundational.stages.sample.frames import drop_frames_beyond, joined, labelled, read_frames, write_frames

#: Wall time between two savings, s; a kill loses this and one round.
_SAVE_EVERY = 10.0
_COUNTS = ("learned", "recorded", "crossings_learning", "crossings_recording", "outside")


@dataclass(frozen=True, eq=False)
class Stored:
    """A whole pool, from whose end a longer one goes on."""

    dataset: xr.Dataset
    run: Run
    surplus: NDArray[np.float64] | None
    """What `load_surplus` found."""


@dataclass(frozen=True, eq=False)
class Sampled:
    """A pool, and the run that made it."""

    dataset: xr.Dataset
    run: Run
    surplus: NDArray[np.float64]
    """For `save_run`: frames of the last round beyond those of the dataset."""
    resumed: bool
    """Whether an interrupted run was taken up."""
    stored_frames: int
    """Frames that came from the pool that this one extends."""

    @property
    def details(self) -> dict[str, Any]:
        """See `details_of`."""
        return details_of(self.run)


def details_of(run: Run) -> dict[str, Any]:
    """What a record should say of a run; JSON's types."""
    return {
        "crossings": run.crossings_recording,
        "crossings_learning": run.crossings_learning,
        "rounds_learning": run.learned,
        "rounds_recording": run.recorded,
        "walkers": len(run.walkers),
        "window_visited": round(run.visited, 4),
        "window_eV": [float(run.bias.knots_h[0]), float(run.bias.knots_h[-1])],
        "temperature_knots_K": run.bias.knots_t.tolist(),
        "enthalpy_knots_eV": run.bias.knots_h.tolist(),
    }


def sample(
    settings: SampleSettings,
    pool: PoolSpec,
    potential: ResolvedPotential,
    seed: int,
    workdir: Path,
    *,
    stored: Stored | None = None,
    taught: Run | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Sampled:
    """Sample a pool; what is in ``workdir`` from an interrupted run of the same specification is taken up.

    With the same arguments the result is the same, bit for bit on one machine, whatever the executor and however often
    the run was interrupted, and whether or not it goes on from a shorter pool.

    Parameters
    ----------
    workdir
        Holds the state of the run (``run.npz``) and its frames; the caller removes it when the pool is stored.
    stored
        A shorter pool of the same specification and seed: its frames are kept and the run goes on from its end.
    taught
        A run whose bias is used as it is, and from whose walkers this one starts: nothing is learned.
    progress
        Called with (rounds done, rounds in all, a line with frames, steps/s, crossings and the share of the window
        visited). Rounds of learning count; until their number is known, the total supposes that the crossings come now.

    Raises
    ------
    ConflictError
        If ``workdir`` holds a run of another specification; the message names the differences.
    EngineError
        If the system does not do what the specification expects of it: a phase that does not last, no crossings.
    """
    system = system_of(settings, pool, potential)
    before = _claim(workdir, settings, pool, potential, seed, stored, taught)
    saved = workdir / "run.npz"
    resumed = saved.exists()
    if resumed:
        run = load_run(saved)
        drop_frames_beyond(workdir, run.recorded)
    elif before is not None:
        run = before.run
    elif taught is not None:
        run = taught_run(taught, settings.walkers)
    else:
        if progress is not None:
            progress(0, 1, "finding the window of enthalpy")
        run = begin(settings, pool, system, seed, executor)
    first = 0 if before is None else before.run.recorded
    steps = settings.steps(settings.block)
    per_round = len(run.walkers) * (steps // settings.steps(settings.frame_time))
    rounds = ceil(pool.frames / per_round)
    fresh: list[NDArray[np.float64]] = []
    last = time.monotonic()
    while run.recorded < rounds:
        begun = time.perf_counter()
        recording = not run.learning
        run, blocks = advance(run, settings, system, seed, executor)
        if recording:
            fresh += [block.frames for block in blocks]
        if progress is not None:
            rate = len(blocks) * steps / (time.perf_counter() - begun)
            total = rounds + (run.stop or ceil(run.learned * settings.learning.refinement))
            progress(run.learned + run.recorded, total, _line(run, min(run.recorded * per_round, pool.frames), rate))
        if time.monotonic() - last > _SAVE_EVERY or run.recorded >= rounds:
            _save(workdir, run, fresh)
            fresh, last = [], time.monotonic()
    pieces = read_frames(workdir, len(run.walkers), first)
    if before is not None and before.surplus is not None:
        pieces.insert(0, before.surplus)
    kept = 0 if before is None else before.dataset.sizes["configuration"]
    frames = np.concatenate(pieces)
    new, surplus = frames[: pool.frames - kept], frames[pool.frames - kept :]
    dataset = labelled(new, steps, pool.element, potential, executor, progress)
    if before is not None:
        dataset = joined(before.dataset, dataset)
    return Sampled(dataset, run, surplus, resumed, kept)


def taught_run(taught: Run, walkers: int) -> Run:
    """A run before its first round that has nothing to learn: the bias of ``taught``, and starts where it ended."""
    starts = tuple(taught.walkers[w % len(taught.walkers)] for w in range(walkers))
    return Run(taught.bias, starts, np.zeros_like(taught.visits), stop=0)


def _line(run: Run, frames: int, rate: float) -> str:
    crossings = run.crossings_learning if run.learning else run.crossings_recording
    what = "learning" if run.learning else f"{frames:,} frames"
    return f"{what}, {rate:,.0f} steps/s, {crossings} crossings, {run.visited:.0%} of the window visited"


def specification(
    settings: SampleSettings, pool: PoolSpec, potential: ResolvedPotential, seed: int, taught: Run | None = None
) -> dict[str, Any]:
    """Everything but the number of frames that decides a run; JSON's types."""
    return {
        "seed": seed,
        "potential": potential.spec.sha256,
        "settings": settings.model_dump(mode="json"),
        "pool": pool.model_dump(mode="json", exclude={"frames", "potential"}),
        **({} if taught is None else bias_digest(taught)),
    }


def bias_digest(run: Run) -> dict[str, str]:
    """How a specification names a bias that was not learned in the run itself."""
    return {"bias": sha256(run.bias.coefficients.tobytes()).hexdigest()}


def differences(theirs: Any, mine: Any) -> str:
    """The leaves in which two nested mappings differ, such as ``pool.supercell was 2 and is 3``."""
    a, b = _leaves(theirs), _leaves(mine)
    return "; ".join(f"{key} was {a.get(key)} and is {b.get(key)}" for key in sorted(a | b) if a.get(key) != b.get(key))


def _claim(
    workdir: Path,
    settings: SampleSettings,
    pool: PoolSpec,
    potential: ResolvedPotential,
    seed: int,
    stored: Stored | None,
    taught: Run | None,
) -> Stored | None:
    """Write what this folder is for, or compare with what it was for; the pool from whose end its run goes on."""
    mine = specification(settings, pool, potential, seed, taught)
    path = workdir / "specification.json"
    rounds = 0 if stored is None else stored.run.recorded
    if not path.exists():
        write_whole(path, [json.dumps(mine | {"rounds_before": rounds}, indent=1, sort_keys=True).encode()])
        return stored
    theirs = json.loads(path.read_text(encoding="utf-8"))
    began_at = theirs.pop("rounds_before", 0)
    if found := differences(theirs, mine):
        raise ConflictError(
            f"{workdir.name} holds an interrupted run of another specification ({found}); "
            "restore it, or remove the folder to begin anew"
        )
    if began_at == 0:
        return None
    if stored is None or began_at != rounds:
        raise ConflictError(
            f"{workdir.name} holds a run that went on from round {began_at} of a stored pool, which is not there; "
            "restore it, or remove the folder to begin anew"
        )
    return stored


def _leaves(tree: Any, prefix: str = "") -> dict[str, Any]:
    """The leaves of nested mappings by dotted name."""
    if not isinstance(tree, dict):
        return {prefix: tree}
    return {k: v for key, sub in tree.items() for k, v in _leaves(sub, f"{prefix}.{key}" if prefix else key).items()}


def save_run(path: Path, run: Run, surplus: NDArray[np.float64] | None = None) -> None:
    """Write a run, whole or not at all, so that `load_run` gives every bit of it back.

    ``surplus`` are frames of the last round that a pool of less than whole rounds has no room for; `load_surplus`
    gives them back, so that a longer pool neither loses nor repeats them.
    """
    walkers = {
        name: np.stack([np.asarray(getattr(walker, name)) for walker in run.walkers])
        for name in ("positions", "velocities", "cell", "side")
    }
    bias = {name: getattr(run.bias, name) for name in ("temperature", "knots_h", "knots_t", "coefficients")}
    counts = {name: getattr(run, name) for name in ("visits", *_COUNTS)}
    arrays: dict[str, Any] = {"stop": -1 if run.stop is None else run.stop} | walkers | bias | counts
    if surplus is not None and len(surplus):
        arrays["surplus"] = surplus
    stream = BytesIO()
    np.savez(stream, **arrays)
    write_whole(path, [stream.getvalue()])


def load_run(path: Path) -> Run:
    """The run that `save_run` wrote."""
    with np.load(path) as stored:
        x = dict(stored)
    walkers = tuple(
        State(p, v, c, int(side))
        for p, v, c, side in zip(x["positions"], x["velocities"], x["cell"], x["side"], strict=True)
    )
    return Run(
        bias=Bias(float(x["temperature"]), x["knots_h"], x["knots_t"], x["coefficients"]),
        walkers=walkers,
        visits=x["visits"],
        stop=None if x["stop"] < 0 else int(x["stop"]),
        **{name: int(x[name]) for name in _COUNTS},
    )


def load_surplus(path: Path) -> NDArray[np.float64] | None:
    """The frames that `save_run` wrote beside the run."""
    with np.load(path) as stored:
        surplus: NDArray[np.float64] | None = stored.get("surplus")
    return surplus


def _save(workdir: Path, run: Run, fresh: list[NDArray[np.float64]]) -> None:
    """Frames first, under the number of rounds that they complete: a kill in between only repeats those rounds."""
    if fresh:
        write_frames(workdir, fresh, run.recorded)
    save_run(workdir / "run.npz", run)
