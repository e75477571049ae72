"""Decoration in Python: what ``foundational translate --to Ni-Al`` does, over a dataset in memory."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from foundational.dataset import Dataset
from foundational.inputs import Changes, origin_of, params_of, result_of, root_of, with_extras

if TYPE_CHECKING:
    from foundational.progress import Progress


@with_extras
def decorate(
    dataset: Dataset,
    to: str,
    *,
    labeller: str | None = None,
    compositions: Sequence[str] = (),
    labels: int | None = None,
    name: str | None = None,
    params: Changes = None,
    progress: "Progress | None" = None,
) -> Dataset:
    """A dataset of several elements: configurations of one, decorated, scaled and relabelled.

    Parameters
    ----------
    dataset
        The parent, of one element.
    to
        Chemical symbols joined by hyphens, such as ``Ni-Al``.
    labeller
        What computes the labels, such as ``lammps:CuTa``; by default a potential with all the elements.
    compositions
        Such as ``Ni3Al`` or ``Ni0.75Al0.25``; empty: all that the sites can hold.
    labels
        Number of decorations that are chosen and labelled; None: all.
    name
        Of the result; by default ``local/`` and the elements in lower case.
    params
        Other settings, as in the section ``alloys`` of params.yaml: rule, decorations, orders, choice.

    Raises
    ------
    InputError
        The parent has several elements, a composition is impossible, or more than half of the decorations overlap.
    NotFoundError
        There is no potential with all the elements.
    MissingDependencyError
        The extra ``sampling`` or ``ani`` is not installed.
    """
    from foundational.engines.crystals.references import reference_crystals
    from foundational.labelling.catalogue import labeller_named
    from foundational.labelling.records import labeller_of, labeller_record
    from foundational.labelling.session import LabellingSession
    from foundational.stages.decorate.command import AlloyChoice, alloy_plan, elements_named, in_order
    from foundational.stages.decorate.stage import decorate as decorate_stage
    from foundational.stages.decorate.stage import joined
    from foundational.stages.decorate.volumes import AlloyReferences
    from foundational.stages.translate.command import require_translatable
    from foundational.workspace.runner import StageOutput, record_of

    settings, parent, root = params_of(dataset, params), origin_of(dataset), root_of(dataset)
    symbols = in_order(elements_named(to))
    require_translatable(parent, joined(symbols))
    plan = alloy_plan(settings, symbols, AlloyChoice(compositions=tuple(compositions), labels=labels))
    plan.require_compositions(dataset.xarray)
    session = LabellingSession(labeller_named(labeller or "lammps", root, element=joined(symbols)), progress=progress)
    if session.labeller.expensive:
        plan = plan.without("short-range")
    references = AlloyReferences(
        reference_crystals(labeller_of(parent.labeller, root), parent.element),
        tuple(reference_crystals(session.labeller, symbol, session=session) for symbol in symbols),
    )
    result = decorate_stage(plan, dataset.xarray, references, session, settings.ani)
    method = labeller_record(session.labeller, joined(symbols))
    output = StageOutput(result.dataset, joined(symbols), method, result.details.record())
    name = name or f"local/{to.lower()}"
    record = record_of(name, "translate", plan.record(session.id), settings.seed, (parent,), output)
    return result_of(dataset, record, output)
