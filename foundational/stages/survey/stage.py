"""One translated set of the survey: networks trained on it, tested on solid and liquid, and on the crystals."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import xarray as xr
from pydantic import Field

from foundational.data.configurations import Configurations
from foundational.data.fingerprint import fingerprint
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.crystals.references import ReferenceCrystals
from foundational.engines.lammps.potentials import ResolvedPotential
from foundational.engines.lammps.test_frames import npt_frames
from foundational.evaluation.crystals import compare_crystals
from foundational.evaluation.report import CrystalErrors, Report
from foundational.evaluation.retraining import EvaluationPlan, retrain
from foundational.execution.tasks import Tasks
from foundational.progress import Progress, stage
from foundational.science.crystals import STRUCTURES, build_crystal
from foundational.seeds import derive
from foundational.specs.translate import MetalsSpec, NptTestSpec, Rule
from foundational.units import MEV


@dataclass(frozen=True)
class LabelledFrames:
    """Labelled configurations of short plain NPT runs of one metal."""

    solid: Configurations
    liquid: Configurations
    superheating: float
    """Temperature at which the heated crystal melted, K."""


@dataclass(frozen=True)
class TranslationErrors:
    """Errors of the networks of one translated set, as `MetalReport` has them."""

    rank_ok_members: int
    ground_state: str
    reference_order: tuple[str, ...]
    reference_gaps_meV: tuple[float, ...]  # noqa: N815 - the unit's own spelling
    mae_meV_per_atom: float  # noqa: N815
    mae_solid_meV_per_atom: float  # noqa: N815
    mae_liquid_meV_per_atom: float  # noqa: N815
    force_mae_meV_per_A: float  # noqa: N815
    superheating_K: float  # noqa: N815
    errors: dict[str, CrystalErrors]


class MetalReport(Report):
    """One metal of the survey: how its set was translated, and the errors of networks trained on that set."""

    potential: str
    parent: str
    parent_fingerprint: str
    rule: Rule
    transformed: dict[str, int] = Field(alias="turned")
    """Transformed copies, by crystal."""
    scale: float
    """Length of the target over that of the parent."""
    frames: int
    """Configurations of the translated set."""
    filtered: int
    """Configurations that the guards excluded."""
    members: int = Field(alias="seeds")
    """Networks."""
    rank_ok_members: int = Field(alias="rank_ok_seeds")
    """Networks that rank every pair of crystals that does not tie as the potential does."""
    ground_state: str
    reference_order: tuple[str, ...]
    """Crystals by the potential, lowest first."""
    reference_gaps_meV: tuple[float, ...]  # noqa: N815
    """Between neighbours of that order."""
    mae_meV_per_atom: float  # noqa: N815
    """Mean over networks and test frames, solid and liquid together."""
    mae_solid_meV_per_atom: float  # noqa: N815
    mae_liquid_meV_per_atom: float  # noqa: N815
    force_mae_meV_per_A: float  # noqa: N815
    superheating_K: float  # noqa: N815
    """Temperature at which the heated crystal melted; the test temperatures are fixed fractions of it."""
    errors: dict[str, CrystalErrors]


def sample_test_frames(
    spec: NptTestSpec, potential: ResolvedPotential, reference: ReferenceCrystals, seed: int
) -> LabelledFrames:
    """Labelled test frames of the ground state of a metal and of its liquid.

    Parameters
    ----------
    potential
        Runs the frames; its labeller relaxed ``reference``.

    Raises
    ------
    EngineError
        where the crystal does not melt, or a run fails.
    """
    ground = reference.ground_state
    crystal = build_crystal(ground, reference.ground_volume, spec.cells[ground])
    labeller = reference.labeller
    energy = reference.cohesive_energy(ground)
    frames = npt_frames(potential, reference.element, crystal, energy, spec, seed)
    solid, liquid = (batch.with_labels(labeller.label(batch)) for batch in (frames.solid, frames.liquid))
    return LabelledFrames(solid, liquid, frames.limit)


def evaluate_translation(
    dataset: xr.Dataset,
    frames: LabelledFrames,
    spec: MetalsSpec,
    plan: EvaluationPlan,
    *,
    tasks: Tasks | None = None,
    progress: Progress | None = None,
) -> TranslationErrors:
    """Train ``spec.members`` networks on a translated set and test them.

    Parameters
    ----------
    dataset
        The translated set. Its fingerprint is part of the random seed of the training.
    plan
        Settings scaled to the target, its relaxed crystals, the root seed.
    tasks
        Where networks train; None: here.
    """
    training = plan.settings.training.model_copy(update={"epochs": spec.epochs})
    settings = plan.settings.model_copy(update={"training": training})
    seed = derive(plan.seed, "metal", plan.reference.element, fingerprint(dataset))
    shown = stage(progress, "training", "tests")
    ensemble = retrain(dataset, settings, spec.members, seed, tasks=tasks, progress=shown)
    return _test(ensemble, frames, plan, progress)


def _test(
    ensemble: Ensemble, frames: LabelledFrames, plan: EvaluationPlan, progress: Progress | None
) -> TranslationErrors:
    errors, forces = [], []
    for phase, batch in (("solid", frames.solid), ("liquid", frames.liquid)):
        assert batch.labels is not None
        predicted = ensemble.predict(
            batch, progress=stage(progress, phase, "liquid" if phase == "solid" else "crystals")
        )
        assert predicted.forces is not None
        errors.append(np.abs(predicted.energy - batch.labels.energy) / batch.n_atoms * MEV)
        forces.append(np.abs(predicted.forces - batch.labels.forces).mean() * MEV)
    crystals = compare_crystals(ensemble, plan.reference, plan.tie)
    energies = {name: plan.reference.isotropic[name].energy_per_atom for name in STRUCTURES}
    order = sorted(STRUCTURES, key=energies.__getitem__)
    return TranslationErrors(
        rank_ok_members=sum(crystals.rank_ok),
        ground_state=order[0],
        reference_order=tuple(order),
        reference_gaps_meV=tuple((energies[b] - energies[a]) * MEV for a, b in pairwise(order)),
        mae_meV_per_atom=float(np.concatenate(errors, axis=1).mean()),
        mae_solid_meV_per_atom=float(errors[0].mean()),
        mae_liquid_meV_per_atom=float(errors[1].mean()),
        force_mae_meV_per_A=float(np.mean(forces)),
        superheating_K=frames.superheating,
        errors=crystals.errors(),
    )
