"""``foundational translate``: what the project has, what was asked for, and what is stored.

How a translation goes, in five calls of `stage.translate`:

1. `length_factor` compares relaxed crystals of both metals: how much longer the lengths of the target are.
2. `scale_configurations` scales the parent's cells and positions by it and changes the element.
3. `add_transformed_copies` adds copies of the crystalline ones, transformed to other crystals.
4. `label_candidates` labels them by the target's labeller and excludes what the guards refuse.
5. `add_target_configurations` adds configurations of the target where ``--refine`` asks for some.

After it `augment` adds built configurations of the target where ``--recipe`` or params.yaml asks for some.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ase.data import atomic_numbers

from foundational.elements import symbols_in
from foundational.engines.crystals.references import ReferenceCrystals, reference_crystals
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import InputError
from foundational.execution.tasks import Execution
from foundational.labelling.records import labeller_of, labeller_record
from foundational.labelling.session import LabellingChoice, LabellingPlan, labelling_session
from foundational.progress import Progress, stage
from foundational.project import find_dataset, pool_folder
from foundational.provenance.opened import open_recorded
from foundational.provenance.record import ProvenanceRecord
from foundational.science.crystals import Structure
from foundational.seeds import derive
from foundational.specs.params import Params, read_params
from foundational.specs.translate import RecipesSpec
from foundational.stages.augment.stage import augment
from foundational.stages.translate.length_scale import References, rule_named
from foundational.stages.translate.refine import Augmentation
from foundational.stages.translate.stage import TranslationPlan, translate
from foundational.workspace.parents import Permissions, require_validated_parent
from foundational.workspace.pools import MANIFEST, open_pool
from foundational.workspace.runner import StageOutput, produce


@dataclass(frozen=True)
class Transfer:
    """How configurations are brought to another metal, where it differs from params.yaml."""

    rule: str | None = None
    """The length that is matched; None: that of params.yaml."""
    crystals: Sequence[Structure] | None = None
    """Crystals of transformed copies; None: those of params.yaml."""
    refine_by: int = 0
    """At most this many configurations of the target are added, those on which the ensemble is most uncertain."""
    refine_from: str | None = None
    """The pool to take them from; None: a short MOMT run by a potential of the registry, sampled if it is missing."""
    recipes: RecipesSpec | None = None
    """Configurations of the target that are built and added; None: those of params.yaml."""


def translate_dataset(
    root: Path,
    parent_name: str,
    element: str,
    *,
    name: str | None = None,
    transfer: Transfer | None = None,
    labelling: LabellingChoice | None = None,
    permissions: Permissions | None = None,
    progress: Progress | None = None,
) -> ProvenanceRecord:
    """Translate ``parent_name`` to ``element`` and store it.

    Parameters
    ----------
    name
        ``local/<element>`` by default. A name without ``local/`` is that of a translation of params.yaml, which then
        decides the rule, the potential and the crystals.
    transfer, labelling, permissions
        What differs from the defaults.

    Raises
    ------
    InputError
        where the parent is of that element already, the rule is unknown, or the name is reserved for params.yaml.
    NotFoundError
        where there is no such dataset, element or potential.
    ConflictError
        where the dataset exists, or labels of an interrupted run by another labeller wait.
    GateError
        where the parent failed its own validation.
    """
    transfer, labelling = transfer or Transfer(), labelling or LabellingChoice()
    permissions = permissions or Permissions()
    params = read_params(root / "params.yaml")
    folder = find_dataset(root, parent_name)
    parent, parent_record = open_recorded(folder)
    require_translatable(parent_record, element)
    name = f"local/{element.lower()}" if name is None else name
    if not name.startswith("local/"):
        transfer, labelling = _planned(params, name, parent_name, element, transfer, labelling)
    plan = translation_plan(params, element, transfer)
    labeller = labelling.labeller_for(element, root)
    require_validated_parent(root, parent_record, permissions.failed_parent)
    parents: tuple[ProvenanceRecord, ...] = (parent_record,)
    augmentation = None
    if transfer.refine_by:
        pool_name = transfer.refine_from or short_run(root, element, labelling, progress)
        pool, pool_record = open_pool(root, pool_name)
        parents = (parent_record, pool_record)
        augmentation = Augmentation(pool, transfer.refine_by, params.ani, derive(params.seed, "refine", name))
    elif transfer.refine_from is not None:
        raise InputError("expected --refine with --refine-from, which says what to refine with")

    def build() -> StageOutput:
        title = "labelling" if augmentation is None else "labelling and refinement"
        where = labelling.plan(root / "build", stage(progress, title, "storing"))
        known = parent_reference(root, parent_record, where, journal=_journal(root, "reference", name))
        with labelling_session(labeller, element, where, journal=journal_path(root, name)) as session:
            references = References(known, reference_crystals(labeller, element, session=session))
            result = translate(plan, parent, references, session, augmentation)
            dataset, details = result.dataset, result.details.record()
            if transfer.recipes is not None:
                seed = derive(params.seed, "augment", name)
                added = augment(transfer.recipes, dataset, references.target, session, seed, guard=plan.guard)
                dataset, details["recipes"] = added.dataset, added.record()
        method = labeller_record(labeller, element)
        journals = (journal_path(root, name).name, _journal(root, "reference", name).name)
        return StageOutput(dataset, element, method, details, work_files=journals)

    spec = plan.record(labeller.id)
    if augmentation is not None:
        spec |= {"refine": augmentation.count, "ani": params.ani.recipe.model_dump(mode="json")}
    if transfer.recipes is not None:
        spec["recipes"] = transfer.recipes.model_dump(mode="json")
    return produce(root, name, "translate", spec, params.seed, parents, build, force=permissions.replace)


def require_translatable(parent: ProvenanceRecord, element: str) -> None:
    """Refuse a parent of that element, and one whose labeller would run code of its user's.

    Raises
    ------
    InputError
        It is one of those.
    """
    name, labeller = parent.output.name, parent.labeller.id
    if len(symbols := symbols_in(parent.element)) > 1:
        raise InputError(
            f"{name!r} has several elements, {', '.join(symbols)}; expected a parent of one element, such as ni: "
            "its configurations are translated to one element or to several"
        )
    if element == parent.element:
        raise InputError(f"{name!r} is {element} already; expected another element")
    if labeller.startswith("file:") or parent.element not in atomic_numbers:
        raise InputError(
            f"{name!r} has labels of {parent.element} from {labeller}, and a translation needs relaxed crystals by the "
            f"method of its parent; label it by such a method first: foundational relabel {name} local/NAME "
            "--labeller lammps:POTENTIAL"
        )
    if labeller.startswith("ase:"):
        raise InputError(
            f"{name!r} was labelled by {labeller}, which must relax the parent's crystals and is not run unasked; "
            "translate a set that a potential labelled, then relabel it"
        )


def _planned(
    params: Params, name: str, parent_name: str, element: str, transfer: Transfer, labelling: LabellingChoice
) -> tuple[Transfer, LabellingChoice]:
    """The choices of params.yaml for the translation ``name``; InputError where it is another one or none."""
    planned = params.translate.sets.get(name)
    if planned is None or (planned.parent, planned.element) != (parent_name, element):
        raise InputError(
            f"the name {name!r} is not that of a translation of {parent_name!r} to {element} in params.yaml; "
            f"your own datasets are called local/<name>"
        )
    if transfer != Transfer() or labelling.potential is not None or labelling.labeller is not None:
        raise InputError(
            f"{name!r} is defined in params.yaml, which states its rule, potential, crystals and recipes; name your "
            "own sets local/<name>"
        )
    return (
        replace(transfer, rule=planned.rule, recipes=planned.recipes),
        replace(labelling, potential=planned.potential),
    )


def translation_plan(params: Params, element: str, transfer: Transfer, rule: str | None = None) -> TranslationPlan:
    """What decides a translation to ``element``; ``rule`` is that of params.yaml unless it is the default rule.

    Raises
    ------
    InputError
        where the rule is unknown.
    """
    if len(symbols_in(element)) > 1:
        raise InputError(f"expected one target element, got {element}; several: foundational translate --to Ni-Al")
    spec = params.translate
    return TranslationPlan(
        element=element,
        rule=rule_named(transfer.rule or rule or spec.default_rule),
        guard=spec.guard,
        crystals=spec.crystals if transfer.crystals is None else tuple(transfer.crystals),
        majority=spec.crystal_majority,
    )


def parent_reference(
    root: Path, parent: ProvenanceRecord, plan: LabellingPlan, *, journal: Path | None = None
) -> ReferenceCrystals:
    """Relaxed crystals of a parent by the labeller of its record.

    Raises
    ------
    InputError
        where that labeller runs code of its own.
    """
    labeller = labeller_of(parent.labeller, root)
    own = plan if labeller.expensive else LabellingPlan(plan.work)  # cheap labels need no other process
    with labelling_session(labeller, parent.element, own, journal=journal) as session:
        return reference_crystals(labeller, parent.element, session=session)


def short_run(root: Path, element: str, labelling: LabellingChoice, progress: Progress | None) -> str:
    """The pool of a short MOMT run of ``element``, sampled where it is missing."""
    from foundational.stages.sample.command import sample_element  # noqa: PLC0415 - only refinement samples

    name = f"local-{element.lower()}-short"
    if not (pool_folder(root, name) / MANIFEST).exists():
        potential = potential_for(element, root, labelling.potential)
        # MOMT has no order parameter for HCP; its run of FCC holds both close packings, and the liquid.
        ground = reference_crystals(LammpsLabeller(potential), element).ground_state
        given = {
            "potential": labelling.potential or potential.id,
            "structure": "fcc" if ground == "hcp" else ground,
            "frames": read_params(root / "params.yaml").translate.short_run_frames,
        }
        execution = Execution(labelling.executor, labelling.workers)
        sample_element(root, element, given, name=name, execution=execution, progress=progress)
    return name


def journal_path(root: Path, name: str) -> Path:
    """Where labels of the dataset ``name`` are kept until it is stored."""
    return _journal(root, "label", name)


def _journal(root: Path, kind: str, name: str) -> Path:
    return root / "build" / "work" / f"{kind}-{name.replace('/', '--')}.jsonl"
