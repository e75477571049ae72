"""``foundational reference``: crystals and properties by the expensive method of a dataset, computed once."""

from pathlib import Path

from foundational.data.store import open_store
from foundational.errors import ConflictError, NotFoundError, did_you_mean
from foundational.evaluation.materials.stored import StoredCrystal, StoredReference
from foundational.evaluation.retraining import volume_per_atom
from foundational.labelling.catalogue import labeller_named
from foundational.labelling.journal import LabelJournal
from foundational.labelling.records import labeller_of, labeller_record
from foundational.labelling.session import LabellingChoice, LabellingSession, labelling_session
from foundational.progress import Progress
from foundational.project import STORE, find_dataset
from foundational.provenance.record import read_record, software_versions
from foundational.specs.materials import PropertyName
from foundational.specs.params import read_params
from foundational.stages.reference.stage import reference_values
from foundational.workspace.references import reference_path, write_reference


def compute_reference(
    root: Path,
    name: str,
    *,
    properties: tuple[PropertyName, ...] | None = None,
    force: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
) -> StoredReference:
    """Compute the reference values of ``name`` as params.yaml states, and store them.

    Labels are kept one by one: after a kill the same call resumes, and a changed list of properties computes only what
    is new.

    Parameters
    ----------
    properties
        What to compute beside the relaxed crystals; None: what params.yaml states.

    Raises
    ------
    NotFoundError
        where there is no such dataset, or params.yaml states no reference for it.
    InputError
        where the labels are by code of the user's own.
    ConflictError
        where the values exist.
    EngineError
        where a crystal has no minimum, or a calculation fails.
    """
    params = read_params(root / "params.yaml")
    stated = params.validate_.references
    folder = find_dataset(root, name)
    if name not in stated:
        raise NotFoundError(
            f"params.yaml states no reference of {name!r} in validate.references; {did_you_mean(name, stated)}"
        )
    spec, record = stated[name], read_record(folder)
    if properties is not None:
        spec = spec.model_copy(update={"properties": properties})
    path = reference_path(root, name)
    if path.exists() and not force:
        raise ConflictError(f"{path.relative_to(root)} exists; replace it with --force")
    labeller_of(record.labeller, root)  # refuses code that a record names and its user did not
    element, own = record.element, dict(record.labeller.parameters.get("arguments", {}))
    plan = LabellingChoice(workers=workers).plan(root / "build", progress)
    labellers = [
        labeller_named(record.labeller.id, root, own | changes, element=element)
        for changes in (spec.arguments, spec.supercells)
    ]
    work = root / "build" / "work" / f"reference-{name.replace('/', '--')}"
    journals = [work.with_name(f"{work.name}-{kind}.jsonl") for kind in ("cells", "supercells")]
    with (
        labelling_session(labellers[0], element, plan, journal=journals[0]) as crystals,
        labelling_session(labellers[1], element, plan, journal=journals[1]) as supercells,
    ):
        values = reference_values(
            spec, element, volume_per_atom(open_store(folder / STORE)), crystals, supercells, progress
        )
        labels = sum(_kept(session) for session in (crystals, supercells))
    reference = StoredReference(
        element=element,
        labeller=labeller_record(labellers[0], element),
        supercells=labeller_record(labellers[1], element),
        crystals={structure: StoredCrystal.of(fit) for structure, fit in values.crystals.items()},
        vacancy_cells=spec.vacancy_cells,
        properties=dict(values.properties),
        labels=labels,
        software=software_versions("relabel"),
    )
    write_reference(root, name, reference)
    return reference


def _kept(session: LabellingSession) -> int:
    journal: LabelJournal | None = session.journal
    return 0 if journal is None else len(journal.outcomes)
