"""Which datasets may be a parent: those that did not fail their own validation."""

from dataclasses import dataclass
from pathlib import Path

from foundational.errors import GateError
from foundational.provenance.record import ProvenanceRecord
from foundational.workspace.validations import read_validation


@dataclass(frozen=True)
class Permissions:
    """What a user allows that is refused by default."""

    replace: bool = False
    """Replace a dataset that exists."""
    failed_parent: bool = False
    """Use a parent that failed its own validation."""


def require_validated_parent(root: Path, parent: ProvenanceRecord, force: bool) -> None:
    """Refuse a parent that failed its own validation: its faults would be inherited.

    A report counts only where its fingerprint is that of the parent's data. A parent without a report is accepted.

    Raises
    ------
    GateError
        where it failed, and ``force`` is false.
    """
    report = None if force else read_validation(root, parent.output.name)
    if report is None or report.fingerprint != parent.output.fingerprint or report.passed:
        return
    failed = "; ".join(gate.message for gate in report.failed)
    raise GateError(f"{parent.output.name!r} failed its own validation ({failed}); fix it or pass --force-parent")
