"""Distillation: choose by active learning the configurations of a pool that matter (arXiv 2311.05407).

A round trains an ensemble on what was chosen so far, measures how much its members disagree about the atomic energies
of the candidates, and takes the most uncertain ones. Every pick is recorded with its round, reason and uncertainty.
"""

import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.atomic import write_whole
from foundational.data.batches import take, to_configurations
from foundational.data.configurations import Configurations
from foundational.data.identity import fingerprint
from foundational.data.layout import VARIABLES
from foundational.data.splits import assign_split
from foundational.engines.ani.ensemble import Ensemble
from foundational.errors import ConflictError, InputError
from foundational.science.selection import configuration_uncertainty, pick_most_uncertain
from foundational.seeds import derive, generator
from foundational.specs.ani import AniSpec
from foundational.specs.distillation import DistillSpec
from foundational.stages.train import train_ensemble
from foundational.units import MEV

Progress = Callable[[int, int, str], None]

REASONS = {name: code for code, name in enumerate(VARIABLES["selected_because"].meanings)}


@dataclass(frozen=True)
class Round:
    """What one round saw and did; uncertainties in meV, of the candidates before choosing."""

    round: int
    frames: int
    """Configurations on which the ensemble was trained."""
    candidates: int
    chosen: int
    median_uncertainty_meV: float  # noqa: N815 - the unit's own spelling
    p99_uncertainty_meV: float  # noqa: N815
    max_uncertainty_meV: float  # noqa: N815
    least_chosen_meV: float | None  # noqa: N815


@dataclass
class Selection:
    """The state of a distillation after a round; all that is needed to go on."""

    chosen: list[int]
    """Indices into the pool, in the order of choosing."""
    round: list[int]
    reason: list[int]
    uncertainty: list[float]
    """eV; NaN where a configuration was not chosen by it."""
    rounds: list[Round] = field(default_factory=list)

    def add(self, indices: NDArray[np.int64], number: int, reason: str, uncertainty: NDArray[np.float64]) -> None:
        """Append picks of round ``number``."""
        self.chosen += indices.tolist()
        self.round += [number] * len(indices)
        self.reason += [REASONS[reason]] * len(indices)
        self.uncertainty += uncertainty.tolist()


@dataclass(frozen=True)
class Distilled:
    """The distilled set and how each round went."""

    dataset: xr.Dataset
    rounds: tuple[Round, ...]
    resumed_after: int | None
    """Rounds that an earlier, interrupted run had done; None where there was none."""


