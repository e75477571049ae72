"""The record of a release: what a dataset is, what was tested, and what changed since the version before."""

from datetime import date
from typing import TYPE_CHECKING

from foundational.errors import ChecksumError, GateError
from foundational.release.comparison.plan import ReleasePlan
from foundational.release.record import ReleaseRecord
from foundational.specs.about import About

if TYPE_CHECKING:
    from foundational.evaluation.validation_report import ValidationReport


def draft_record(
    name: str,
    plan: ReleasePlan,
    about: About,
    report: "ValidationReport | None",
    day: date,
) -> ReleaseRecord:
    """The record of the next release; the list of its files is still empty.

    Parameters
    ----------
    report
        Of the validation; None for a holdout, on which nothing is trained.
    day
        Day (UTC) of the git commit.
    """
    output = plan.provenance.output
    return ReleaseRecord(
        name=name,
        version=str(plan.version),
        date=day,
        about=about,
        provenance=plan.provenance,
        files=(),
        fingerprint=output.fingerprint,
        n_configurations=output.n_configurations,
        n_atoms=output.n_atoms,
        validation=None if report is None else report.model_dump(mode="json"),
        changes=plan.changes,
        removed=plan.removed,
        bump=None if plan.difference is None else plan.difference.bump,
        previous=None if plan.previous is None else str(plan.previous),
    )


def require_passed(name: str, fingerprint: str, report: "ValidationReport") -> None:
    """Refuse a dataset whose validation failed.

    Raises
    ------
    GateError
        A gate failed; each is named.
    ChecksumError
        The report is of other data.
    """
    if report.fingerprint != fingerprint:
        raise ChecksumError(f"{name} cannot be released: its validation gave the report of other data")
    failed = [f"{gate.name}: {gate.message}" for gate in report.failed]
    if failed or not report.passed:
        raise GateError(f"{name} cannot be released, a gate failed: " + "; ".join(failed))
