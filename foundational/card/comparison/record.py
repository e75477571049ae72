"""The record of a change; the page of ``foundational diff --html`` is drawn from this alone."""

from typing import Literal

from foundational.card.record import ConfigurationMap, Part
from foundational.evaluation.physics_change import PhysicsChange
from foundational.release.comparison.difference import Difference
from foundational.specs.base import Spec

State = Literal["equal", "relabelled", "moved", "added", "removed"]
STATES: tuple[State, ...] = ("equal", "relabelled", "moved", "added", "removed")


class PairedHistogram(Spec):
    """Counts of one quantity in both datasets, in the same bins; the ends hold what lies beyond them."""

    quantity: str
    unit: str
    of: Literal["configurations", "atoms"]
    edges: tuple[float, ...]
    a: tuple[int, ...]
    b: tuple[int, ...]


class GroupChange(Spec):
    """One group of configurations, such as a phase, before and after."""

    name: str
    before: int
    after: int
    added: int
    removed: int


class ChangeRecord(Spec):
    """Everything that the page shows."""

    schema_version: Literal[1] = 1
    difference: Difference
    fingerprints: tuple[str | None, str | None]
    """As the records state them; null where there is none."""
    groups_title: str | None
    groups: tuple[GroupChange, ...]
    histograms: tuple[PairedHistogram, ...]
    states: tuple[Part, ...]
    """Configurations of each state, in both datasets together."""
    map: ConfigurationMap
    """Configurations of both; the column ``state`` says what happened to each."""
    physics: PhysicsChange | None
