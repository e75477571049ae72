"""``foundational metal`` and ``foundational parity``: find what a project has, evaluate, keep the reports."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from foundational.data.named import NamedDataset
from foundational.data.store import open_store
from foundational.engines.crystals.references import reference_crystals
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import ConflictError, InputError, NotFoundError, did_you_mean
from foundational.evaluation.retraining import EvaluationPlan
from foundational.labelling.records import labeller_of
from foundational.labelling.session import LabellingSession
from foundational.progress import Progress
from foundational.project import STORE, find_dataset
from foundational.provenance.record import read_record, write_json
from foundational.science.crystals import Structure
from foundational.seeds import derive
from foundational.specs.params import Params, read_params
from foundational.specs.parsing import parse
from foundational.specs.translate import MetalsSpec
from foundational.stages.survey.pool_test import PoolTestReport, evaluate_on_pool
from foundational.stages.survey.stage import MetalReport, evaluate_translation, sample_test_frames
from foundational.stages.translate.command import rule_named, short_run
from foundational.stages.translate.length_scale import length_scale
from foundational.stages.translate.refine import refine
from foundational.stages.translate.stage import translate, turned_counts
from foundational.workspace.pools import open_pool

#: Folders of the reports, below the project's root.
METALS, POOL_TESTS = Path("metrics") / "translate", Path("metrics") / "parity"


@dataclass(frozen=True)
class Variation:
    """What differs from params.yaml in one translation of the survey; such a report is not stored."""

    rule: str | None = None
    """The length that is matched; None: that of params.yaml."""
    crystals: Sequence[Structure] | None = None
    """Crystals of transformed copies; None: those of params.yaml."""
    refine_by: int = 0
    """Configurations of the target to add."""
    refine_from: str | None = None
    """The pool to take them from; None: a short MOMT run."""


def survey_spec(params: Params) -> MetalsSpec:
    """The section ``translate.metals`` of params.yaml.

    Raises
    ------
    NotFoundError
        where there is none.
    """
    if params.translate.metals is None:
        raise NotFoundError("params.yaml has no section translate.metals, which names the metals of the survey")
    return params.translate.metals


def survey_metal(
    root: Path,
    element: str,
    *,
    variation: Variation | None = None,
    workers: int = 1,
    write: bool = False,
    progress: Progress | None = None,
) -> MetalReport:
    """Translate the parent of ``translate.metals`` to ``element``, train networks on the set and test them.

    Parameters
    ----------
    workers
        Processes of the short MOMT run, where one is sampled.
    write
        Keep the report as ``metrics/translate/<element>.json``.

    Raises
    ------
    NotFoundError
        where params.yaml does not name the metal.
    InputError
        where a report that differs from params.yaml is to be written.
    """
    change = variation or Variation()
    params = read_params(root / "params.yaml")
    spec = survey_spec(params)
    if element not in spec.potentials:
        raise NotFoundError(f"no metal {element!r} in translate.metals; {did_you_mean(element, spec.potentials)}")
    rule = spec.rule if change.rule is None else rule_named(change.rule)
    crystals = params.translate.crystals if change.crystals is None else tuple(change.crystals)
    if write and (rule, crystals, change.refine_by) != (spec.rule, params.translate.crystals, 0):
        raise InputError(
            f"expected rule and crystals of params.yaml, and no added configurations, in a report that is written; "
            f"got {rule}, {crystals}, {change.refine_by} added"
        )
    folder = find_dataset(root, spec.parent)
    parent, record = open_store(folder / STORE).load(), read_record(folder)
    potential = potential_for(element, root, spec.potentials[element])
    labeller = LammpsLabeller(potential)
    parent_reference = reference_crystals(labeller_of(record.labeller, root), record.element)
    reference = reference_crystals(labeller, element)
    volume = reference.ground_volume
    session = LabellingSession(labeller, progress=progress)
    scale = length_scale(rule, parent, parent_reference, reference, labeller)
    translation = translate(parent, element, scale, params.translate.guard, session, crystals=crystals)
    dataset = translation.dataset
    if change.refine_by:
        pool, _ = open_pool(root, change.refine_from or short_run(root, element, potential.id, workers, progress))
        ani, seed = params.ani.scaled("recipe", volume), derive(params.seed, "metal", element, "refine")
        dataset = refine(dataset, pool, change.refine_by, session, ani, seed).dataset
    plan = EvaluationPlan(
        params.ani.scaled(params.validate_.training, volume), reference, params.validate_.tie, params.seed
    )
    frames = sample_test_frames(spec.test, potential, reference, derive(params.seed, "metal", element))
    report = MetalReport(
        potential=potential.id,
        parent=spec.parent,
        parent_fingerprint=record.output.fingerprint,
        rule=rule,
        transformed=turned_counts(translation.dataset),
        scale=scale,
        frames=dataset.sizes["configuration"],
        filtered=len(translation.filtered),
        members=spec.members,
        **vars(evaluate_translation(dataset, frames, spec, plan, progress=progress)),
    )
    if write:
        write_json(root / METALS / f"{element}.json", report.model_dump(mode="json"))
    return report


def run_pool_test(
    root: Path, name: str, pool_name: str | None = None, *, write: bool = False, progress: Progress | None = None
) -> PoolTestReport:
    """Train networks on the dataset ``name`` as validation does, and test each on a whole pool.

    Parameters
    ----------
    pool_name
        By default the one that ``translate.parity`` of params.yaml names.
    write
        Keep the report as ``metrics/parity/<name>.json``.

    Raises
    ------
    NotFoundError
        where there is no such dataset or pool, or params.yaml names none.
    ConflictError
        where the pool is of another element, or labelled by another method.
    """
    params = read_params(root / "params.yaml")
    if pool_name is None:
        planned = params.translate.parity
        if name not in planned:
            raise NotFoundError(f"no pool for {name!r} in translate.parity; name one, or {did_you_mean(name, planned)}")
        pool_name = planned[name]
    folder = find_dataset(root, name)
    dataset, record = open_store(folder / STORE).load(), read_record(folder)
    pool, pool_record = open_pool(root, pool_name)
    if (pool_record.element, pool_record.labeller.id) != (record.element, record.labeller.id):
        raise ConflictError(
            f"expected a pool of {record.element} labelled by {record.labeller.id} to test {name!r} on; "
            f"{pool_name!r} is {pool_record.element} by {pool_record.labeller.id}"
        )
    spec = params.validate_
    plan = EvaluationPlan(
        settings=params.ani.scaled(spec.training, float(dataset.attrs["volume_per_atom"])),
        reference=reference_crystals(labeller_of(record.labeller, root), record.element),
        tie=spec.tie,
        seed=params.seed,
    )
    subject, tested = NamedDataset(name, dataset), NamedDataset(pool_name, pool)
    report = evaluate_on_pool(subject, tested, spec.pool_test, spec.members, plan, progress=progress)
    if write:
        write_json(root / POOL_TESTS / f"{name}.json", report.model_dump(mode="json"))
    return report


def read_metals(root: Path) -> dict[str, MetalReport]:
    """The reports of all metals of params.yaml, in its order.

    Raises
    ------
    NotFoundError
        where one is missing.
    """
    reports = {}
    for element in survey_spec(read_params(root / "params.yaml")).potentials:
        path = root / METALS / f"{element}.json"
        if not path.is_file():
            raise NotFoundError(f"no report of {element}; compute it with: foundational metal {element} --write")
        reports[element] = parse(MetalReport, json.loads(path.read_text(encoding="utf-8")), str(path))
    return reports


def read_pool_tests(root: Path) -> list[PoolTestReport]:
    """The reports of ``translate.parity`` of params.yaml, in its order.

    Raises
    ------
    NotFoundError
        where one is missing.
    """
    reports = []
    for name in read_params(root / "params.yaml").translate.parity:
        path = root / POOL_TESTS / f"{name}.json"
        if not path.is_file():
            raise NotFoundError(f"no report of {name}; compute it with: foundational parity {name} --write")
        reports.append(parse(PoolTestReport, json.loads(path.read_text(encoding="utf-8")), str(path)))
    return reports
