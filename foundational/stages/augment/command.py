"""``foundational augment``: add configurations of named recipes to a set of params.yaml, or to any labelled set."""

import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from foundational.data.layout import VARIABLES
from foundational.elements import symbols_in
from foundational.engines.crystals.references import ReferenceCrystals, reference_crystals
from foundational.errors import ConflictError, InputError, NotFoundError, did_you_mean
from foundational.labelling.records import labeller_of, labeller_with_mesh
from foundational.labelling.session import LabellingChoice, labelling_session
from foundational.progress import Progress, stage
from foundational.provenance.record import LabellerRecord, ProvenanceRecord
from foundational.seeds import derive
from foundational.specs.params import read_params
from foundational.specs.parsing import parse
from foundational.specs.translate import AugmentSpec, RecipesSpec
from foundational.stages.augment.stage import augment
from foundational.workspace.references import read_reference, reference_path
from foundational.workspace.runner import StageOutput, produce
from foundational.workspace.sources import open_source

#: Å, where neither params.yaml nor the user says it: what the LAMMPS labeller refuses to go below.
SHORTEST = 1.0
_RECIPE = re.compile(r"([^=]+)=0*([1-9]\d{0,8})(?:@(\d*\.?\d+)(\+0?\.5)?)?", re.ASCII)


