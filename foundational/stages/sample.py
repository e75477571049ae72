"""Sampling as a stage: a pool of labelled configurations, and the run that made it, saved as it goes."""

import json
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from ase.data import atomic_numbers
from numpy.typing import NDArray

from foundational.data.atomic import write_whole
from foundational.data.configurations import Configurations
from foundational.data.conversion import to_dataset
from foundational.engines.labeller import LammpsLabeller, label_all
from foundational.engines.potentials import ResolvedPotential
from foundational.engines.sampling.block import State
from foundational.engines.sampling.kernel import FRAME_HEAD
from foundational.engines.sampling.run import Run, advance, begin, system_of
from foundational.errors import ConflictError
from foundational.science.bias import Bias
from foundational.specs.sampling import PoolSpec, SampleSettings

Progress = Callable[[int, int, str], None]

#: Wall time between two savings, s; a kill loses this and one round.
_SAVE_EVERY = 10.0
_COUNTS = ("learned", "recorded", "crossings_learning", "crossings_recording", "outside")


@dataclass(frozen=True, eq=False)
class Sampled:
    """A pool, and the run that made it."""

    dataset: xr.Dataset
    run: Run
    resumed: bool
    """Whether an interrupted run was taken up."""

    @property
    def details(self) -> dict[str, Any]:
        """What a record should say of the run; JSON's types."""
        run = self.run
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
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Sampled:
    """Sample a pool; what is in ``workdir`` from an interrupted run of the same specification is taken up.

    With the same arguments the result is the same, bit for bit on one machine, whatever the executor and however often
    the run was interrupted. A finished run whose ``pool.frames`` has grown goes on from its end.

    Parameters
    ----------
    workdir
        Holds the state of the run (``run.npz``) and its frames; the caller removes it when the pool is stored.
    progress
        Called with (frames recorded, frames, a line with steps/s, crossings and the share of the window visited).

    Raises
    ------
    ConflictError
        If ``workdir`` holds a run of another specification; the message names the differences.
    EngineError
        If the system does not do what the specification expects of it: a phase that does not last, no crossings.
    """
    system = system_of(settings, pool, potential)
    _claim(workdir, settings, pool, potential, seed)
    saved = workdir / "run.npz"
    resumed = saved.exists()
    if resumed:
        run = load_run(saved)
    else:
        if progress is not None:
            progress(0, pool.frames, "finding the window of enthalpy")
        run = begin(settings, pool, system, seed, executor)
    steps = settings.steps(settings.block)
    per_round = len(run.walkers) * (steps // settings.steps(settings.frame_time))
    fresh: list[NDArray[np.float64]] = []
    last = time.monotonic()
    while run.recorded * per_round < pool.frames:
        begun = time.perf_counter()
        recording = not run.learning
        run, blocks = advance(run, settings, system, seed, executor)
        if recording:
            fresh += [block.frames for block in blocks]
        if progress is not None:
            rate = len(blocks) * steps / (time.perf_counter() - begun)
            progress(min(run.recorded * per_round, pool.frames), pool.frames, _line(run, rate))
        if time.monotonic() - last > _SAVE_EVERY or run.recorded * per_round >= pool.frames:
            _save(workdir, run, fresh)
            fresh, last = [], time.monotonic()
    if fresh or not saved.exists():
        _save(workdir, run, fresh)
    frames = _read_frames(workdir, run)[: pool.frames]
    dataset = _as_dataset(frames, run, steps, pool, potential, executor, progress)
    return Sampled(dataset, run, resumed)


def _line(run: Run, rate: float) -> str:
    crossings = run.crossings_learning if run.learning else run.crossings_recording
    what = "learning" if run.learning else "recording"
    if run.learning and run.stop is not None:
        what = f"learning, round {run.learned} of {run.stop}"
    return f"{what}: {rate:,.0f} steps/s, {crossings} crossings, {run.visited:.0%} of the window visited"


def _claim(workdir: Path, settings: SampleSettings, pool: PoolSpec, potential: ResolvedPotential, seed: int) -> None:
    """Write what this folder is for, or compare with what it was for."""
    mine = {
        "seed": seed,
        "potential": potential.spec.sha256,
        "settings": settings.model_dump(mode="json"),
        "pool": pool.model_dump(mode="json", exclude={"frames", "potential"}),
    }
    path = workdir / "specification.json"
    if path.exists():
        theirs = json.loads(path.read_text(encoding="utf-8"))
        a, b = _leaves(theirs), _leaves(mine)
        differences = [
            f"{key} was {a.get(key)} and is {b.get(key)}" for key in sorted(a | b) if a.get(key) != b.get(key)
        ]
        if differences:
            raise ConflictError(
                f"{workdir.name} holds an interrupted run of another specification ({'; '.join(differences)}); "
                "restore it, or remove the folder to begin anew"
            )
    else:
        write_whole(path, [json.dumps(mine, indent=1, sort_keys=True).encode()])


def _leaves(tree: Any, prefix: str = "") -> dict[str, Any]:
    """The leaves of nested mappings by dotted name."""
    if not isinstance(tree, dict):
        return {prefix: tree}
    return {k: v for key, sub in tree.items() for k, v in _leaves(sub, f"{prefix}.{key}" if prefix else key).items()}


def save_run(path: Path, run: Run) -> None:
    """Write a run, whole or not at all, so that `load_run` gives every bit of it back."""
    walkers = {
        name: np.stack([np.asarray(getattr(walker, name)) for walker in run.walkers])
        for name in ("positions", "velocities", "cell", "side")
    }
    bias = {name: getattr(run.bias, name) for name in ("temperature", "knots_h", "knots_t", "coefficients")}
    counts = {name: getattr(run, name) for name in ("visits", *_COUNTS)}
    arrays: dict[str, Any] = {"stop": -1 if run.stop is None else run.stop} | walkers | bias | counts
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


def _save(workdir: Path, run: Run, fresh: list[NDArray[np.float64]]) -> None:
    """Frames first, under the number of rounds that they complete: a kill in between only repeats those rounds."""
    if fresh:
        stream = BytesIO()
        np.save(stream, np.stack(fresh))
        write_whole(workdir / f"frames-{run.recorded:08d}.npy", [stream.getvalue()])
    save_run(workdir / "run.npz", run)


def _read_frames(workdir: Path, run: Run) -> NDArray[np.float64]:
    """(F, 2 + 9 + 3N): walker and round before each frame of `Block.frames`, in the order of rounds, then walkers."""
    paths = [p for p in sorted(workdir.glob("frames-*.npy")) if int(p.stem.split("-")[1]) <= run.recorded]
    blocks = np.concatenate([np.load(path) for path in paths])  # (rounds · walkers, F, 9 + 3N)
    number = np.arange(len(blocks))
    walker, rounds = number % len(run.walkers), number // len(run.walkers)
    head = np.broadcast_to(np.stack([walker, rounds], axis=1)[:, None], (*blocks.shape[:2], 2))
    return np.concatenate([head, blocks], axis=2).reshape(-1, blocks.shape[2] + 2)


def _as_dataset(
    frames: NDArray[np.float64],
    run: Run,
    steps: int,
    pool: PoolSpec,
    potential: ResolvedPotential,
    executor: Executor | None,
    progress: Progress | None,
) -> xr.Dataset:
    """Labelled configurations with where they were sampled; positions wrapped into the cell, then cast to float32."""
    walker, rounds, step, enthalpy, order = frames[:, :5].T
    c, n = len(frames), len(run.walkers[0].positions)
    cell = np.zeros((c, 3, 3))
    cell[:, [0, 1, 2], [0, 1, 2]] = frames[:, 5:8]
    cell[:, [1, 2, 2], [0, 0, 1]] = frames[:, 8:11]
    positions = frames[:, 2 + FRAME_HEAD :].reshape(c, n, 3)
    scaled = positions @ np.linalg.inv(cell)
    positions = (scaled - np.floor(scaled)) @ cell
    numbers = np.full((c, n), atomic_numbers[pool.element], dtype=np.uint8)
    configurations = Configurations.build(cell, positions, numbers)
    labeller = LammpsLabeller(potential)
    labels = label_all(labeller, configurations, executor=executor, progress=progress)
    return to_dataset(
        configurations.with_labels(labels),
        attrs={"element": pool.element, "labeller": labeller.id},
        enthalpy=enthalpy,
        order_parameter=order,
        volume=cell[:, 0, 0] * cell[:, 1, 1] * cell[:, 2, 2],
        walker=walker,
        step=rounds * steps + step,
    )
