"""``foundational translate --to Ni-Al``: a set of several elements from one of a single element."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from foundational.elements import NUMBERS
from foundational.engines.crystals.references import reference_crystals
from foundational.errors import InputError, did_you_mean
from foundational.labelling.records import labeller_record
from foundational.labelling.session import LabellingChoice, labelling_session
from foundational.progress import Progress, stage
from foundational.project import find_dataset
from foundational.provenance.opened import open_recorded
from foundational.provenance.record import ProvenanceRecord
from foundational.science.alloys.composition import composition_named
from foundational.science.crystals import Structure
from foundational.specs.params import Params, read_params
from foundational.specs.parsing import parse
from foundational.specs.translate import AlloySpec
from foundational.stages.decorate.stage import DecorationPlan, decorate, joined
from foundational.stages.decorate.volumes import AlloyReferences
from foundational.stages.translate.command import journal_path, parent_reference, require_translatable
from foundational.workspace.parents import Permissions, require_validated_parent
from foundational.workspace.runner import StageOutput, produce


@dataclass(frozen=True)
class AlloyChoice:
    """What a user asks of an alloy, where it differs from params.yaml."""

    rule: str | None = None
    """Of the volume by composition."""
    compositions: tuple[str, ...] = ()
    """Such as ``Ni3Al``; empty: all that the sites can hold."""
    decorations: int | None = None
    """Of each configuration."""
    orders: dict[str, float] = field(default_factory=dict)
    """Weights of the kinds of decoration; empty: those of params.yaml."""
    labels: int | None = None
    """Most configurations that are labelled."""
    choice: str | None = None
    """Method by which these are chosen."""
    most: int | None = None
    """Largest number of elements in one configuration."""
    compounds: int | None = None
    """Displaced cells of prototypes that the parent's crystals do not give; they are among the labels."""
    crystals: Sequence[Structure] | None = None
    """Crystals of transformed copies; None: those of params.yaml."""


def elements_named(text: str) -> tuple[str, ...]:
    """The elements of a target such as ``Ni-Al`` or ``Ni``, in the order given.

    Raises
    ------
    InputError
        If one of them is no chemical symbol, or occurs twice.
    """
    symbols = tuple(text.split("-"))
    for symbol in symbols:
        if symbol not in NUMBERS or symbol == "X":
            raise InputError(
                f"--to: expected a chemical symbol, or several such as Ni-Al, got {text!r}; "
                f"{did_you_mean(symbol, [s for s in NUMBERS if s != 'X'])}"
            )
    if len(set(symbols)) != len(symbols):
        raise InputError(f"--to: expected each element once, got {text!r}")
    return symbols


def in_order(symbols: Sequence[str]) -> tuple[str, ...]:
    """Elements in the order of their numbers, which decides all results."""
    return tuple(sorted(symbols, key=lambda symbol: NUMBERS[symbol]))


