"""``foundational survey pairs``: translate the parent to a pair of elements, train, test, keep the report."""

from pathlib import Path

from foundational.elements import NUMBERS, symbols_in
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import EngineError, InputError, NotFoundError, did_you_mean
from foundational.evaluation.alloys.frames import LabelledRun, relaxed_mixtures, sample_alloy_frames
from foundational.evaluation.alloys.reference import alloy_reference
from foundational.execution.tasks import HERE, Arrays, Execution
from foundational.labelling.session import LabellingChoice, labelling_session
from foundational.progress import Progress, stage
from foundational.project import find_dataset
from foundational.provenance.opened import open_recorded
from foundational.provenance.record import write_json
from foundational.science.compounds.prototypes import PURE
from foundational.seeds import derive
from foundational.specs.compounds import PairsSpec
from foundational.specs.params import Params, read_params
from foundational.specs.parsing import parse, parse_json
from foundational.stages.decorate.command import AlloyChoice, alloy_plan
from foundational.stages.decorate.stage import decorate
from foundational.stages.decorate.volumes import AlloyReferences
from foundational.stages.pairs.stage import PairReport, evaluate_pair
from foundational.stages.translate.command import parent_reference
from foundational.workspace.surveys import as_arrays, survey_all

#: Folder of the reports, below the project's root.
PAIRS = Path("metrics") / "pairs"


def pairs_spec(params: Params) -> PairsSpec:
    """The section ``pairs`` of params.yaml.

    Raises
    ------
    NotFoundError
        where there is none.
    """
    if params.pairs is None or params.compounds is None or params.translate.metals is None:
        raise NotFoundError("params.yaml has no sections pairs, compounds and translate.metals, which the survey needs")
    return params.pairs


def survey_pair(
    root: Path, pair: str, *, execution: Execution = HERE, write: bool = False, progress: Progress | None = None
) -> PairReport:
    """Translate the parent of ``pairs`` to the elements of ``pair``, train networks on the set and test them.

    More than two elements are decorated in configurations of one and two of them, and tested with all.
    A potential or a translation that fails gives a report that says why.

    Parameters
    ----------
    pair
        Symbols joined by hyphens, as in params.yaml.
    execution
        Where configurations are labelled and networks train.
    write
        Keep the report as ``metrics/pairs/<pair>.json``.

    Raises
    ------
    NotFoundError
        where params.yaml does not name the pair, or its potential is not there.
    """
    params = read_params(root / "params.yaml")
    spec = pairs_spec(params)
    if pair not in spec.potentials:
        raise NotFoundError(f"no pair {pair!r} in the section pairs; {did_you_mean(pair, spec.potentials)}")
    try:
        report = _evaluated(root, pair, params, spec, execution, progress)
    except (EngineError, InputError) as error:
        report = PairReport(
            potential=spec.potentials[pair],
            parent=spec.parent,
            labels=None,
            filtered=None,
            members=spec.members,
            failure=str(error),
            alloy=None,
        )
    if write:
        write_json(root / PAIRS / f"{pair}.json", report.model_dump(mode="json"))
    return report


def survey_pairs(
    root: Path,
    *,
    execution: Execution = HERE,
    write: bool = False,
    progress: Progress | None = None,
) -> dict[str, PairReport]:
    """`survey_pair` of all pairs of params.yaml, each a task; workers elsewhere must see the project's folder.

    Reports are kept as they come: after a kill, the same command does the other pairs.
    """
    spec = pairs_spec(read_params(root / "params.yaml"))
    return survey_all(
        _surveyed_pair, PairReport, root, spec, PAIRS, execution=execution, write=write, progress=progress
    )


def _surveyed_pair(root: Path, pair: str) -> Arrays:
    return as_arrays(survey_pair(root, pair))


def _evaluated(
    root: Path, pair: str, params: Params, spec: PairsSpec, execution: Execution, progress: Progress | None
) -> PairReport:
    assert params.compounds is not None
    assert params.translate.metals is not None
    elements = symbols_in(pair)
    runs = params.translate.metals.test
    potential = potential_for("".join(sorted(elements)), root, spec.potentials[pair])
    labeller = LammpsLabeller(potential)
    opened, record = open_recorded(find_dataset(root, spec.parent))
    parent = opened.load()
    choice_of_labels = LabellingChoice(potential=potential.id, executor=execution.executor, workers=execution.workers)
    where = choice_of_labels.plan(root / "build", stage(progress, "labelling", "test frames"))
    seed = derive(params.seed, "pair", pair)
    several = len(elements) > 2
    prototypes = (*PURE, *params.compounds.gated) if several else None
    reference = alloy_reference(labeller, elements, prototypes=prototypes)
    most = 2 if several else None
    choice = AlloyChoice(
        labels=spec.labels, decorations=spec.decorations, choice=spec.choice, most=most, compounds=spec.compounds
    )
    plan = alloy_plan(params, tuple(sorted(elements, key=NUMBERS.__getitem__)), choice)
    with labelling_session(labeller, "".join(plan.elements), where) as session:
        known = AlloyReferences(
            parent_reference(root, record, where), tuple(reference.crystals[e] for e in plan.elements)
        )
        made = decorate(plan, parent, known, session, params.ani)
    settings = params.ani.scaled(params.validate_.training, float(made.dataset.attrs["volume_per_atom"]))
    training = settings.training.model_copy(update={"epochs": spec.epochs})
    frames: list[LabelledRun] = sample_alloy_frames(
        potential, reference, params.compounds.test, runs, seed, progress=stage(progress, "test frames", "training")
    )
    mixtures = relaxed_mixtures(reference, () if several else params.compounds.mixing, runs, seed)
    with execution.tasks(root / "build", f"survey-{pair}") as tasks:
        alloy = evaluate_pair(
            made.dataset,
            reference,
            (frames, mixtures),
            settings.model_copy(update={"training": training}),
            params.compounds,
            (spec.members, params.validate_.tie, params.seed),
            tasks=tasks,
            progress=progress,
        )
    return PairReport(
        potential=potential.id,
        parent=spec.parent,
        labels=made.dataset.sizes["configuration"],
        filtered=len(made.details.excluded),
        members=spec.members,
        failure=None,
        alloy=alloy,
    )


def read_pairs(root: Path) -> dict[str, PairReport]:
    """The reports of all pairs of params.yaml that were evaluated, in its order.

    Raises
    ------
    NotFoundError
        where there is none.
    """
    reports = {}
    for pair in pairs_spec(read_params(root / "params.yaml")).potentials:
        path = root / PAIRS / f"{pair}.json"
        if path.is_file():
            reports[pair] = parse(PairReport, parse_json(path.read_bytes(), str(path)), str(path))
    if not reports:
        raise NotFoundError("no report of a pair; compute one with: foundational survey pairs PAIR --write")
    return reports
