"""``foundational survey run`` and ``foundational survey pool``: find what a project has, evaluate, keep the reports."""

from pathlib import Path

from foundational.data.named import NamedDataset
from foundational.engines.crystals.references import reference_crystals
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import ConflictError, InputError, NotFoundError, did_you_mean
from foundational.evaluation.retraining import EvaluationPlan
from foundational.execution.tasks import HERE, Arrays, Execution
from foundational.labelling.records import labeller_of
from foundational.labelling.session import LabellingChoice, labelling_session
from foundational.progress import Progress, stage
from foundational.project import find_dataset
from foundational.provenance.opened import open_recorded
from foundational.provenance.record import write_json
from foundational.seeds import derive
from foundational.specs.params import Params, read_params
from foundational.specs.parsing import parse, parse_json
from foundational.specs.translate import MetalsSpec
from foundational.stages.survey.pool_test import PoolTestReport, evaluate_on_pool
from foundational.stages.survey.stage import MetalReport, evaluate_translation, sample_test_frames
from foundational.stages.translate.command import Transfer, parent_reference, short_run, translation_plan
from foundational.stages.translate.length_scale import References
from foundational.stages.translate.refine import Augmentation
from foundational.stages.translate.stage import translate
from foundational.workspace.pools import open_pool
from foundational.workspace.surveys import as_arrays, survey_all

#: Folders of the reports, below the project's root.
METALS, POOL_TESTS = Path("metrics") / "translate", Path("metrics") / "parity"


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
    variation: Transfer | None = None,
    execution: Execution = HERE,
    write: bool = False,
    progress: Progress | None = None,
) -> MetalReport:
    """Translate the parent of ``translate.metals`` to ``element``, train networks on the set and test them.

    Parameters
    ----------
    execution
        Where configurations are labelled, networks train, and the short MOMT run is sampled where one is needed.
    write
        Keep the report as ``metrics/translate/<element>.json``.

    Raises
    ------
    NotFoundError
        where params.yaml does not name the metal.
    InputError
        where a report that differs from params.yaml is to be written.
    """
    change = variation or Transfer()
    params = read_params(root / "params.yaml")
    spec = survey_spec(params)
    if element not in spec.potentials:
        raise NotFoundError(f"no metal {element!r} in translate.metals; {did_you_mean(element, spec.potentials)}")
    plan = translation_plan(params, element, change, spec.rule)
    if write and (plan.rule, plan.crystals, change.refine_by) != (spec.rule, params.translate.crystals, 0):
        raise InputError(
            f"expected rule and crystals of params.yaml, and no added configurations, in a report that is written; "
            f"got {plan.rule}, {plan.crystals}, {change.refine_by} added"
        )
    folder = find_dataset(root, spec.parent)
    parent, record = open_recorded(folder)
    parent = parent.load()
    potential = potential_for(element, root, spec.potentials[element])
    labeller = LammpsLabeller(potential)
    labelling = LabellingChoice(potential=potential.id, executor=execution.executor, workers=execution.workers)
    where = labelling.plan(root / "build", stage(progress, "labelling", "training"))
    augmentation = None
    if change.refine_by:
        pool, _ = open_pool(root, change.refine_from or short_run(root, element, labelling, progress))
        seed = derive(params.seed, "metal", element, "refine")
        augmentation = Augmentation(pool, change.refine_by, params.ani, seed)
    reference = reference_crystals(labeller, element)
    references = References(parent_reference(root, record, where), reference)
    with labelling_session(labeller, element, where) as session:
        translation = translate(plan, parent, references, session, augmentation)
    dataset, details = translation.dataset, translation.details
    settings = params.ani.scaled(params.validate_.training, reference.ground_volume)
    evaluation = EvaluationPlan(settings, reference, params.validate_.tie, params.seed)
    frames = sample_test_frames(spec.test, potential, reference, derive(params.seed, "metal", element))
    with execution.tasks(root / "build", f"survey-{element}") as tasks:
        errors = evaluate_translation(dataset, frames, spec, evaluation, tasks=tasks, progress=progress)
    report = MetalReport(
        potential=potential.id,
        parent=spec.parent,
        parent_fingerprint=record.output.fingerprint,
        rule=details.rule,
        transformed=details.transformed,
        scale=details.scale,
        frames=dataset.sizes["configuration"],
        filtered=len(details.excluded),
        members=spec.members,
        **vars(errors),
    )
    if write:
        write_json(root / METALS / f"{element}.json", report.model_dump(mode="json"))
    return report


def survey_metals(
    root: Path,
    *,
    execution: Execution = HERE,
    write: bool = False,
    progress: Progress | None = None,
) -> dict[str, MetalReport]:
    """`survey_metal` of all metals of params.yaml, each a task; workers elsewhere must see the project's folder.

    Reports are kept as they come: after a kill, the same command does the other metals.

    Raises
    ------
    EngineError
        where one fails; those that were finished are kept.
    """
    spec = survey_spec(read_params(root / "params.yaml"))
    return survey_all(
        _surveyed_metal, MetalReport, root, spec, METALS, execution=execution, write=write, progress=progress
    )


def _surveyed_metal(root: Path, element: str) -> Arrays:
    return as_arrays(survey_metal(root, element))


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
    dataset, record = open_recorded(folder)
    dataset = dataset.load()
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
            raise NotFoundError(f"no report of {element}; compute it with: foundational survey run {element} --write")
        reports[element] = parse(MetalReport, parse_json(path.read_bytes(), str(path)), str(path))
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
            raise NotFoundError(f"no report of {name}; compute it with: foundational survey pool {name} --write")
        reports.append(parse(PoolTestReport, parse_json(path.read_bytes(), str(path)), str(path)))
    return reports