def translate_to_alloy(
    root: Path,
    parent_name: str,
    target: str,
    *,
    name: str | None = None,
    choice: AlloyChoice | None = None,
    labelling: LabellingChoice | None = None,
    permissions: Permissions | None = None,
    progress: Progress | None = None,
) -> ProvenanceRecord:
    """Decorate ``parent_name`` with the elements of ``target`` and store it.

    Parameters
    ----------
    target
        Symbols joined by hyphens; their order changes nothing but the default name.
    name
        ``local/<target in lower case>`` by default. A name without ``local/`` is that of a set of params.yaml, which
        then decides the parent, the elements, the potential and the number of labels.
    choice, labelling, permissions
        What differs from the defaults.

    Raises
    ------
    InputError
        If the parent has several elements, a composition is impossible, or more than half of the decorations overlap.
    NotFoundError
        If there is no such dataset, or no potential with all the elements.
    ConflictError
        If the dataset exists, or labels of an interrupted run by another labeller wait.
    GateError
        If the parent failed its own validation.
    """
    choice, labelling = choice or AlloyChoice(), labelling or LabellingChoice()
    permissions = permissions or Permissions()
    params = read_params(root / "params.yaml")
    symbols = in_order(elements_named(target))
    folder = find_dataset(root, parent_name)
    parent, parent_record = open_recorded(folder)
    require_translatable(parent_record, joined(symbols))
    name = f"local/{target.lower()}" if name is None else name
    if not name.startswith("local/"):
        choice, labelling = _planned(params, name, parent_name, symbols, labelling)
    plan = alloy_plan(params, symbols, choice)
    plan.require_compositions(parent)
    labeller = labelling.labeller_for(joined(symbols), root)
    if labeller.expensive and not choice.orders:
        plan = plan.without("short-range")
    require_validated_parent(root, parent_record, permissions.failed_parent)

    def build() -> StageOutput:
        where = labelling.plan(root / "build", stage(progress, "labelling", "storing"))
        if not labeller.expensive and labelling.executor == "local":
            where = replace(where, workers=1)  # a few thousand cheap labels cost less than the start of a process
        journal = journal_path(root, name)
        with labelling_session(labeller, joined(symbols), where, journal=journal) as session:
            references = AlloyReferences(
                parent_reference(root, parent_record, where),
                tuple(reference_crystals(labeller, symbol, session=session) for symbol in symbols),
            )
            result = decorate(plan, parent, references, session, params.ani)
        method = labeller_record(labeller, joined(symbols))
        return StageOutput(result.dataset, joined(symbols), method, result.details.record(), work_files=(journal.name,))

    spec = plan.record(labeller.id)
    return produce(root, name, "translate", spec, params.seed, (parent_record,), build, force=permissions.replace)


def alloy_plan(params: Params, symbols: tuple[str, ...], choice: AlloyChoice) -> DecorationPlan:
    """What decides a set with the elements ``symbols``, in the order of their numbers.

    Raises
    ------
    InputError
        If a rule, an order, a method or a composition is unknown or impossible.
    """
    changes: dict[str, Any] = {
        "rule": choice.rule,
        "decorations": choice.decorations,
        "orders": choice.orders or None,
        "most": choice.most,
        "compounds": choice.compounds,
    }
    values = params.alloys.settings.model_dump() | {k: v for k, v in changes.items() if v is not None}
    if choice.choice is not None:
        values["choice"] = values["choice"] | {"method": choice.choice}
    settings = parse(AlloySpec, values, "the options")
    if settings.compounds and choice.compositions:
        raise InputError("--compounds: expected no --composition, because each compound has its own; leave one out")
    if choice.labels is not None and choice.labels <= settings.compounds:
        raise InputError(
            f"--labels: expected more than {settings.compounds}, the compounds among them, got {choice.labels}"
        )
    return DecorationPlan(
        elements=symbols,
        settings=settings,
        guard=params.translate.guard,
        crystals=params.translate.crystals if choice.crystals is None else tuple(choice.crystals),
        majority=params.translate.crystal_majority,
        labels=choice.labels,
        compositions=tuple(composition_named(text, symbols) for text in choice.compositions),
        seed=params.seed,
    )


def _planned(
    params: Params,
    name: str,
    parent_name: str,
    symbols: tuple[str, ...],
    labelling: LabellingChoice,
) -> tuple[AlloyChoice, LabellingChoice]:
    """The choices of params.yaml for the set ``name``; InputError where it is another one or none."""
    planned = params.alloys.sets.get(name)
    if planned is None or planned.parent != parent_name or set(planned.elements.split("-")) != set(symbols):
        raise InputError(
            f"the name {name!r} is not that of a set of {'-'.join(symbols)} from {parent_name!r} in the section alloys "
            "of params.yaml; your own datasets are called local/<name>"
        )
    return (
        AlloyChoice(
            rule=planned.rule,
            decorations=planned.decorations,
            labels=planned.labels,
            compounds=planned.compounds,
        ),
        LabellingChoice(potential=planned.potential, executor=labelling.executor, workers=labelling.workers),
    )
