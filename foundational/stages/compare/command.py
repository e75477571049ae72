"""``foundational diff --physics``: train networks on both datasets with the same settings, and compare them."""

from pathlib import Path

from foundational.data.named import NamedDataset
from foundational.errors import InputError
from foundational.evaluation.physics_change import PhysicsChange, physics_change
from foundational.progress import Progress
from foundational.project import find_root
from foundational.provenance.record import ProvenanceRecord
from foundational.release.comparison.difference import ComparedDataset
from foundational.stages.validate.command import ValidateOptions, validate_opened


def compare_physics(
    a: ComparedDataset,
    b: ComparedDataset,
    root: Path | None = None,
    *,
    members: int | None = None,
    progress: Progress | None = None,
) -> PhysicsChange:
    """Networks of both, with the settings and the seeds of a validation of ``b``.

    Crystals are compared with those of the method that labelled each; properties are not computed.

    Raises
    ------
    InputError
        The record of one is not known, they are of different elements, or the project's holdout shares configurations
        with one of them.
    NotFoundError
        There is no project, whose params.yaml has the settings.
    """
    project = find_root(root)
    records = [_record(side) for side in (a, b)]
    if len({record.element for record in records}) > 1:
        elements = " and ".join(record.element for record in records)
        raise InputError(f"--physics: expected two sets of one element, got {elements}")
    options = ValidateOptions(members=members, properties=(), full_relaxations=False)
    # One name: so both have the same seeds and the same holdout.
    name = records[1].output.name
    reports = [
        validate_opened(
            project, NamedDataset(name, side.dataset), record, options, progress=_naming(side.title, progress)
        )
        for side, record in zip((a, b), records, strict=True)
    ]
    return physics_change(a.title, b.title, *reports)


def _naming(side: str, progress: Progress | None) -> Progress | None:
    """The progress with the side on which networks are trained and tested."""
    if progress is None:
        return None
    return lambda done, total, message: progress(done, total, f"{side}, {message}")


def _record(side: ComparedDataset) -> ProvenanceRecord:
    if side.provenance is None:
        raise InputError(
            f"--physics: expected datasets with their records, which say what labelled them; {side.title} has none"
        )
    return side.provenance
