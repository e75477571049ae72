"""``foundational validate``: find a dataset, its holdout and its reference method, validate, keep the report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_numbers

from foundational.data.batches import to_configurations
from foundational.data.labeller import Labeller
from foundational.data.named import NamedDataset
from foundational.elements import symbols_in
from foundational.engines.crystals.references import ReferenceCrystals, reference_crystals
from foundational.errors import InputError
from foundational.evaluation.alloys.frames import LabelledRun, relaxed_mixtures
from foundational.evaluation.alloys.reference import alloy_reference
from foundational.evaluation.retraining import EvaluationPlan, volume_per_atom
from foundational.evaluation.validation_report import ReferenceReport, ValidationReport
from foundational.execution.tasks import HERE, Execution
from foundational.labelling.catalogue import labeller_named
from foundational.labelling.records import labeller_of
from foundational.progress import Progress
from foundational.project import find_dataset
from foundational.provenance.opened import open_recorded
from foundational.provenance.record import ProvenanceRecord, read_record
from foundational.seeds import derive
from foundational.specs.ani import AniSpec
from foundational.specs.materials import PropertyName
from foundational.specs.params import Params, read_params
from foundational.specs.validate import ValidateSpec
from foundational.stages.validate.alloys import AlloyPlan, validate_alloy
from foundational.stages.validate.stage import validate
from foundational.stages.validate.without_crystals import validate_without_crystals
from foundational.workspace.holdouts import holdout_for, named_holdout
from foundational.workspace.references import read_reference
from foundational.workspace.validations import write_validation


@dataclass(frozen=True)
class ValidateOptions:
    """The choices of ``foundational validate``."""

    members: int | None = None
    """Networks to train; None: what params.yaml says."""
    labeller: str | None = None
    """The labeller of the record again, where it is one that runs the user's code; of labels from a file, the method
    that gave them. Without it a set from a file is tested on configurations alone, and on no crystals."""
    arguments: Mapping[str, Any] | None = None
    """Of that labeller."""
    holdout: str | None = None
    """The dataset to test on; None: the one that params.yaml names, or any of the same element and labeller."""
    properties: tuple[PropertyName, ...] | None = None
    """Properties of crystals to compute; None: those of params.yaml; empty: none."""
    full_relaxations: bool = True
    """Also relax crystals with atoms and cell free, which takes longer than all else and is never gated."""
    write: bool = False
    """Keep the report as a metric of DVC."""
    execution: Execution = HERE
    """Where networks train."""


def validate_dataset(
    root: Path, name: str, options: ValidateOptions | None = None, *, progress: Progress | None = None
) -> ValidationReport:
    """Validate the dataset ``name`` from its stored bytes.

    Raises
    ------
    NotFoundError
        where there is no such dataset or holdout.
    ConflictError, InputError
        where the holdout is of another element or method, or shares configurations with the dataset; or properties are
        asked for, and params.yaml has no limits for them.
    """
    chosen = options or ValidateOptions()
    folder = find_dataset(root, name)
    dataset, record = open_recorded(folder)
    report = validate_opened(root, NamedDataset(name, dataset), record, chosen, progress=progress)
    if chosen.write:
        write_validation(root, report)
    return report


def validate_opened(
    root: Path,
    subject: NamedDataset,
    record: ProvenanceRecord,
    chosen: ValidateOptions,
    *,
    progress: Progress | None = None,
) -> ValidationReport:
    """Validate a dataset that is open; see `validate_dataset`. Nothing is written.

    Parameters
    ----------
    subject
        Its name is part of the random seed of the training, and decides the holdout.
    record
        How it came to be.
    """
    params = read_params(root / "params.yaml")
    spec = _of_dataset(_with_options(params.validate_, chosen), subject.name)
    named = None
    if chosen.labeller is not None:
        named = labeller_named(chosen.labeller, root, chosen.arguments, element=record.element)
    settings = params.ani.scaled(spec.training, volume_per_atom(subject.dataset))
    if chosen.holdout is None:
        holdout = holdout_for(root, params, subject.name, record)
    else:
        holdout = named_holdout(root, chosen.holdout, record)
    from_file = record.labeller.id.startswith("file:")
    with chosen.execution.tasks(root / "build", f"validate-{subject.name}") as tasks:
        if (why := _without_crystals(record, named, params)) is not None:
            return validate_without_crystals(
                subject, holdout, spec, settings, params.seed, why, tasks=tasks, progress=progress
            )
        if subject.name in params.validate_.references:
            every = chosen.properties is None
            spec, reference, stored = _stored_reference(root, spec, subject.name, record, every=every)
            plan = EvaluationPlan(settings=settings, reference=reference, tie=spec.tie, seed=params.seed)
            report = validate(subject, holdout, spec, plan, tasks=tasks, progress=progress)
            return report.model_copy(update={"reference": stored})
        labeller = named if from_file and named is not None else labeller_of(record.labeller, root, named)
        if record.element in atomic_numbers:
            plan = EvaluationPlan(
                settings=settings,
                reference=reference_crystals(labeller, record.element),
                tie=spec.tie,
                seed=params.seed,
            )
            return validate(subject, holdout, spec, plan, tasks=tasks, progress=progress)
        alloy = _alloy_plan(params, record, labeller, settings)
        runs = _runs(root, holdout)
        return validate_alloy(subject, holdout, runs, spec, alloy, tasks=tasks, progress=progress)


def _with_options(spec: ValidateSpec, options: ValidateOptions) -> ValidateSpec:
    changes: dict[str, Any] = {}
    if options.members is not None:
        changes["members"] = options.members
    if not options.full_relaxations:
        changes["full_steps"] = 0
    if options.properties is not None:
        if spec.materials is None and options.properties:
            raise InputError("expected the section validate.materials in params.yaml with limits of properties")
        if spec.materials is not None:
            changes["materials"] = spec.materials.model_copy(update={"properties": options.properties})
    return spec.model_copy(update=changes)


def _stored_reference(
    root: Path, spec: ValidateSpec, name: str, record: ProvenanceRecord, *, every: bool
) -> tuple[ValidateSpec, ReferenceCrystals, ReferenceReport]:
    """What is stored for comparing networks with, and the specification that suits it.

    With ``every`` the properties that are stored are compared, in place of those of params.yaml. No full relaxation is
    made.
    """
    stored, named = read_reference(root, name, record.labeller)
    changes: dict[str, Any] = {"full_steps": 0}
    if every and spec.materials is not None and spec.materials.properties:
        changes["materials"] = spec.materials.model_copy(update={"properties": tuple(stored.properties)})
    return spec.model_copy(update=changes), stored.reference(), named


def _of_dataset(spec: ValidateSpec, name: str) -> ValidateSpec:
    """``spec`` with the limits and gates that it states for the dataset ``name``."""
    planned = spec.datasets.get(name)
    if planned is None:
        return spec
    changes: dict[str, Any] = {}
    if planned.mae is not None:
        changes["gates"] = spec.gates.model_copy(update={"mae": planned.mae})
    if spec.materials is not None:
        materials: dict[str, Any] = {"limits": {**spec.materials.limits, **planned.limits}}
        if planned.gate is not None:
            materials["gate"] = planned.gate
        changes["materials"] = spec.materials.model_copy(update=materials)
    return spec.model_copy(update=changes)


def _alloy_plan(params: Params, record: ProvenanceRecord, labeller: Labeller, settings: AniSpec) -> AlloyPlan:
    """Compounds and random alloys by the labeller of a set of several elements."""
    assert params.compounds is not None
    assert params.translate.metals is not None
    reference = alloy_reference(labeller, symbols_in(record.element))
    seed = derive(params.seed, "mixing", record.element)
    mixtures = relaxed_mixtures(reference, params.compounds.mixing, params.translate.metals.test, seed)
    return AlloyPlan(settings, reference, mixtures, params.compounds, params.seed)


def _runs(root: Path, holdout: NamedDataset | None) -> list[LabelledRun]:
    """The runs of a holdout, as its record tells them apart; one of unknown phase where it does not."""
    if holdout is None:
        return []
    batch = to_configurations(holdout.dataset)
    runs = read_record(find_dataset(root, holdout.name)).details.get("runs")
    if not runs:
        return [LabelledRun("unknown", batch, None)]
    walker = holdout.dataset["walker"].to_numpy()
    return [
        LabelledRun(run["phase"], batch.take(np.flatnonzero(walker == k)), run["temperature_K"])
        for k, run in enumerate(runs)
    ]


def _without_crystals(record: ProvenanceRecord, named: Labeller | None, params: Params) -> str | None:
    """Why no crystals can be compared; None where they can."""
    if record.element not in atomic_numbers:
        several = f"the set has several elements, {record.element}"
        if params.compounds is None or params.translate.metals is None:
            return f"{several}, and params.yaml has no section compounds"
        if named is None and not record.labeller.id.startswith("lammps:"):
            return f"{several}, and no --labeller is named"
    if record.labeller.id.startswith("file:") and named is None:
        return f"the labels come from {record.labeller.id.removeprefix('file:')}, and no --labeller is named"
    return None