def distill(
    spec: DistillSpec,
    ani: AniSpec,
    pool: xr.Dataset,
    seed: int,
    *,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> Distilled:
    """Choose ``spec.frames`` configurations of ``pool``.

    Parameters
    ----------
    ani
        settings for the pool's metal; members and epochs are those of ``spec``
    checkpoint
        file in which the state is kept after every round and from which an interrupted run goes on
    progress
        called with (configurations chosen, budget, message)

    Raises
    ------
    InputError
        where the pool is smaller than the budget.
    ConflictError
        where the checkpoint was made by another specification or from another pool.
    """
    total = pool.sizes["configuration"]
    if spec.frames > total:
        raise InputError(f"expected at most {total} frames, which the pool {spec.pool!r} has, got {spec.frames}")
    settings = ani.model_copy(
        update={
            "members": spec.members,
            "training": ani.training.model_copy(update={"epochs": spec.epochs, "least_steps": None}),
        }
    )
    identity = {"spec": spec.model_dump(mode="json"), "ani": settings.model_dump(mode="json"), "seed": seed}
    identity["pool"] = fingerprint(pool)
    found = None if checkpoint is None else _resume(checkpoint, identity)
    state = found or _start(spec, total, seed)
    resumed_after = len(found.rounds) if found else None
    if spec.method == "active":
        configurations = to_configurations(pool)
        order = generator(seed, "distill", spec.pool, "order").permutation(total)
        walker, step = (pool[name].to_numpy() if name in pool else None for name in ("walker", "step"))
        for number in range(len(state.rounds) + 1, spec.rounds + 1):
            if progress is not None:
                progress(len(state.chosen), spec.frames, f"round {number}")
            ensemble = _train(settings, configurations, state, spec, seed, number)
            _choose(state, ensemble, configurations, order, spec, number, walker, step)
            if checkpoint is not None:
                _save(checkpoint, identity, state)
    return Distilled(_assemble(state, pool, spec, seed), tuple(state.rounds), resumed_after)


def _start(spec: DistillSpec, total: int, seed: int) -> Selection:
    """The random set with which everything begins; with the method ``random`` it is the whole budget."""
    order = generator(seed, "distill", spec.pool, "order").permutation(total)
    state = Selection([], [], [], [])
    budget, reason = (spec.initial, "start") if spec.method == "active" else (spec.frames, "random")
    state.add(order[:budget], 0, reason, np.full(budget, np.nan))
    return state


def _train(
    ani: AniSpec, configurations: Configurations, state: Selection, spec: DistillSpec, seed: int, number: int
) -> Ensemble:
    """An ensemble on what was chosen; each member on its own random share of it."""
    size = len(state.chosen)
    share = max(1, round(spec.training_fraction * size))
    shares = [
        np.sort(generator(seed, "distill", spec.pool, "share", number, m).permutation(size)[:share])
        for m in range(spec.members)
    ]
    chosen = configurations.take(state.chosen)
    return train_ensemble(ani, chosen, shares, derive(seed, "distill", spec.pool, "round", number))


def _choose(
    state: Selection,
    ensemble: Ensemble,
    configurations: Configurations,
    order: NDArray[np.int64],
    spec: DistillSpec,
    number: int,
    walker: NDArray[np.integer] | None,
    step: NDArray[np.integer] | None,
) -> None:
    """One round's picks among the candidates, and its line in the record."""
    left = order[~np.isin(order, state.chosen)]
    if spec.chunk is not None:
        begin = spec.initial + (number - 1) * spec.chunk
        left = np.setdiff1d(order[begin : begin + spec.chunk], state.chosen)
    if not len(left):
        return
    candidates = configurations.take(left)
    sigma = configuration_uncertainty(ensemble.atomic_energies(candidates), candidates.offsets)
    # What a round leaves of its share goes to the rounds after it; the last one may fill the budget.
    budget = (spec.frames - len(state.chosen)) // (spec.rounds - number + 1)
    picks = pick_most_uncertain(
        sigma,
        budget,
        threshold=spec.threshold,
        walker=None if walker is None else walker[left],
        step=None if step is None else step[left],
        separation=spec.separation,
    )
    trained_on = len(state.chosen)
    state.add(left[picks], number, "uncertainty", sigma[picks])
    state.rounds.append(
        Round(
            round=number,
            frames=trained_on,
            candidates=len(left),
            chosen=len(picks),
            median_uncertainty_meV=float(np.median(sigma)) * MEV,
            p99_uncertainty_meV=float(np.percentile(sigma, 99)) * MEV,
            max_uncertainty_meV=float(sigma.max()) * MEV,
            least_chosen_meV=float(sigma[picks].min()) * MEV if len(picks) else None,
        )
    )


def _assemble(state: Selection, pool: xr.Dataset, spec: DistillSpec, seed: int) -> xr.Dataset:
    """The chosen configurations in the order of choosing, so that a smaller budget is a prefix of a larger one."""
    chosen = np.array(state.chosen, dtype=np.int64)
    kept = take(pool, chosen).load()
    dims = ("configuration",)
    columns: dict[str, NDArray[Any]] = {
        "selected_at": np.array(state.round),
        "selected_because": np.array(state.reason),
        "uncertainty": np.array(state.uncertainty),
    }
    if "walker" in kept and "step" in kept:
        columns["split"] = assign_split(
            kept["walker"], kept["step"], fraction=spec.validation_fraction, block_steps=spec.split_block, seed=seed
        )
    for name, values in columns.items():
        row = VARIABLES[name]
        kept[name] = xr.Variable(dims, values.astype(row.dtype), row.attributes)
    return kept


def _save(path: Path, identity: dict[str, Any], state: Selection) -> None:
    buffer = io.BytesIO()
    np.savez(
        buffer,
        identity=np.array(json.dumps(identity)),
        rounds=np.array(json.dumps([asdict(r) for r in state.rounds])),
        chosen=np.array(state.chosen),
        round=np.array(state.round),
        reason=np.array(state.reason),
        uncertainty=np.array(state.uncertainty),
    )
    write_whole(path, [buffer.getvalue()])


def _resume(path: Path, identity: dict[str, Any]) -> Selection | None:
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as stored:
        before = json.loads(str(stored["identity"]))
        if before != identity:
            changed = [
                f"{section}.{key}" if isinstance(value, dict) else section
                for section, value in identity.items()
                for key in (value if isinstance(value, dict) else [""])
                if (before[section].get(key) != value[key] if isinstance(value, dict) else before[section] != value)
            ]
            raise ConflictError(
                f"{path} was begun with other settings ({', '.join(changed)}); delete it to begin anew, or restore them"
            )
        return Selection(
            stored["chosen"].tolist(),
            stored["round"].tolist(),
            stored["reason"].tolist(),
            stored["uncertainty"].tolist(),
            [Round(**r) for r in json.loads(str(stored["rounds"]))],
        )
