"""Validation: retrain on the stored bytes, test on a holdout, compare FCC, BCC and HCP with the reference."""

from collections.abc import Iterator

import numpy as np

from foundational.data.batches import to_configurations
from foundational.data.fingerprint import fingerprint, hexadecimal
from foundational.data.named import NamedDataset
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.crystals.relaxation import relax_fully
from foundational.errors import InputError
from foundational.evaluation.crystals import ComparedCrystal, MemberCrystals, compare_crystals
from foundational.evaluation.errors import ModelErrors, evaluate, mean_errors
from foundational.evaluation.materials.comparison import compare_materials
from foundational.evaluation.retraining import EvaluationPlan, retrain, training_rows, with_short_range
from foundational.evaluation.validation_report import FullReport, MemberReport, StructureReport, ValidationReport
from foundational.execution.tasks import Tasks
from foundational.progress import Progress, stage
from foundational.science.crystals import Structure
from foundational.seeds import derive
from foundational.specs.validate import ValidateSpec
from foundational.stages.validate.gates import Findings, evaluate_gates, properties_gate
from foundational.units import MEV

#: Errors that the report has as means over networks.
MEANS = (
    "mae_meV_per_atom",
    "mae_shifted_meV_per_atom",
    "rmse_meV_per_atom",
    "p99_meV_per_atom",
    "max_meV_per_atom",
    "force_mae_meV_per_A",
    "force_rmse_meV_per_A",
)


