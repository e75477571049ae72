"""Audit of a distilled set: why each frame is in it, what it keeps of its pool, where a model trained on it errs."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import to_configurations
from foundational.data.fingerprint import hexadecimal
from foundational.data.layout import VARIABLES
from foundational.data.named import NamedDataset
from foundational.engines.geometry.local_structure import StructureType, structure_shares
from foundational.errors import InputError, MissingDependencyError
from foundational.evaluation.retraining import retrain
from foundational.progress import Progress, stage
from foundational.seeds import derive, generator
from foundational.specs.ani import AniSpec
from foundational.units import MEV

#: Frames of the set, and of its pool, whose entropy is computed: 30 s on one core.
_SAMPLE = 500
#: Parts of the holdout by energy and by order parameter, of equally many frames.
_PARTS = 5


@dataclass(frozen=True, eq=False)
class DistilledSet:
    """A distilled set, and what its record says of the distillation; InputError where it was not distilled."""

    name: str
    dataset: xr.Dataset
    pool: str | None
    """Name of the data it was chosen from."""
    settings: dict[str, Any]
    """Of `DistillSpec`."""
    seed: int
    """With which it was distilled."""

    def __post_init__(self) -> None:
        needed = {"selection_round", "selection_reason", "uncertainty"}
        if not needed <= {str(key) for key in self.dataset.variables}:
            raise InputError(f"expected a distilled set, got {self.name!r}, which was not distilled; audit its parent")


@dataclass(frozen=True)
class TrainingPlan:
    """How networks are trained on the set to find where they err."""

    settings: AniSpec
    """ANI settings, their lengths scaled to the metal."""
    seed: int
    """Root of all random streams, each derived from it by name."""


def audit(
    chosen: DistilledSet,
    pool: xr.Dataset | None,
    holdout: NamedDataset | None,
    plan: TrainingPlan,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The audit of a distilled set.

    Parameters
    ----------
    chosen
        The set, read into memory.
    pool
        What it was chosen from; None where that is not on this machine.
    holdout
        Tests the networks; None where there is none.
    plan
        How networks are trained on the set.
    progress
        Called with (steps done, all, message).

    Returns
    -------
    dict
        ``rounds``: of each round how many frames, why, and the range of their uncertainties in meV; ``frames``: the
        same of every frame, by id; ``entropy``: what the set keeps of its pool (None without the pool or the library
        quests); ``errors``: of networks trained on it, on the holdout, by energy, order and phase.
    """
    name, dataset = chosen.name, chosen.dataset
    return {
        "name": name,
        "pool": chosen.pool,
        "method": chosen.settings.get("method"),
        "threshold_meV": _in_mev(chosen.settings.get("threshold")),
        "rounds": _rounds(dataset),
        "entropy": _entropy(chosen, pool, progress),
        "errors": None if holdout is None else _errors(name, dataset, holdout, plan, progress),
        "frames": _frames(dataset),
    }


def _in_mev(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value) * MEV


def _reasons(dataset: xr.Dataset) -> list[str]:
    meanings = VARIABLES["selection_reason"].meanings
    return [meanings[code] for code in dataset["selection_reason"].to_numpy()]


def _rounds(dataset: xr.Dataset) -> list[dict[str, Any]]:
    at, sigma = dataset["selection_round"].to_numpy(), dataset["uncertainty"].to_numpy()
    reasons = np.array(_reasons(dataset))
    lines = []
    for number in np.unique(at):
        chosen = sigma[at == number]
        known = chosen[np.isfinite(chosen)]
        lines.append(
            {
                "round": int(number),
                "frames": len(chosen),
                "because": sorted(set(reasons[at == number].tolist())),
                "least_meV": _in_mev(known.min()) if len(known) else None,
                "median_meV": _in_mev(float(np.median(known))) if len(known) else None,
                "largest_meV": _in_mev(known.max()) if len(known) else None,
            }
        )
    return lines


