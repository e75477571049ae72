"""Distillation: choose in rounds the configurations of a pool that matter (arXiv 2311.05407).

A round of active learning trains an ensemble on what was chosen so far, measures how much its members disagree about
the atomic energies of the candidates, and takes the most uncertain ones. Other methods choose by other means in the
same rounds. Every pick is recorded with its round, reason and uncertainty, and rounds grow geometrically, so that one
run serves every smaller budget: the order of choosing is a prefix order.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import take
from foundational.data.layout import VARIABLES
from foundational.data.splits import assign_split
from foundational.engines.ani.ensemble import Ensemble
from foundational.errors import InputError
from foundational.evaluation.member_training import train_members
from foundational.execution.tasks import Tasks
from foundational.progress import Progress, stage
from foundational.science.picking import pick_farthest
from foundational.seeds import derive, generator
from foundational.specs.ani import AniSpec
from foundational.specs.distill import DistillSpec
from foundational.stages.distill.candidates import with_all_elements
from foundational.stages.distill.methods import METHODS, WITHOUT_FEATURES, WITHOUT_NETWORKS, Picks, Pool, Round
from foundational.stages.distill.survivors import survivors
from foundational.units import MEV

_ISOLATED = VARIABLES["role"].meanings.index("isolated_atom")
REASONS = {name: code for code, name in enumerate(VARIABLES["selection_reason"].meanings)}


@dataclass(frozen=True)
class RoundReport:
    """What one round saw and did; uncertainties in meV, of the candidates before choosing, null where no model was."""

    round: int
    frames: int
    """Configurations from which it chose on; those on which an ensemble was trained, where one was."""
    goal: int
    """The most configurations that there might be after it."""
    candidates: int
    chosen: int
    median_uncertainty_meV: float | None = None  # noqa: N815 - the unit's own spelling
    p99_uncertainty_meV: float | None = None  # noqa: N815
    max_uncertainty_meV: float | None = None  # noqa: N815
    least_chosen_meV: float | None = None  # noqa: N815
    heldout_mae_meV: float | None = None  # noqa: N815
    """Of the ensemble's mean energy per atom, on configurations that are never chosen; null where none was trained."""


@dataclass
class Selection:
    """The state of a distillation after a round; all that is needed to continue."""

    chosen: list[int]
    """Indices into the pool, in the order of choosing."""
    round: list[int]
    reason: list[int]
    uncertainty: list[float]
    """eV; NaN where a configuration was not chosen by it."""
    rounds: list[RoundReport] = field(default_factory=list)

    def add(self, picks: Picks, number: int) -> None:
        """Append picks of round ``number``."""
        n = len(picks.indices)
        self.chosen += picks.indices.tolist()
        self.round += [number] * n
        self.reason += [REASONS[picks.reason]] * n
        self.uncertainty += [float("nan")] * n if picks.uncertainty is None else picks.uncertainty.tolist()

    def of_whole(self, rows: NDArray[np.int64]) -> Self:
        """The same with indices into the whole pool, of which ``rows`` was looked at."""
        return replace(self, chosen=rows[self.chosen].tolist(), rounds=list(self.rounds))

    def within(self, rows: NDArray[np.int64]) -> Self:
        """The same with indices into ``rows`` (ascending) of the pool, the inverse of `of_whole`."""
        return replace(self, chosen=np.searchsorted(rows, self.chosen).tolist())

    def under(self, spec: DistillSpec) -> Self:
        """The rounds that ``spec`` would have made as they were: all before the first of another goal.

        So a run continues from ten rounds to twelve without repeating one, and a budget that cut a round short costs
        that round again; the result is the same as of one run from the beginning.
        """
        kept: list[RoundReport] = []
        for report in self.rounds:
            if report.round > spec.rounds or report.goal != spec.size_after(report.round):
                break
            if kept and kept[-1].goal >= spec.frames:
                break
            kept.append(report)
        n = sum(number <= len(kept) for number in self.round)
        return replace(
            self,
            chosen=self.chosen[:n],
            round=self.round[:n],
            reason=self.reason[:n],
            uncertainty=self.uncertainty[:n],
            rounds=kept,
        )


@dataclass(frozen=True)
class Distilled:
    """The distilled set and how each round went."""

    dataset: xr.Dataset
    rounds: tuple[RoundReport, ...]
    resumed_after: int | None
    """Rounds that an earlier run had done; None where there was none."""
    notes: list[str]
    """Sentences on what could not be done as asked for."""


