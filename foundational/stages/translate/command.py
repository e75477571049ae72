"""Translating a dataset of a project: which length to match, which labeller, what the record says."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast, get_args

import xarray as xr

from foundational.data.store import open_store
from foundational.engines.crystals.references import reference_crystals
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import InputError
from foundational.labelling.catalogue import labeller_named
from foundational.labelling.records import labeller_of, labeller_record
from foundational.labelling.session import LabellingPlan, labelling_session
from foundational.progress import Progress
from foundational.project import STORE, find_dataset, pool_folder
from foundational.provenance.record import ProvenanceRecord, read_record
from foundational.science.crystals import Structure
from foundational.seeds import derive
from foundational.specs.params import read_params
from foundational.specs.translate import Rule
from foundational.stages.translate.length_scale import length_scale
from foundational.stages.translate.refine import refine
from foundational.stages.translate.stage import translate, turned_counts
from foundational.workspace.parents import require_validated_parent
from foundational.workspace.pools import MANIFEST, open_pool
from foundational.workspace.runner import StageOutput, produce

#: Frames of the run from which a translated set is refined where no pool is named.
_SHORT: Final = 2000


def translate_dataset(
    root: Path,
    parent_name: str,
    element: str,
    *,
    name: str | None = None,
    potential_id: str | None = None,
    labeller_name: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    isolated_energy: float | None = None,
    rule: str | None = None,
    crystals: Sequence[Structure] | None = None,
    refine_by: int = 0,
    refine_from: str | None = None,
    executor: str = "local",
    workers: int = 1,
    force: bool = False,
    force_parent: bool = False,
    progress: Progress | None = None,
) -> ProvenanceRecord:
    """Translate ``parent_name`` to ``element`` and store it, as ``local/<element>`` where no name is given.

    A name without ``local/`` is for the translations of params.yaml, which then decides the rule, the potential and the
    crystals.

    Parameters
    ----------
    potential_id, labeller_name
        What labels: a potential of the registry, or any labeller by its name; the registry's default by default.
    arguments
        Keyword arguments of an ASE factory.
    isolated_energy
        Energy of an atom alone by such a labeller, eV, where it has one.
    crystals
        Into which crystalline configurations are turned besides (`as_other_crystals`); by default those of params.yaml.
    refine_by
        At most so many configurations of the target itself are added, those of which networks trained on the translated
        set know least.
    refine_from
        The pool that they come from; by default a short MOMT run of the target by a potential of the registry, which
        is sampled where it is not there yet.
    force_parent
        Translate a parent that failed its own validation, too.

    Raises
    ------
    InputError
        where the parent is of that element already, the rule is unknown, or the name is not the user's to give.
    NotFoundError
        where there is no such dataset, element or potential.
    ConflictError
        where the dataset exists, or labels of an interrupted run by another labeller wait.
    GateError
        where the parent failed its own validation.
    """
    params = read_params(root / "params.yaml")
    folder = find_dataset(root, parent_name)
    parent, parent_record = open_store(folder / STORE), read_record(folder)
    require_translatable(parent_record, element)
    name = f"local/{element.lower()}" if name is None else name
    if not name.startswith("local/"):
        planned = params.translate.sets.get(name)
        if planned is None or (planned.parent, planned.element) != (parent_name, element):
            raise InputError(
                f"the name {name!r} is not that of a translation of {parent_name!r} to {element} in params.yaml; "
                f"your own datasets are called local/<name>"
            )
        rule, potential_id, labeller_name, crystals = planned.rule, planned.potential, None, None
    chosen = rule_named(params.translate.default_rule if rule is None else rule)
    wanted = params.translate.crystals if crystals is None else tuple(crystals)
    if labeller_name is None:
        labeller = labeller_named(
            "lammps" if potential_id is None else f"lammps:{potential_id}",
            root,
            arguments,
            element=element,
            isolated_energy=isolated_energy,
        )
    elif potential_id is not None:
        raise InputError("expected --potential or --labeller, got both")
    else:
        labeller = labeller_named(labeller_name, root, arguments, element=element, isolated_energy=isolated_energy)
    require_validated_parent(root, parent_record, force_parent)
    pool: xr.Dataset | None = None
    parents: tuple[ProvenanceRecord, ...] = (parent_record,)
    if refine_by:
        pool_name = refine_from or short_run(root, element, potential_id, workers, progress)
        pool, pool_record = open_pool(root, pool_name)
        parents = (parent_record, pool_record)
    elif refine_from is not None:
        raise InputError("expected --refine with --refine-from, which says what to refine with")

    def build() -> StageOutput:
        plan = LabellingPlan(root / "build", executor, workers, progress)
        source = labeller_of(parent_record.labeller, root)
        own = plan if source.expensive else LabellingPlan(plan.work)  # no cluster starts for cheap labels
        with labelling_session(source, parent_record.element, own, journal=reference_journal(root, name)) as session:
            here = reference_crystals(source, parent_record.element, session=session)
        with labelling_session(labeller, element, plan, journal=journal_path(root, name)) as session:
            there = reference_crystals(labeller, element, session=session)
            scale = length_scale(chosen, parent, here, there, session)
            made = translate(parent, element, scale, params.translate.guard, session, crystals=wanted)
            details = {
                "scale": scale,
                "rule": chosen,
                "ground_states": {parent_record.element: here.ground_state, element: there.ground_state},
                "turned": turned_counts(made.dataset),
                "filtered": list(made.filtered),
            }
            dataset = made.dataset.assign_attrs(volume_per_atom=there.ground_volume)
            if pool is not None:
                ani = params.ani.scaled("recipe", there.ground_volume)
                refined = refine(dataset, pool, refine_by, session, ani, derive(params.seed, "refine", name))
                dataset = refined.dataset
                details |= {"refined": refined.added, "filtered": [*made.filtered, *refined.failures]}
        journals = (journal_path(root, name).name, reference_journal(root, name).name)
        return StageOutput(dataset, element, labeller_record(labeller, element), details, work_files=journals)

    spec: dict[str, Any] = {
        "rule": chosen,
        "crystals": list(wanted),
        "labeller": labeller.id,
        "guard": params.translate.guard.model_dump(mode="json"),
    }
    if refine_by:
        spec |= {"refine": refine_by, "ani": params.ani.recipe.model_dump(mode="json")}
    return produce(root, name, "translate", spec, params.seed, parents, build, force=force)


def require_translatable(parent: ProvenanceRecord, element: str) -> None:
    """Refuse a parent of that element, and one whose labeller would run code of its user's.

    Raises
    ------
    InputError
        It is one of those.
    """
    name, labeller = parent.output.name, parent.labeller.id
    if element == parent.element:
        raise InputError(f"{name!r} is {element} already; expected another element")
    if labeller.startswith("ase:"):
        raise InputError(
            f"{name!r} was labelled by {labeller}, whose crystals the scale needs and which is not run unasked; "
            "translate a set that a potential labelled, then relabel it"
        )


def rule_named(name: str) -> Rule:
    """The rule called ``name``.

    Raises
    ------
    InputError
        where there is none.
    """
    if name not in get_args(Rule):
        raise InputError(f"expected a rule among {', '.join(get_args(Rule))}, got {name!r}")
    return cast(Rule, name)


def short_run(root: Path, element: str, potential_id: str | None, workers: int, progress: Progress | None) -> str:
    """The pool of a short MOMT run of ``element``, sampled where it is not there."""
    from foundational.stages.sample.command import sample_element  # noqa: PLC0415 - only refinement samples

    name = f"local-{element.lower()}-short"
    if not (pool_folder(root, name) / MANIFEST).exists():
        potential = potential_for(element, root, potential_id)
        # MOMT knows no order parameter of HCP; its run of FCC holds both close packings, and the liquid.
        ground = reference_crystals(LammpsLabeller(potential), element).ground_state
        structure = "fcc" if ground == "hcp" else ground
        given = {"potential": potential.id, "structure": structure, "frames": _SHORT}
        sample_element(root, element, given, name=name, workers=workers, progress=progress)
    return name


def journal_path(root: Path, name: str) -> Path:
    """The journal of the dataset ``name``."""
    return root / "build" / "work" / f"label-{name.replace('/', '--')}.jsonl"


def reference_journal(root: Path, name: str) -> Path:
    """The journal of the parent's reference crystals, which its own labeller relaxes."""
    return root / "build" / "work" / f"reference-{name.replace('/', '--')}.jsonl"