@dataclass(frozen=True)
class AugmentChoice:
    """What is added to which set; for ``local/<name>`` only."""

    parent: str | None = None
    """The set to which configurations are added."""
    recipes: dict[str, int] | None = None
    """Configurations by recipe."""
    shortest: float | None = None
    """Å, the shortest distance of two atoms; None: `SHORTEST`."""
    smallest: bool = False
    """Crystals without defects are in the smallest cells, for a labeller whose cost grows faster than the cell."""
    meshes: dict[str, float | dict[str, float]] | None = None
    """Recipes whose labels by GPAW have a symmetric mesh of their own: the largest distance of its k-points, 1/Å, or
    that as ``spacing``, and a ``shift`` of 0 or 0.5 steps."""

    def given(self) -> dict[str, Any]:
        """What differs from the defaults."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) != field.default}


def augment_dataset(
    root: Path,
    name: str,
    chosen: AugmentChoice | None = None,
    *,
    labelling: LabellingChoice | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> ProvenanceRecord:
    """Store ``name``: all configurations of its parent, and those of the recipes, labelled by the parent's labeller.

    Parameters
    ----------
    root
        The project's folder.
    name
        A set of the section ``augment`` of params.yaml, or ``local/<name>``.
    chosen
        What is added to which set; for ``local/<name>`` only.
    labelling
        How labels are computed; a labeller that runs code of its own must be named in it.
    force
        Replace a stored set.
    progress
        Called with (configurations done, all, message).

    Raises
    ------
    NotFoundError
        If there is no such set.
    InputError
        If the name and the other arguments do not fit together, or there is no such recipe.
    ConflictError
        If the set exists, or its parent has one of the recipes with another mesh of k-points.
    """
    params, labelling = read_params(root / "params.yaml"), labelling or LabellingChoice()
    spec = _spec(params.augment, name, (chosen or AugmentChoice()).given())
    source = open_source(root, spec.parent)
    element = source.record.element
    if len(symbols := symbols_in(element)) > 1:
        raise InputError(
            f"{spec.parent!r} has several elements, {', '.join(symbols)}; recipes need the crystals of one. Augment a "
            "set of one element and translate it: foundational translate local/<name> --to " + "-".join(symbols)
        )
    named = None if labelling.labeller is None else labelling.labeller_for(element, root)
    labeller = labeller_of(source.record.labeller, root, named)
    meshes = spec.mesh_settings()
    stored = {VARIABLES["recipe"].meanings[code] for code in np.unique(source.dataset.get("recipe", 0))}
    before: dict[str, Any] = {}
    for step in (*source.record.parents, source.record):
        before |= step.details.get("meshes", {})
    if other := sorted(name for name in stored & spec.recipes.keys() if before.get(name) != meshes.get(name)):
        raise ConflictError(
            f"{spec.parent!r} has the recipe {other[0]} with k-points {before.get(other[0])}; expected "
            f"the same for more of them, got {meshes.get(other[0])}; use the same, or augment the set that it came from"
        )
    others = {recipe: labeller_with_mesh(source.record.labeller, root, mesh) for recipe, mesh in meshes.items()}

    def build() -> StageOutput:
        journal = root / "build" / "work" / f"label-{name.replace('/', '--')}.jsonl"
        plan = labelling.plan(root / "build", stage(progress, "labelling", "storing"))
        journals = {recipe: journal.with_stem(f"{journal.stem}-{recipe}") for recipe in others}
        with ExitStack() as stack:
            session = stack.enter_context(labelling_session(labeller, element, plan, journal=journal))
            own = {
                recipe: stack.enter_context(labelling_session(other, element, plan, journal=journals[recipe]))
                for recipe, other in others.items()
            }
            reference = _crystals(root, spec.parent, source.record.labeller)
            if reference is None:
                reference = reference_crystals(labeller, element, session=session)
            # The parent names the stream: a set of the same recipes gets other numbers with another parent.
            seed = derive(params.seed, "augment", spec.parent)
            result = augment(spec, source.dataset, reference, session, seed, smallest=spec.smallest, own=own)
        record = source.record.labeller
        details = result.record() | ({"meshes": meshes} if meshes else {})
        files = tuple(path.name for path in (journal, *journals.values()))
        return StageOutput(result.dataset, element, record, details, work_files=files)

    content = {"augment": spec.model_dump(mode="json")}
    return produce(root, name, "augment", content, params.seed, (source.record,), build, force=force)


def recipes_in(texts: Sequence[str]) -> tuple[dict[str, int], dict[str, float | dict[str, float]]]:
    """Recipes with their numbers and with their k-points, from ``name=count`` or ``name=count@spacing``.

    Raises
    ------
    InputError
        A text is of another form.
    """
    counts, meshes = dict[str, int](), dict[str, float | dict[str, float]]()
    for text in texts:
        if (found := _RECIPE.fullmatch(text)) is None:
            raise InputError(f"--recipe: expected name=count or name=count@spacing, such as vacancies=40, got {text!r}")
        counts[found[1]] = int(found[2])
        if found[3]:
            meshes[found[1]] = {"spacing": float(found[3]), "shift": 0.5} if found[4] else float(found[3])
    return counts, meshes


def recipes_spec(texts: Sequence[str]) -> RecipesSpec | None:
    """The recipes of a translation, from ``name=count``; None: none.

    Raises
    ------
    InputError
        A text is of another form, or there is no such recipe.
    """
    counts, meshes = recipes_in(texts)
    if meshes:
        raise InputError("--recipe: expected name=count, got k-points; they are for foundational augment")
    return parse(RecipesSpec, {"shortest": SHORTEST, "recipes": counts}, "--recipe") if counts else None


def _crystals(root: Path, parent: str, labeller: LabellerRecord) -> ReferenceCrystals | None:
    """The stored crystals of the set ``parent``, or of that of which it is a version; None: none are stored."""
    name = parent.partition("@")[0]
    if not reference_path(root, name).is_file():
        return None
    stored, _ = read_reference(root, name, labeller)
    return stored.reference()


def _spec(planned: dict[str, AugmentSpec], name: str, given: dict[str, Any]) -> AugmentSpec:
    if not name.startswith("local/"):
        if name not in planned:
            raise NotFoundError(
                f"no augmented set {name!r} in params.yaml; {did_you_mean(name, planned)} "
                "(name your own sets local/<name>)"
            )
        if given:
            raise InputError(f"{name!r} is defined in params.yaml; name your own sets local/<name>, got {name!r}")
        return planned[name]
    if not {"parent", "recipes"} <= given.keys():
        raise InputError(f"expected --from and at least one --recipe for {name!r}, such as --recipe vacancies=40")
    return parse(AugmentSpec, {"shortest": SHORTEST} | given, f"the settings of {name!r}")
