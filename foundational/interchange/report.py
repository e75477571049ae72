"""What an import took from where, and what it did not take."""

from foundational.specs.base import Spec


class LabelReport(Spec):
    """Where one label came from."""

    label: str
    key: str
    unit: str
    """Of the file, as the user stated it or by default."""
    configurations: int


class ImportReport(Spec):
    """What was taken from where, and what was not."""

    configurations: int
    atoms: int
    elements: tuple[str, ...]
    labels: tuple[LabelReport, ...]
    without: dict[str, int]
    """By label: configurations of which it is not known."""
    isolated_atoms: int
    fields: dict[str, str]
    """Other values that were kept, by name: their unit, or "not stated"."""
    skipped: tuple[str, ...]
    """Bad frames that were excluded, each with its file, place and reason; at most twenty are named."""
    n_skipped: int
    remarks: dict[str, int]
    """What a user should know, and how many configurations it concerns."""