def distill(
    spec: DistillSpec,
    ani: AniSpec,
    pool: xr.Dataset,
    seed: int,
    *,
    previous: Selection | None = None,
    save: Callable[[Selection], None] | None = None,
    tasks: Tasks | None = None,
    progress: Progress | None = None,
) -> Distilled:
    """Choose ``spec.frames`` configurations of ``pool``, or fewer where its target, rounds or threshold say so.

    Parameters
    ----------
    ani
        settings for the pool's metal; members and length of training are those of ``spec``
    previous
        the state of an earlier run with the same settings, but for budget, rounds and target; it continues from there
    save
        called with the state after every round
    tasks
        where candidates are scored and networks train; None: here
    progress
        called with (configurations chosen, budget, message)

    Raises
    ------
    InputError
        where the pool is smaller than the budget and what is held out, or lacks what the method looks at.
    """
    selection = select(spec, ani, pool, seed, previous=previous, save=save, tasks=tasks, progress=progress)
    dataset, notes = _assemble(selection, pool, spec, seed)
    resumed = None if previous is None else len(previous.under(spec).rounds)
    return Distilled(dataset, tuple(selection.rounds), resumed, notes)


def select(
    spec: DistillSpec,
    ani: AniSpec,
    pool: xr.Dataset,
    seed: int,
    *,
    previous: Selection | None = None,
    save: Callable[[Selection], None] | None = None,
    tasks: Tasks | None = None,
    progress: Progress | None = None,
) -> Selection:
    """The choice itself, see :func:`distill`."""
    total = pool.sizes["configuration"]
    if spec.frames + spec.heldout > total:
        kept = f" without the {spec.heldout} held out" if spec.heldout else ""
        raise InputError(
            f"expected at most {total - spec.heldout} frames of {total} in the pool{kept}, got {spec.frames}"
        )
    training = ani.training.model_copy(update={"epochs": spec.epochs, "least_steps": spec.least_steps})
    ani = ani.model_copy(update={"members": spec.members, "training": training})
    stream = ("distill", spec.pool)
    order = generator(seed, *stream, "order").permutation(total)
    if "role" in pool:  # isolated atoms, which many trainers need, are in the first set and never held out
        isolated = pool["role"].to_numpy()[order] == _ISOLATED
        order = np.concatenate([order[isolated], order[~isolated]])
    start = order[: spec.initial]
    added = with_all_elements(start, order, pool["atomic_numbers"].to_numpy(), pool["n_atoms"].to_numpy())[len(start) :]
    if len(added):  # the first set has atoms of all elements, and what is held out has no element of its own
        order = np.concatenate([added, order[~np.isin(order, added)]])
    heldout, order = order[total - spec.heldout :], order[: total - spec.heldout]
    rows = np.arange(total)
    if spec.survivors is not None and spec.method not in WITHOUT_FEATURES:
        left = survivors(spec, ani, pool, order, seed, tasks or Tasks(), stage(progress, "first pass", "selection"))
        rows = np.union1d(left, heldout)
        pool = take(pool, rows).load()
        order, heldout = (np.searchsorted(rows, part[np.isin(part, rows)]) for part in (order, heldout))
    view = _pool(pool, ani)
    tested = np.zeros(len(heldout), dtype=bool) if view.energy is None else np.isfinite(view.energy[heldout])
    if spec.target is not None and not tested.any():
        raise InputError("expected energies of configurations held out, on which the target is tested, got none")
    state = _start(spec, view, order) if previous is None else previous.under(spec).within(rows)
    for number in range(len(state.rounds) + 1, spec.rounds + 1):
        goal = spec.size_after(number)
        if len(state.chosen) >= spec.frames:
            break
        if (report := stage(progress, "selection", "recipes" if spec.recipes else "storing")) is not None:
            report(len(state.chosen), spec.frames, f"round {number} of {spec.rounds}")
        chosen = np.array(state.chosen, dtype=np.int64)
        left = order if spec.chunk is None else order[spec.initial :][(number - 1) * spec.chunk :][: spec.chunk]
        now = Round(
            pool=view,
            spec=spec,
            candidates=left[~np.isin(left, chosen)],
            chosen=chosen,
            random=generator(seed, *stream, "method", number),
            train=partial(_train, ani, view, chosen, spec, (seed, number), tasks),
            tasks=tasks or Tasks(),
        )
        # A method that looks at no network trains none for the sake of its error, unless that is the target.
        measured = tested.any() and (spec.target is not None or spec.method not in WITHOUT_NETWORKS)
        error = _heldout_error(now, heldout[tested]) if measured else None
        if not len(now.candidates) or (spec.target is not None and error is not None and error <= spec.target):
            break
        picks = METHODS[spec.method](now, goal - len(chosen))
        state.add(picks, number)
        state.rounds.append(_report(number, goal, now, picks, error))
        if save is not None:
            save(state.of_whole(rows))
    return state.of_whole(rows)


