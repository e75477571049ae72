"""What an export says of itself."""

from dataclasses import dataclass, field
from typing import Any, Literal

from foundational.interchange.proofs.received import PartProof
from foundational.specs.base import Spec


@dataclass(frozen=True)
class Origin:
    """What is exported and where it comes from."""

    name: str
    version: str | None
    fingerprint: str
    record: dict[str, Any] | None = None
    """The content of provenance.json."""
    licence: str | None = None
    citation: str | None = None
    """What to cite, as text."""
    isolated: dict[str, float] = field(default_factory=dict)
    """eV by element: energies of isolated atoms that the record states."""


class IsolatedAtomReport(Spec):
    """The energy of an isolated atom."""

    energy_eV: float  # noqa: N815 - the unit's own spelling
    source: Literal["configuration", "record"]


class ExportProof(Spec):
    """The comparison of what a trainer's rule reads with what the dataset holds."""

    holds: bool
    rule: str
    """The rule in words, with its source."""
    tolerance: float
    """Relative to the largest number of a label in a configuration."""
    compressed_and_sheared_crystal: PartProof
    """Two test crystals, written and read in the same way: they fix the sign of a stress and its order."""
    parts: dict[str, PartProof]


class ExportReport(Spec):
    """What was written for which trainer, and what was not."""

    target: str
    trainer: str
    name: str
    version: str | None
    fingerprint: str
    """Of the whole dataset."""
    folder: str
    files: dict[str, str]
    """By part: the path below the folder."""
    configurations: dict[str, int]
    """By part."""
    atoms: int
    elements: tuple[str, ...]
    labels: dict[str, int]
    """Configurations that have each label."""
    excluded: dict[str, int]
    """By reason: configurations that were not written."""
    isolated_atoms: dict[str, IsolatedAtomReport]
    missing_isolated_atoms: tuple[str, ...]
    remarks: tuple[str, ...]
    proof: ExportProof
