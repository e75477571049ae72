"""Stored reference values of a project: ``metrics/reference/<name>.json``."""

from hashlib import sha256
from pathlib import Path

from foundational.errors import ConflictError, InputError
from foundational.evaluation.materials.stored import StoredReference
from foundational.evaluation.validation_report import ReferenceReport
from foundational.provenance.record import LabellerRecord, write_json
from foundational.specs.parsing import parse, parse_json


def reference_path(root: Path, name: str) -> Path:
    """The file with the reference values of the dataset ``name``."""
    return root / "metrics" / "reference" / f"{name}.json"


def write_reference(root: Path, name: str, reference: StoredReference) -> None:
    """Store the values as a metric."""
    write_json(reference_path(root, name), reference.model_dump(mode="json"))


def read_reference(root: Path, name: str, labeller: LabellerRecord) -> tuple[StoredReference, ReferenceReport]:
    """The stored values of the dataset ``name``, which ``labeller`` labelled, and how reports name them.

    Raises
    ------
    ConflictError
        where they were not computed, or by another method.
    InputError
        where the file is not of such values.
    """
    path = reference_path(root, name)
    if not path.is_file():
        raise ConflictError(
            f"{name!r} is compared with stored crystals, and there are none; "
            f"compute them: foundational reference {name}"
        )
    content = path.read_bytes()
    stored = parse(StoredReference, parse_json(content, str(path)), str(path))
    own = (labeller.id, labeller.sha256)
    if (stored.labeller.id, stored.labeller.sha256) != own:
        raise ConflictError(
            f"the stored crystals of {name!r} are by {stored.labeller.id}, its labels by {labeller.id} with other data "
            f"sets or files; compute the crystals again: foundational reference {name} --force"
        )
    settings = stored.labeller.parameters.get("arguments", {})
    if not isinstance(settings, dict):
        raise InputError(f"{path}: labeller: expected arguments by their names, got {settings!r:.80}")
    named = ReferenceReport(
        file=path.relative_to(root).as_posix(),
        sha256=sha256(content).hexdigest(),
        labeller=stored.labeller.id,
        version=stored.labeller.version,
        settings=settings,
    )
    return stored, named
