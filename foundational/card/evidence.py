"""What a card is built from, in addition to the numbers of the dataset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from foundational.checks.report import Finding
from foundational.evaluation.validation_report import ValidationReport
from foundational.provenance.record import ProvenanceRecord
from foundational.release.citation.printed_reference import Work
from foundational.release.citation.works import Citable
from foundational.release.record import ReleaseRecord
from foundational.specs.about import About
from foundational.specs.potentials import PotentialRegistry


@dataclass(frozen=True)
class Subject:
    """What is known of a dataset apart from its numbers; None where it is not known."""

    name: str
    fingerprint: str
    citable: Citable | None = None
    works: tuple[Work, ...] = ()
    withdrawn: str | None = None
    about: About | None = None
    record: ProvenanceRecord | None = None
    remarks: tuple[str, ...] = ()
    """What the import of a file had to assume."""


@dataclass(frozen=True)
class Evidence:
    """What was found out about a dataset, and what is needed to tell where it comes from."""

    potentials: PotentialRegistry
    parents: Mapping[str, About] = field(default_factory=dict)
    """about.yaml of parent datasets by name."""
    validation: ValidationReport | None = None
    pool_test: Mapping[str, Any] | None = None
    """The content of ``metrics/parity/<name>.json``, of the same data."""
    history: Sequence[ReleaseRecord] = ()
    """Released versions, oldest first."""
    findings: Sequence[Finding] = ()
