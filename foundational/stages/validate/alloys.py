"""Validation of a set of several elements: compounds, random alloys, pure crystals, solid and liquid test frames."""

from collections.abc import Sequence
from dataclasses import dataclass

from foundational.data.configurations import concatenate
from foundational.data.fingerprint import fingerprint
from foundational.data.named import NamedDataset
from foundational.engines.crystals.compounds import RelaxedCompound
from foundational.evaluation.alloys.comparison import compare_alloy
from foundational.evaluation.alloys.frames import LabelledRun
from foundational.evaluation.alloys.reference import AlloyReference
from foundational.evaluation.alloys.report import AlloyReport
from foundational.evaluation.errors import evaluate, mean_errors
from foundational.evaluation.retraining import retrain, training_rows
from foundational.evaluation.validation_report import GateReport, MemberReport, ValidationReport
from foundational.execution.tasks import Tasks
from foundational.progress import Progress
from foundational.seeds import derive
from foundational.specs.ani import AniSpec
from foundational.specs.compounds import CompoundGates, CompoundsSpec
from foundational.specs.validate import ValidateSpec
from foundational.stages.validate.gates import Findings, evaluate_gates
from foundational.stages.validate.stage import MEANS, require_independent
from foundational.units import MEV


@dataclass(frozen=True)
class AlloyPlan:
    """How the networks of an alloy are trained, and with what they are compared."""

    settings: AniSpec
    """ANI settings, their lengths scaled to the set."""
    reference: AlloyReference
    """Relaxed crystals and compounds of the method that labelled the data."""
    mixtures: Sequence[RelaxedCompound]
    """Random alloys that it relaxed."""
    compounds: CompoundsSpec
    seed: int
    """Root of all random streams, each derived from it by name."""


def validate_alloy(
    subject: NamedDataset,
    holdout: NamedDataset | None,
    runs: Sequence[LabelledRun],
    spec: ValidateSpec,
    plan: AlloyPlan,
    *,
    tasks: Tasks | None = None,
    progress: Progress | None = None,
) -> ValidationReport:
    """Retrain ``spec.members`` networks on ``subject`` and test each.

    Parameters
    ----------
    subject
        The dataset to validate. Its name is part of the random seed of the training.
    holdout
        Configurations of the same elements on which nothing was trained, or None.
    runs
        The same configurations, run by run.
    tasks
        Where networks train; None: here.

    Raises
    ------
    InputError
        where the holdout is of other elements, or shares configurations with the dataset.
    """
    if holdout is not None:
        require_independent(subject, holdout)
    seed = derive(plan.seed, "validate", subject.name)
    ensemble = retrain(subject.dataset, plan.settings, spec.members, seed, tasks=tasks, progress=progress)
    tested = concatenate([run.configurations for run in runs]) if runs else None
    errors = [] if tested is None else [evaluate(ensemble.member(m), tested) for m in range(spec.members)]
    means = mean_errors(errors, MEANS)
    alloy = compare_alloy(ensemble, plan.reference, runs, plan.compounds, spec.tie, plan.mixtures, progress=progress)
    rank_ok = [all(ok[m] for ok in alloy.rank_ok.values()) for m in range(spec.members)]
    ground_ok = [all(ok[m] for ok in alloy.ground_state_ok.values()) for m in range(spec.members)]
    largest = alloy.crystal_error
    findings = Findings(
        members=spec.members,
        rank_ok=sum(rank_ok),
        ground_state_ok=sum(ground_ok),
        mae=means["mae_meV_per_atom"] / MEV if "mae_meV_per_atom" in means else None,
        crystal_error=None if largest is None else largest / MEV,
    )
    gates = (*evaluate_gates(spec.gates, findings), *compound_gates(plan.compounds.gates, alloy))
    return ValidationReport(
        dataset=subject.name,
        fingerprint=fingerprint(subject.dataset),
        element=subject.element,
        training_configurations=len(training_rows(subject.dataset)),
        holdout=None if holdout is None else holdout.name,
        rank_ok=all(rank_ok),
        ground_state_ok=all(ground_ok),
        kendall_tau=None,
        largest_crystal_error_meV=largest,
        alloy=alloy,
        passed=all(gate.ok is not False for gate in gates),
        gates=gates,
        members=tuple(
            MemberReport(
                member=m,
                rank_ok=rank_ok[m],
                ground_state_ok=ground_ok[m],
                kendall_tau=None,
                mae_meV_per_atom=errors[m].mae_meV_per_atom if errors else None,
                structures={},
                published_hcp=None,
            )
            for m in range(spec.members)
        ),
        **means,
    )


def compound_gates(gates: CompoundGates, alloy: AlloyReport) -> tuple[GateReport, ...]:
    """The gates on compounds that are switched on, each with a plain sentence."""
    reports = []
    if gates.formation_energy is not None:
        limit, error = gates.formation_energy * MEV, alloy.formation_error
        what = "largest error of a formation energy"
        if not any(compound.gated for compound in alloy.compounds):
            message, ok = f"{what}: not tested (the method holds none of the gated compounds)", None
        elif error is None:
            message, ok = f"{what}: unknown (a network has no minimum for a compound)", False
        else:
            ok = error <= limit
            message = f"{what} is {error:.2f} meV/atom, {'within' if ok else 'above'} the gate of {limit:g}"
        reports.append(GateReport(name="formation_energy", ok=ok, message=message))
    if gates.hull:
        right, networks = sum(alloy.hull_ok), len(alloy.hull_ok)
        message = f"{right} of {networks} networks have the vertices of the reference's convex hull"
        reports.append(GateReport(name="hull", ok=right == networks, message=message))
    return tuple(reports)
