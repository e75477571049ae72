"""What the commands do, as functions over datasets in memory: no project is needed, and nothing is written.

Settings are those of the project in which a dataset lies, or else those that come with the package. ``params`` replaces
them: a path to another params.yaml, or a mapping of the settings that shall differ, laid out as in that file.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from foundational.dataset import Dataset
from foundational.inputs import (
    Changes,
    distillation_of,
    origin_of,
    params_of,
    result_of,
    root_of,
    structures_named,
    volume_of,
    with_extras,
    with_name,
)

if TYPE_CHECKING:
    from foundational.evaluation.errors import ModelErrors
    from foundational.evaluation.validation_report import ValidationReport
    from foundational.model import Model
    from foundational.progress import Progress


@with_extras
def translate(
    dataset: Dataset,
    to: str,
    *,
    labeller: str | None = None,
    rule: str | None = None,
    crystals: Sequence[str] | None = None,
    name: str | None = None,
    params: Changes = None,
    progress: "Progress | None" = None,
) -> Dataset:
    """A dataset of another metal: the cells scaled, the configurations relabelled.

    Parameters
    ----------
    dataset
        The parent.
    to
        Chemical symbol of the other metal.
    labeller
        What computes the new labels, such as ``lammps:CuTa``; by default the default potential of the metal.
    rule
        The length that is matched: ``volume``, ``lattice``, ``nearest-neighbour`` or ``virial``.
    crystals
        Crystals of which transformed copies are added, such as ``("bcc", "hcp")``; ``()`` adds none.
    name
        Of the result; by default ``local/`` and the metal in lower case.

    Raises
    ------
    InputError
        The parent is of that metal already, or was labelled by an ASE calculator.
    NotFoundError
        There is no potential for the metal.
    MissingDependencyError
        The extra ``sampling`` or ``ani`` is not installed.
    """
    from foundational.engines.crystals.references import reference_crystals
    from foundational.labelling.catalogue import labeller_named
    from foundational.labelling.records import labeller_of, labeller_record
    from foundational.labelling.session import LabellingSession
    from foundational.stages.translate.command import Transfer, require_translatable, translation_plan
    from foundational.stages.translate.length_scale import References
    from foundational.stages.translate.stage import translate as translate_stage
    from foundational.workspace.runner import StageOutput, record_of

    settings, parent, root = params_of(dataset, params), origin_of(dataset), root_of(dataset)
    require_translatable(parent, to)
    transfer = Transfer(rule, None if crystals is None else structures_named(crystals))
    plan = translation_plan(settings, to, transfer)
    session = LabellingSession(labeller_named(labeller or "lammps", root, element=to), progress=progress)
    references = References(
        parent=reference_crystals(labeller_of(parent.labeller, root), parent.element),
        target=reference_crystals(session.labeller, to, session=session),
    )
    result = translate_stage(plan, dataset.xarray, references, session)
    spec = plan.record(session.id)
    output = StageOutput(result.dataset, to, labeller_record(session.labeller, to), result.details.record())
    name = name or f"local/{to.lower()}"
    return result_of(dataset, record_of(name, "translate", spec, settings.seed, (parent,), output), output)


@with_extras
def relabel(
    dataset: Dataset,
    labeller: str,
    *,
    arguments: Mapping[str, Any] | None = None,
    crystals: Sequence[str] = (),
    name: str | None = None,
    params: Changes = None,
    progress: "Progress | None" = None,
) -> Dataset:
    """The same configurations with labels of another method.

    Parameters
    ----------
    labeller
        ``lammps:<potential>``, ``sevennet``, ``chgnet``, ``diep``, or ``ase:<module>:<factory>``, which runs that code.
    arguments
        Keyword arguments of the factory, of JSON's types.
    crystals
        Crystals of which transformed copies are added.
    name
        Of the result; by default ``local/relabelled``.

    Raises
    ------
    InputError, NotFoundError
        There is no such labeller, or it does not suit the dataset.
    MissingDependencyError
        A package that the labeller needs is not installed.
    """
    from foundational.labelling.catalogue import labeller_named
    from foundational.labelling.records import labeller_record
    from foundational.labelling.session import LabellingSession
    from foundational.stages.relabel.stage import RelabelPlan
    from foundational.stages.relabel.stage import relabel as relabel_stage
    from foundational.workspace.runner import StageOutput, record_of

    settings, parent = params_of(dataset, params), origin_of(dataset)
    chosen = settings.translate
    plan = RelabelPlan(chosen.guard.maximum_energy, structures_named(crystals), chosen.crystal_majority)
    session = LabellingSession(
        labeller_named(labeller, root_of(dataset), arguments, element=parent.element), progress=progress
    )
    result = relabel_stage(plan, dataset.xarray, session)
    spec: dict[str, Any] = {"labeller": session.id, "maximum_energy": plan.maximum_energy}
    if plan.crystals:
        spec["crystals"] = list(plan.crystals)
    method = labeller_record(session.labeller, parent.element)
    output = StageOutput(result.dataset, parent.element, method, result.details())
    name = name or "local/relabelled"
    return result_of(dataset, record_of(name, "relabel", spec, settings.seed, (parent,), output), output)


@with_extras
def validate(
    dataset: Dataset,
    holdout: Dataset | None = None,
    *,
    members: int | None = None,
    labeller: str | None = None,
    params: Changes = None,
    progress: "Progress | None" = None,
) -> "ValidationReport":
    """Retrain networks on a dataset; test them on a holdout and on the energy ranking of FCC, BCC and HCP.

    Parameters
    ----------
    holdout
        Configurations of the same metal on which nothing was trained; without them that gate is not tested.
    members
        Networks to train; by default those of params.yaml.
    labeller
        The labeller of the dataset again, where it is ``ase:<module>:<factory>``: that runs code of yours.

    Returns
    -------
    ValidationReport
        Prints as a table; ``report.passed`` says whether no gate failed.

    Raises
    ------
    InputError
        The holdout is of another metal, or shares configurations with the dataset.
    MissingDependencyError
        The extra ``sampling`` or ``ani`` is not installed.
    """
    from foundational.engines.crystals.references import reference_crystals
    from foundational.evaluation.retraining import EvaluationPlan
    from foundational.labelling.catalogue import labeller_named
    from foundational.labelling.records import labeller_of
    from foundational.stages.validate.stage import validate as validate_stage

    settings, record, root = params_of(dataset, params), origin_of(dataset), root_of(dataset)
    spec = settings.validate_ if members is None else settings.validate_.model_copy(update={"members": members})
    named = None if labeller is None else labeller_named(labeller, root, element=record.element)
    plan = EvaluationPlan(
        settings=settings.ani.scaled(spec.training, volume_of(dataset)),
        reference=reference_crystals(labeller_of(record.labeller, root, named), record.element),
        tie=spec.tie,
        seed=settings.seed,
    )
    tested = None if holdout is None else with_name(holdout)
    return validate_stage(with_name(dataset), tested, spec, plan, progress=progress)


@with_extras
def distill(
    dataset: Dataset,
    frames: int,
    *,
    method: str | None = None,
    name: str = "local/distilled",
    settings: Mapping[str, Any] | None = None,
    params: Changes = None,
    progress: "Progress | None" = None,
) -> Dataset:
    """The ``frames`` most informative configurations of a dataset, in the order in which they were chosen.

    Parameters
    ----------
    dataset
        Labelled configurations to choose from.
    frames
        The budget. Where it cannot be filled, all that is not held out is selected.
    method
        ``informative``, ``active``, ``diverse``, ``random``, ``random-and-optimal``, ``farthest-point``, ``grid`` or
        ``quests``; by default that of the first set in params.yaml. docs/distillation.md compares them.
    name
        Of the result.
    settings
        Other settings of distillation, by the names of params.yaml, such as ``{"heldout": 50}``. Without it
        at most a tenth of the dataset is held out.

    Raises
    ------
    InputError
        A setting is unknown, or nothing is left except what is held out.
    MissingDependencyError
        The extra ``ani`` is not installed.
    """
    from dataclasses import asdict

    from foundational.stages.distill.candidates import fit, shortfall
    from foundational.stages.distill.stage import distill as distill_stage
    from foundational.workspace.runner import StageOutput, record_of

    chosen = params_of(dataset, params)
    parent = origin_of(dataset)
    base = distillation_of(chosen) | {"pool": parent.output.name.rpartition("/")[2]}
    stated = {"frames": frames} | dict(settings or {}) | ({} if method is None else {"method": method})
    fitted = fit(base, stated, dataset.xarray, "the settings of distillation")
    spec = fitted.spec
    ani = chosen.ani.scaled("recipe", volume_of(dataset))
    result = distill_stage(spec, ani, fitted.pool, chosen.seed, progress=progress)
    sentences = [*fitted.notes, *result.notes, *shortfall(spec, len(result.dataset["id"]))]
    details = {"rounds": [asdict(line) for line in result.rounds]} | ({"notes": sentences} if sentences else {})
    stored = {"distill": spec.model_dump(mode="json"), "ani": chosen.ani.recipe.model_dump(mode="json")}
    output = StageOutput(result.dataset, parent.element, parent.labeller, details)
    return result_of(dataset, record_of(name, "distill", stored, chosen.seed, (parent,), output), output)


@with_extras
def train(
    dataset: Dataset,
    frames: int | None = None,
    *,
    random: bool = False,
    seed: int = 0,
    settings: str = "general",
    device: str = "cpu",
    params: Changes = None,
    progress: "Progress | None" = None,
) -> "Model":
    """An ensemble of ANI networks, trained on the training split of a dataset; an ASE calculator.

    Parameters
    ----------
    frames
        Configurations of that split: the first that were chosen, or drawn at ``random``; None: all.
    seed
        Of the draw, the first weights and the order of configurations.
    settings
        ``recipe``, or ``published`` for those of arXiv 2311.05407.
    device
        ``cpu``, or a device of torch such as ``cuda``.

    Raises
    ------
    InputError
        The dataset has fewer configurations, the settings are unknown, or this machine has no such device.
    MissingDependencyError
        The extra ``ani`` is not installed.
    """
    from foundational.model import Model
    from foundational.specs.ani import settings_named
    from foundational.stages.train.stage import TrainOptions, train_on

    volume_of(dataset)
    options = TrainOptions(frames, random, seed, settings_named(settings), device=device)
    from foundational.labelling.records import pair_labeller

    asked = pair_labeller(origin_of(dataset).labeller, root_of(dataset))
    return Model(train_on(with_name(dataset), params_of(dataset, params).ani, options, asked, progress=progress))


@with_extras
def evaluate(model: "Model", dataset: Dataset, *, progress: "Progress | None" = None) -> "ModelErrors":
    """Errors of energy, forces and stress of a model on a dataset on which it was not trained.

    Raises
    ------
    InputError
        The dataset has no labels, or an element that the model lacks.
    """
    from foundational.evaluation.errors import evaluate as evaluate_on

    return evaluate_on(model.ensemble, dataset.xarray, progress=progress)


@with_extras
def load_model(path: str | PathLike[str]) -> "Model":
    """The model in a file that ``Model.save`` or ``foundational train`` wrote; NotFoundError where there is none."""
    from foundational.model import Model

    return Model.load(path)
