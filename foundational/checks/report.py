"""What the rules found: one finding a rule."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import computed_field

from foundational.checks.limits import CheckLimits
from foundational.specs.base import Spec

Status = Literal["passed", "warning", "defect", "not applicable"]
#: Configurations that a finding names.
NAMED = 10


class Finding(Spec):
    """What one rule found."""

    rule: str
    status: Status
    message: str
    """What was found, or why the rule does not apply."""
    action: str = ""
    """What a user can do about it."""
    count: int = 0
    """Configurations concerned."""
    configurations: tuple[int, ...] = ()
    """The first of them, by their place in the dataset, from 0."""


class CheckReport(Spec):
    """All findings about one dataset or file."""

    name: str
    n_configurations: int
    findings: tuple[Finding, ...]
    limits: CheckLimits

    @property
    def defects(self) -> list[Finding]:
        """Those that say that the data are wrong."""
        return [finding for finding in self.findings if finding.status == "defect"]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def violations(self) -> tuple[str, ...]:
        """The defects, each in one sentence."""
        return tuple(f"{finding.rule}: {finding.message}" for finding in self.defects)


def passed(rule: str, message: str) -> Finding:
    """The rule holds."""
    return Finding(rule=rule, status="passed", message=message)


def not_applicable(rule: str, reason: str) -> Finding:
    """The rule says nothing of these data."""
    return Finding(rule=rule, status="not applicable", message=reason)


def found(rule: str, status: Status, message: str, action: str, rows: Sequence[int] = ()) -> Finding:
    """The rule is broken by the configurations ``rows``."""
    first = tuple(int(row) for row in rows[:NAMED])
    return Finding(rule=rule, status=status, message=message, action=action, count=len(rows), configurations=first)


def places(rows: Sequence[int] | NDArray[np.int64]) -> str:
    """The first of ``rows`` as text.

    >>> places([3, 5])
    'configurations 3, 5'
    >>> places([3])
    'configuration 3'
    """
    text = ", ".join(str(int(row)) for row in rows[:NAMED]) + (", …" if len(rows) > NAMED else "")
    return f"configuration{'s' if len(rows) > 1 else ''} {text}"
