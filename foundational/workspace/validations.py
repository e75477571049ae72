"""Validation reports of a project: ``metrics/validate/<name>.json``."""

from pathlib import Path

from foundational.evaluation.validation_report import ValidationReport
from foundational.provenance.record import write_json
from foundational.specs.parsing import parse, parse_json


def validation_path(root: Path, name: str) -> Path:
    """The file with the validation report of the dataset ``name``."""
    return root / "metrics" / "validate" / f"{name}.json"


def write_validation(root: Path, report: ValidationReport) -> None:
    """Store the report as a metric of DVC."""
    write_json(validation_path(root, report.dataset), report.model_dump(mode="json"))


def read_validation(root: Path, name: str) -> ValidationReport | None:
    """The stored report of the dataset ``name``; None where it was not validated.

    Raises
    ------
    InputError
        where the file is not a validation report.
    """
    path = validation_path(root, name)
    if not path.is_file():
        return None
    return parse(ValidationReport, parse_json(path.read_bytes(), str(path)), str(path))
