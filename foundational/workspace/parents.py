"""Which datasets may be a parent: those that did not fail their own validation."""

import json
from pathlib import Path

from foundational.errors import GateError
from foundational.provenance.record import ProvenanceRecord


def require_validated_parent(root: Path, parent: ProvenanceRecord, force: bool) -> None:
    """Refuse a parent that failed its own validation: its faults would be inherited.

    A report counts only where its fingerprint is that of the parent's data. A parent without a report is accepted.

    Raises
    ------
    GateError
        where it failed, and ``force`` is false.
    """
    path = root / "metrics" / "validate" / f"{parent.output.name}.json"
    if force or not path.is_file():
        return
    report = json.loads(path.read_text(encoding="utf-8"))
    if report["fingerprint"] == parent.output.fingerprint and not report["passed"]:
        failed = "; ".join(gate["message"] for gate in report["gates"] if gate["ok"] is False)
        raise GateError(f"{parent.output.name!r} failed its own validation ({failed}); fix it or pass --force-parent")
