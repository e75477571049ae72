"""``card.json``: everything that a card shows, as one record. Unknown is null or absent, never zero."""

from datetime import date
from typing import Any, Final, Literal

from pydantic import Field

from foundational.checks.report import Finding
from foundational.evaluation.validation_report import ValidationReport
from foundational.provenance.record import Sha256
from foundational.specs.base import Spec

#: Names of the two files of a card in a bundle.
RECORD: Final = "card.json"
PAGE: Final = "card.html"


class Reference(Spec):
    """A work to cite."""

    text: str
    why: str
    doi: str | None


class Code(Spec):
    """A line that a reader can copy."""

    purpose: str
    code: str


class ElementCount(Spec):
    """One element of a set."""

    symbol: str
    atoms: int
    configurations: int
    """Configurations with at least one atom of it."""


class LabelSummary(Spec):
    """One label of a set."""

    name: str
    unit: str
    description: str
    configurations: int
    """Configurations whose label is known."""


class Method(Spec):
    """A method that gave labels, as far as it is stated."""

    id: str
    summary: str
    """One line, such as ``VASP, PBE``."""
    facts: dict[str, str]
    configurations: int | None
    """Configurations that it labelled; null where the set does not state it."""


class Part(Spec):
    """A part of a set with a name."""

    name: str
    configurations: int


class Contents(Spec):
    """What is inside."""

    configurations: int
    atoms: int
    smallest: int
    """Atoms in the smallest configuration."""
    largest: int
    elements: tuple[ElementCount, ...]
    periodicity: tuple[Part, ...]
    labels: tuple[LabelSummary, ...]
    methods: tuple[Method, ...]
    splits: tuple[Part, ...]
    """Empty where the set has no split."""


class Groups(Spec):
    """Groups of configurations, by which figures are coloured."""

    title: str
    """What the groups are, such as ``phase``."""
    explanation: str
    """How a configuration comes into a group."""
    parts: tuple[Part, ...]


class Histogram(Spec):
    """Counts of one quantity in equal bins; the ends hold what lies beyond them."""

    quantity: str
    unit: str
    of: Literal["configurations", "atoms"]
    known: int
    """Numbers that were counted."""
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    minimum: float
    median: float | None
    """Null where the numbers were counted, not kept."""
    maximum: float


class Column(Spec):
    """One quantity of the points of a map."""

    title: str
    unit: str
    values: tuple[float | None, ...] | None = None
    """Numbers; null where one is not known."""
    codes: tuple[int, ...] | None = None
    """Places in ``meanings``."""
    meanings: tuple[str, ...] = ()


class ConfigurationMap(Spec):
    """Points of configurations; of a large set some, evenly spread."""

    total: int
    """Configurations of the set."""
    rows: tuple[int, ...]
    """Places of the points' configurations in the set, from 0."""
    ids: tuple[str, ...]
    columns: dict[str, Column]


class Round(Spec):
    """One round of a distillation; energies in meV for each atom."""

    round: int
    frames: int
    heldout_mae: float | None
    median_uncertainty: float | None
    largest_uncertainty: float | None


class Distillation(Spec):
    """How the error fell while configurations were selected."""

    of: str
    """The dataset that was distilled: this one, or one that it was made from."""
    pool: str | None
    rounds: tuple[Round, ...]


class EnergyErrors(Spec):
    """Errors of networks on configurations between two energies, of each network."""

    lowest: float
    """eV/atom."""
    highest: float
    mae: tuple[float, ...]
    """meV/atom."""


class PoolTest(Spec):
    """Networks trained on the set, tested on a whole pool of the same metal."""

    pool: str
    frames: int
    mae: tuple[float, ...]
    """meV/atom, of each network."""
    p99: tuple[float, ...]
    largest: tuple[float, ...]
    parts: tuple[EnergyErrors, ...]
    reference: tuple[float, ...]
    """eV/atom, of some frames."""
    predicted: tuple[float, ...]


class Node(Spec):
    """One thing in the lineage."""

    id: str
    kind: Literal["this", "dataset", "pool", "file", "method", "paper"]
    title: str
    detail: str
    doi: str | None = None


class Edge(Spec):
    """What came of what."""

    source: str
    target: str
    how: str


class Lineage(Spec):
    """Where the set comes from, down to methods and papers."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


class Change(Spec):
    """One released version and what changed."""

    version: str
    date: date
    step: str | None
    """major, minor or patch; null for the first version."""
    previous: str | None
    sentences: tuple[str, ...]
    removed: int
    configurations: int


class CardRecord(Spec):
    """A dataset's card; the page is drawn from this alone, except for the structures beside its points."""

    schema_version: Literal[1] = 1
    name: str
    version: str | None
    """Null before a release."""
    released: date | None
    doi: str | None
    withdrawn: str | None
    """Why the version was withdrawn."""
    fingerprint: Sha256
    title: str | None
    licence: str | None
    creators: tuple[str, ...]
    description: str | None
    limits: tuple[str, ...]
    """What the set is not good for, and what its files did not state."""
    keywords: tuple[str, ...]
    stage: str | None
    """How it was made, such as ``distill``."""
    software: dict[str, str]
    settings: dict[str, Any]
    """The settings that decided the work."""
    bibtex: str | None
    references: tuple[Reference, ...]
    commands: tuple[Code, ...]
    contents: Contents
    groups: Groups | None
    histograms: tuple[Histogram, ...]
    map: ConfigurationMap
    distillation: Distillation | None
    validation: ValidationReport | None
    pool_test: PoolTest | None
    lineage: Lineage | None
    changes: tuple[Change, ...] = Field(description="Newest first.")
    findings: tuple[Finding, ...]
    """What `foundational check` found."""
