"""``foundational relabel``: other labels for the configurations of a dataset, and stored labels checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foundational.errors import InputError
from foundational.labelling.comparison import LabelComparison, compare_labels
from foundational.labelling.records import labeller_of, labeller_record, labellers_of_recipes
from foundational.labelling.session import LabellingChoice, labelling_session
from foundational.labelling.theories import beside, method_of, methods_of
from foundational.progress import Progress, stage
from foundational.project import STORE, find_dataset
from foundational.provenance.record import ProvenanceRecord, read_record
from foundational.science.crystals import Structure
from foundational.specs.params import read_params
from foundational.specs.translate import RelabelSpec
from foundational.stages.relabel.stage import RelabelPlan, relabel
from foundational.stages.translate.command import journal_path
from foundational.workspace.parents import Permissions, require_validated_parent
from foundational.workspace.runner import StageOutput, produce
from foundational.workspace.sources import open_source


@dataclass(frozen=True)
class RelabelChoice:
    """Which configurations are labelled again, and what becomes of their labels."""

    where: str | None = None
    """Condition that the configurations fulfil; None: all of them."""
    crystals: Sequence[Structure] = ()
    """Crystals of transformed copies, as in a translation; none by default."""
    keep: bool = False
    """Keep the labels of the parent, too, as those of another method."""


def relabel_dataset(
    root: Path,
    parent_name: str,
    name: str,
    labelling: LabellingChoice,
    *,
    chosen: RelabelChoice | None = None,
    permissions: Permissions | None = None,
    progress: Progress | None = None,
) -> ProvenanceRecord:
    """Label the configurations of ``parent_name`` again and store them as ``name``.

    Labels of an interrupted run are not computed again.

    Parameters
    ----------
    name
        Begins with ``local/``, or is a set of the section ``relabel`` of params.yaml, made as it says there.
    chosen
        Which configurations, and what becomes of their labels; None: all configurations, other labels.

    Raises
    ------
    InputError, NotFoundError
        where the name does not begin with ``local/`` and params.yaml has another set of that name or none, or there is
        no such dataset or labeller.
    ConflictError
        where the dataset exists, or labels of an interrupted run by another labeller wait.
    GateError
        where the parent failed its own validation, and that is not allowed.
    EngineError
        where the labeller fails on everything.
    """
    params, chosen = read_params(root / "params.yaml"), chosen or RelabelChoice()
    where, crystals, keep = chosen.where, chosen.crystals, chosen.keep
    if not name.startswith("local/"):
        _require_as_stated(name, params.relabel, parent_name, labelling, chosen)
    permissions = permissions or Permissions()
    source = open_source(root, parent_name, labelled=False, where=where)
    parent, parent_record = source.dataset, source.record
    element = parent_record.element
    labeller = labelling.labeller_for(element, root)
    require_validated_parent(root, parent_record, permissions.failed_parent)
    plan = RelabelPlan(params.translate.guard.maximum_energy, crystals, params.translate.crystal_majority)

    def build() -> StageOutput:
        where = labelling.plan(root / "build", stage(progress, "labelling", "storing"))
        kept = journal_path(root, name)
        with labelling_session(labeller, element, where, journal=kept, required=("energy", "forces")) as session:
            result = relabel(plan, parent, session)
        journals = (journal_path(root, name).name,)
        method = labeller_record(labeller, element)
        dataset = result.dataset
        if keep:
            methods = (*methods_of(parent_record, parent), method_of(method))
            dataset = beside(parent, dataset, methods, session.spool)
        return StageOutput(dataset, element, method, result.details(), work_files=journals)

    spec: dict[str, Any] = {"labeller": labeller.id, "maximum_energy": plan.maximum_energy}
    if keep:
        spec["keep"] = True
    if crystals:
        spec["crystals"] = list(crystals)
    if where is not None:
        spec["where"] = where
    return produce(root, name, "relabel", spec, params.seed, (parent_record,), build, force=permissions.replace)


def _require_as_stated(
    name: str, stated: Mapping[str, RelabelSpec], parent: str, labelling: LabellingChoice, chosen: RelabelChoice
) -> None:
    """Refuse a released set that is not made as params.yaml states."""
    if name not in stated:
        raise InputError(
            f"expected a name that begins with local/, such as local/{name}, or a set of the section relabel of "
            f"params.yaml; got {name!r}"
        )
    if chosen.crystals or chosen.keep:
        raise InputError(
            f"params.yaml states no --crystals and no --keep for {name!r}; repeat the command without them"
        )
    asked = RelabelSpec(
        parent=parent,
        labeller=labelling.labeller or "",
        arguments=dict(labelling.arguments),
        isolated_energy=labelling.isolated_energy,
        where=chosen.where,
    )
    different = {field: value for field, value in stated[name].model_dump().items() if value != getattr(asked, field)}
    if different:
        wanted = ", ".join(f"{field} {value!r}" for field, value in different.items())
        raise InputError(f"params.yaml states {wanted} for {name!r}; repeat the command with that, or change it there")


def check_labels(root: Path, name: str, count: int, labelling: LabellingChoice | None = None) -> LabelComparison:
    """Label ``count`` configurations of the dataset ``name`` again, with the labeller that its record names.

    Raises
    ------
    InputError, ConflictError
        where that labeller runs code of its own and was not named too, or another one was.
    """
    folder = find_dataset(root, name)
    record = read_record(folder)
    named = None
    if labelling is not None and labelling.labeller is not None:
        named = labelling.labeller_for(record.element, root)
    labeller = labeller_of(record.labeller, root, named)
    return compare_labels(folder / STORE, labeller, count, labellers_of_recipes(record, root))