def validate(
    subject: NamedDataset,
    holdout: NamedDataset | None,
    spec: ValidateSpec,
    plan: EvaluationPlan,
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
        Configurations of the same element on which nothing was trained, or None where the element has none.
    spec
        How many networks, and the gates.
    plan
        Settings, scaled to the metal; the relaxed crystals of the method that labelled the dataset; the root seed.
    tasks
        Where networks train; None: here.

    Raises
    ------
    InputError
        where the holdout is of another element, or shares configurations with the dataset.
    """
    if holdout is not None:
        require_independent(subject, holdout)
    seed = derive(plan.seed, "validate", subject.name)
    trained = to_configurations(subject.dataset).take(training_rows(subject.dataset))
    tests = "errors on the holdout" if holdout is not None else "crystals"
    training = stage(progress, "training", tests)
    ensemble = retrain(subject.dataset, plan.settings, spec.members, seed, tasks=tasks, progress=training)
    labeller = plan.reference.labeller
    ensemble = with_short_range(ensemble, trained, None if labeller.expensive else labeller)
    errors: list[ModelErrors] = []
    if holdout is not None:
        tested = to_configurations(holdout.dataset)
        errors = [
            evaluate(ensemble.member(m), tested)
            for m in _counted(spec.members, stage(progress, "errors on the holdout", "crystals"))
        ]
    properties = spec.materials is not None and bool(spec.materials.properties)
    relaxing = stage(progress, "crystals", "properties" if properties else None)
    crystals = compare_crystals(ensemble, plan.reference, plan.tie)
    members = [
        _member(m, ensemble.member(m), crystals.members[m], errors[m] if errors else None, spec, plan)
        for m in _counted(len(crystals.members), relaxing)
    ]
    means = mean_errors(errors, MEANS)
    largest = _largest_error(crystals.members)
    taus = [m.kendall_tau for m in members if m.kendall_tau is not None]
    findings = Findings(
        members=spec.members,
        rank_ok=sum(bool(m.rank_ok) for m in members),
        ground_state_ok=sum(bool(m.ground_state_ok) for m in members),
        mae=means["mae_meV_per_atom"] / MEV if "mae_meV_per_atom" in means else None,
        crystal_error=largest,
    )
    materials = None
    if spec.materials is not None and spec.materials.properties:
        reporting = stage(progress, "properties")
        materials = compare_materials(ensemble, plan.reference, spec.materials, trained=trained, progress=reporting)
    gates = evaluate_gates(spec.gates, findings)
    if materials is not None and spec.materials is not None and spec.materials.gate:
        gates = (*gates, properties_gate(materials))
    return ValidationReport(
        dataset=subject.name,
        fingerprint=fingerprint(subject.dataset),
        element=subject.element,
        training_configurations=len(training_rows(subject.dataset)),
        holdout=None if holdout is None else holdout.name,
        rank_ok=findings.rank_ok == spec.members,
        ground_state_ok=findings.ground_state_ok == spec.members,
        kendall_tau=float(np.mean(taus)) if taus else None,
        largest_crystal_error_meV=None if largest is None else largest * MEV,
        materials=materials,
        passed=all(gate.ok is not False for gate in gates),
        gates=gates,
        members=tuple(members),
        **means,
    )


def _counted(count: int, progress: Progress | None) -> Iterator[int]:
    """0 to ``count`` − 1, each reported as a network that is tested."""
    for number in range(count):
        if progress is not None:
            progress(number, count, f"network {number}")
        yield number


def require_independent(subject: NamedDataset, holdout: NamedDataset) -> None:
    """Refuse a holdout on which networks trained on ``subject`` cannot be tested."""
    if holdout.element != subject.element:
        raise InputError(f"expected a holdout of {subject.element}, got one of {holdout.element}")
    shared = set(hexadecimal(subject.dataset["id"].to_numpy())).intersection(
        hexadecimal(holdout.dataset["id"].to_numpy())
    )
    if shared:
        raise InputError(
            f"expected a holdout without configurations of {subject.name!r}, "
            f"got {holdout.name!r}, which shares {len(shared):,} ids with it; test on other configurations"
        )


def _largest_error(members: tuple[MemberCrystals, ...]) -> float | None:
    """The largest error of a relaxed crystal, eV/atom; None where a crystal has no minimum."""
    errors = [crystal.energy_error for member in members for crystal in member.isotropic.values()]
    known = [abs(error) for error in errors if error is not None]
    return max(known) if len(known) == len(errors) else None


def _member(
    index: int,
    network: Ensemble,
    crystals: MemberCrystals,
    errors: ModelErrors | None,
    spec: ValidateSpec,
    plan: EvaluationPlan,
) -> MemberReport:
    order = crystals.order
    return MemberReport(
        member=index,
        rank_ok=crystals.rank_ok,
        ground_state_ok=order is not None and order.ground_state_ok,
        kendall_tau=None if order is None else order.kendall_tau,
        mae_meV_per_atom=None if errors is None else errors.mae_meV_per_atom,
        structures={
            name: _structure(crystal, _full(network, name, crystal, spec, plan))
            for name, crystal in crystals.isotropic.items()
        },
        published_hcp=None if crystals.published_hcp is None else _structure(crystals.published_hcp, None),
    )


def _full(
    network: Ensemble, name: Structure, crystal: ComparedCrystal, spec: ValidateSpec, plan: EvaluationPlan
) -> FullReport | None:
    """The crystal relaxed with atoms and cell free; None without a minimum to start from, or where not asked for."""
    if crystal.relaxed is None or spec.full_steps == 0:
        return None
    reference = plan.reference
    relaxed = relax_fully(
        network,
        crystal.relaxed.crystal,
        reference.element,
        seed=plan.seed,
        rattle=spec.rattle,
        max_steps=spec.full_steps,
    )
    expected = reference.relaxed_fully(spec.rattle, plan.seed)[name]
    return FullReport(
        energy_per_atom=relaxed.energy_per_atom,
        reference_energy_per_atom=expected.energy_per_atom,
        nearest_neighbour_distance=relaxed.bond,
        structure=relaxed.structure,
        reference_structure=expected.structure,
        converged=relaxed.converged,
    )


def _structure(crystal: ComparedCrystal, full: FullReport | None) -> StructureReport:
    relaxed, expected = crystal.relaxed, crystal.reference
    return StructureReport(
        atoms=len(expected.crystal),
        energy_per_atom=None if relaxed is None else relaxed.energy_per_atom,
        reference_energy_per_atom=expected.energy_per_atom,
        error_meV=crystal.energy_error_meV,
        nearest_neighbour_distance=None if relaxed is None else relaxed.bond,
        reference_nearest_neighbour_distance=expected.bond,
        full=full,
    )