def _pool(dataset: xr.Dataset, ani: AniSpec) -> Pool:
    columns = {n: dataset[n].to_numpy() for n in ("walker", "step", "order_parameter") if n in dataset}
    if not {"walker", "step"} <= columns.keys():
        columns = {n: x for n, x in columns.items() if n == "order_parameter"}
    return Pool(dataset, ani.aev, **columns)


def _start(spec: DistillSpec, pool: Pool, order: NDArray[np.int64]) -> Selection:
    """The set with which everything begins: at random, or the farthest points from one at random."""
    state = Selection([], [], [], [])
    first = order[: spec.initial]
    if spec.initial_method == "farthest-point":
        features = pool.features
        first = order[pick_farthest(features[order], features[:0], spec.initial)]
    numbers = pool.dataset["atomic_numbers"].to_numpy()
    state.add(Picks(with_all_elements(first, order, numbers, pool.n_atoms), "start"), 0)
    return state


def _train(
    ani: AniSpec,
    pool: Pool,
    chosen: NDArray[np.int64],
    spec: DistillSpec,
    stream: tuple[int, int],
    tasks: Tasks | None,
) -> Ensemble:
    """An ensemble on what was chosen; each member on its own random share of it; ``stream``: seed and round."""
    size, share, (seed, number) = len(chosen), max(1, round(spec.training_fraction * len(chosen))), stream
    shares = [
        np.sort(generator(seed, "distill", spec.pool, "share", number, m).permutation(size)[:share])
        for m in range(spec.members)
    ]
    configurations = pool.configurations.take(chosen)
    return train_members(ani, configurations, shares, derive(seed, "distill", spec.pool, "round", number), tasks)


def _heldout_error(now: Round, heldout: NDArray[np.int64]) -> float:
    """Mean absolute error of the energy per atom, mean over members, eV; all these energies are known."""
    batch = now.pool.configurations.take(heldout)
    assert batch.labels is not None
    found = now.ensemble.predict(batch, forces=False).energy.mean(axis=0)
    return float(np.mean(np.abs(found - batch.labels.energy) / batch.n_atoms))


def _report(number: int, goal: int, now: Round, picks: Picks, error: float | None) -> RoundReport:
    report = RoundReport(
        round=number,
        frames=len(now.chosen),
        goal=goal,
        candidates=len(now.candidates),
        chosen=len(picks.indices),
        heldout_mae_meV=None if error is None else error * MEV,
    )
    if picks.uncertainty is None:
        return report
    sigma = now.uncertainty * MEV
    return replace(
        report,
        median_uncertainty_meV=float(np.median(sigma)),
        p99_uncertainty_meV=float(np.percentile(sigma, 99)),
        max_uncertainty_meV=float(sigma.max()),
        least_chosen_meV=float(picks.uncertainty.min()) * MEV if len(picks.indices) else None,
    )


def _assemble(state: Selection, pool: xr.Dataset, spec: DistillSpec, seed: int) -> tuple[xr.Dataset, list[str]]:
    """The chosen configurations in the order of choosing, so that a smaller budget is a prefix of a larger one.

    Second come sentences on what could not be done.
    """
    chosen = np.array(state.chosen, dtype=np.int64)
    kept = take(pool, chosen).load()
    dims = ("configuration",)
    # Without a trajectory each configuration is a block of its own, known by its place in the pool.
    known = "walker" in kept and "step" in kept
    walker, step = (kept["walker"].to_numpy(), kept["step"].to_numpy()) if known else (chosen, np.zeros_like(chosen))
    fraction, notes = spec.validation_fraction, []
    if fraction and len(np.unique(np.stack([walker, step // spec.split_block]), axis=1).T) < 2:
        fraction = 0.0
        notes.append("no validation split: all configurations are neighbours on one trajectory, or there is one alone")
    columns: dict[str, NDArray[Any]] = {
        "selection_round": np.array(state.round),
        "selection_reason": np.array(state.reason),
        "uncertainty": np.array(state.uncertainty),
        "split": assign_split(walker, step, fraction=fraction, block_steps=spec.split_block, seed=seed),
    }
    for name, values in columns.items():
        row = VARIABLES[name]
        kept[name] = xr.Variable(dims, values.astype(row.dtype), row.attributes_of(values))
    return kept, notes
