"""Networks trained on a translated set, tested on a whole pool of its metal (arXiv 2311.05407: Fig. 3b, Table 3)."""

import numpy as np
from numpy.typing import NDArray

from foundational.data.fingerprint import fingerprint
from foundational.data.named import NamedDataset
from foundational.engines.ani.batch_energies import energies_per_atom
from foundational.evaluation.crystals import compare_crystals
from foundational.evaluation.errors import error_table
from foundational.evaluation.report import CrystalErrors, Report
from foundational.evaluation.retraining import EvaluationPlan, retrain, untrained_rows
from foundational.progress import Progress, stage
from foundational.seeds import derive
from foundational.specs.validate import PoolTestSpec
from foundational.units import MEV


class EnergyPart(Report):
    """Frames between two energies per atom."""

    from_eV_per_atom: float  # noqa: N815 - the unit's own spelling
    to_eV_per_atom: float  # noqa: N815
    mae_meV_per_atom: tuple[float, ...]  # noqa: N815
    """Of each network."""


class PoolTestReport(Report):
    """Networks trained on a set, each tested on every frame of a pool of the same metal."""

    dataset: str
    fingerprint: str
    element: str
    pool: str
    frames: int
    mae_meV_per_atom: tuple[float, ...]  # noqa: N815
    """Of each network, over all frames."""
    p99_meV_per_atom: tuple[float, ...]  # noqa: N815
    max_meV_per_atom: tuple[float, ...]  # noqa: N815
    parts: tuple[EnergyPart, ...]
    """From the lowest energies to the highest."""
    rank_ok: tuple[bool, ...]
    """Of each network."""
    errors: dict[str, CrystalErrors]
    reference_eV_per_atom: tuple[float, ...]  # noqa: N815
    """Of some frames, evenly over the run."""
    predicted_eV_per_atom: tuple[float, ...]  # noqa: N815
    """Of those, by the first network."""


def evaluate_on_pool(
    subject: NamedDataset,
    pool: NamedDataset,
    spec: PoolTestSpec,
    members: int,
    plan: EvaluationPlan,
    *,
    progress: Progress | None = None,
) -> PoolTestReport:
    """Train networks on ``subject`` as validation does, and test each on the frames of ``pool``.

    Frames of the pool that are in the set, such as those that were added to it, are not tested.

    Parameters
    ----------
    members
        Networks to train.
    plan
        Settings scaled to the metal, its relaxed crystals, the root seed.
    """
    seed = derive(plan.seed, "parity", subject.name)
    ensemble = retrain(
        subject.dataset, plan.settings, members, seed, progress=stage(progress, "training", "errors on the pool")
    )
    (predicted,) = energies_per_atom([ensemble], pool.dataset)
    trained = {row.tobytes() for row in subject.dataset["id"].to_numpy()}
    unseen = untrained_rows(pool.dataset, trained)
    energy = (pool.dataset["energy"] / pool.dataset["n_atoms"]).to_numpy()[unseen]
    predicted = predicted[:, unseen]
    errors = error_table(predicted, energy)
    crystals = compare_crystals(ensemble, plan.reference, plan.tie)
    shown = slice(None, None, max(1, len(energy) // spec.shown))
    return PoolTestReport(
        dataset=subject.name,
        fingerprint=fingerprint(subject.dataset),
        element=subject.element,
        pool=pool.name,
        frames=len(energy),
        mae_meV_per_atom=errors.mae_meV,
        p99_meV_per_atom=errors.p99_meV,
        max_meV_per_atom=errors.max_meV,
        parts=_parts(predicted, energy, spec.parts),
        rank_ok=crystals.rank_ok,
        errors=crystals.errors(),
        reference_eV_per_atom=tuple(energy[shown].round(6).tolist()),
        predicted_eV_per_atom=tuple(predicted[0, shown].round(6).tolist()),
    )


def _parts(predicted: NDArray[np.float64], energy: NDArray[np.float64], count: int) -> tuple[EnergyPart, ...]:
    """Mean absolute errors (M, C) by energy (C,), eV per atom, in ``count`` parts of equally many frames."""
    error = np.abs(predicted - energy) * MEV
    return tuple(
        EnergyPart(
            from_eV_per_atom=float(energy[rows].min()),
            to_eV_per_atom=float(energy[rows].max()),
            mae_meV_per_atom=tuple(error[:, rows].mean(axis=1).tolist()),
        )
        for rows in np.array_split(np.argsort(energy, kind="stable"), count)
        if len(rows)
    )
