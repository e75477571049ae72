"""``foundational relabel``: other labels for the configurations of a dataset, and stored labels checked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foundational.errors import InputError
from foundational.labelling.comparison import LabelComparison, compare_labels
from foundational.labelling.records import labeller_of, labeller_record
from foundational.labelling.session import LabellingChoice, labelling_session
from foundational.labelling.theories import beside, method_of, methods_of
from foundational.progress import Progress
from foundational.project import STORE, find_dataset
from foundational.provenance.record import ProvenanceRecord, read_record
from foundational.science.crystals import Structure
from foundational.specs.params import read_params
from foundational.stages.relabel.stage import RelabelPlan, relabel
from foundational.stages.translate.command import journal_path
from foundational.workspace.parents import Permissions, require_validated_parent
from foundational.workspace.runner import StageOutput, produce
from foundational.workspace.sources import open_source


def relabel_dataset(
    root: Path,
    parent_name: str,
    name: str,
    labelling: LabellingChoice,
    *,
    crystals: Sequence[Structure] = (),
    keep: bool = False,
    permissions: Permissions | None = None,
    progress: Progress | None = None,
) -> ProvenanceRecord:
    """Label the configurations of ``parent_name`` again and store them as ``name``, which begins with ``local/``.

    Labels of an interrupted run are not computed again.

    Parameters
    ----------
    crystals
        Crystals of transformed copies, as in a translation; none by default.
    keep
        Keep the labels of the parent, too, as those of another method.

    Raises
    ------
    InputError, NotFoundError
        where the name does not begin with ``local/``, or there is no such dataset or labeller.
    ConflictError
        where the dataset exists, or labels of an interrupted run by another labeller wait.
    GateError
        where the parent failed its own validation, and that is not allowed.
    EngineError
        where the labeller fails on everything.
    """
    if not name.startswith("local/"):
        raise InputError(f"expected a name that begins with local/, such as local/{name}; got {name!r}")
    permissions = permissions or Permissions()
    params = read_params(root / "params.yaml")
    source = open_source(root, parent_name, labelled=False)
    parent, parent_record = source.dataset, source.record
    element = parent_record.element
    labeller = labelling.labeller_for(element, root)
    require_validated_parent(root, parent_record, permissions.failed_parent)
    plan = RelabelPlan(params.translate.guard.maximum_energy, crystals, params.translate.crystal_majority)

    def build() -> StageOutput:
        where = labelling.plan(root / "build", progress)
        kept = journal_path(root, name)
        with labelling_session(labeller, element, where, journal=kept, required=("energy", "forces")) as session:
            result = relabel(plan, parent, session)
        journals = (journal_path(root, name).name,)
        method = labeller_record(labeller, element)
        dataset = result.dataset
        if keep:
            dataset = beside(parent, dataset, (*methods_of(parent_record, parent), method_of(method)))
        return StageOutput(dataset, element, method, result.details(), work_files=journals)

    spec: dict[str, Any] = {"labeller": labeller.id, "maximum_energy": plan.maximum_energy}
    if keep:
        spec["keep"] = True
    if crystals:
        spec["crystals"] = list(crystals)
    return produce(root, name, "relabel", spec, params.seed, (parent_record,), build, force=permissions.replace)


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
    return compare_labels(folder / STORE, labeller_of(record.labeller, root, named), count)