def _frames(dataset: xr.Dataset) -> list[dict[str, Any]]:
    per_atom = (dataset["energy"] / dataset["n_atoms"]).to_numpy()
    order = dataset["order_parameter"].to_numpy() if "order_parameter" in dataset else np.full(len(per_atom), np.nan)
    columns = zip(
        hexadecimal(dataset["id"].to_numpy()),
        dataset["selection_round"].to_numpy().tolist(),
        _reasons(dataset),
        dataset["uncertainty"].to_numpy().tolist(),
        per_atom.tolist(),
        order.tolist(),
        strict=True,
    )
    return [
        {
            "id": name,
            "round": at,
            "because": why,
            "uncertainty_meV": _in_mev(sigma),
            "energy_per_atom": energy,
            "order_parameter": o if np.isfinite(o) else None,
        }
        for name, at, why, sigma, energy, o in columns
    ]


def _entropy(chosen: DistilledSet, pool: xr.Dataset | None, progress: Progress | None) -> dict[str, Any] | None:
    """QUESTS entropy of as many frames of the set as of its pool, at random, and their overlap."""
    if (progress := stage(progress, "entropy", "training")) is not None:
        progress(0, 1, "")
    if pool is None:
        return None
    try:
        from foundational.engines.quests import completeness  # noqa: PLC0415 - an optional dependency
    except MissingDependencyError:
        return None
    dataset = chosen.dataset
    n = min(_SAMPLE, dataset.sizes["configuration"])
    random = generator(chosen.seed, "audit")
    small, large = (
        to_configurations(data, np.sort(random.permutation(data.sizes["configuration"])[:n]))
        for data in (dataset, pool)
    )
    whole = to_configurations(dataset)
    return {"frames_of_each": n} | asdict(completeness(small, large, whole))


def _errors(
    name: str, dataset: xr.Dataset, test: NamedDataset, plan: TrainingPlan, progress: Progress | None
) -> dict[str, Any]:
    """Where networks trained on the set err on its holdout: mean and largest error in meV/atom."""
    training = stage(progress, "training", "errors on the holdout")
    ensemble = retrain(
        dataset, plan.settings, plan.settings.members, derive(plan.seed, "audit", name), progress=training
    )
    holdout = test.dataset.load()
    batch = to_configurations(holdout)
    assert batch.labels is not None
    energy = batch.labels.energy / batch.n_atoms
    predicted = (
        ensemble.predict(batch, forces=False, progress=stage(progress, "errors on the holdout")).energy / batch.n_atoms
    )
    error = np.abs(predicted - energy).mean(axis=0) * MEV
    shares = structure_shares(batch)
    phase = np.where(shares.max(axis=1) > 0.5, shares.argmax(axis=1), len(StructureType))
    names = [kind.name.lower() for kind in StructureType] + ["mixed"]
    by_phase = [
        {"phase": names[kind], **_of(error, phase == kind)} for kind in range(len(names)) if (phase == kind).any()
    ]
    order = holdout["order_parameter"].to_numpy() if "order_parameter" in holdout else None
    return {
        "holdout": test.name,
        "mae_meV": float(error.mean()),
        "by_energy_per_atom": _by_parts(error, energy),
        "by_order_parameter": None if order is None else _by_parts(error, order),
        "by_phase": by_phase,
    }


def _of(error: NDArray[np.float64], where: NDArray[np.bool_]) -> dict[str, Any]:
    return {
        "frames": int(where.sum()),
        "mae_meV": float(error[where].mean()),
        "max_meV": float(error[where].max()),
    }


def _by_parts(error: NDArray[np.float64], coordinate: NDArray[np.float64]) -> list[dict[str, Any]]:
    edges = np.quantile(coordinate, np.linspace(0, 1, _PARTS + 1))
    part = np.clip(np.searchsorted(edges, coordinate, side="right") - 1, 0, _PARTS - 1)
    return [
        {"from": float(edges[k]), "to": float(edges[k + 1]), **_of(error, part == k)}
        for k in range(_PARTS)
        if (part == k).any()
    ]
