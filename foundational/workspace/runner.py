"""What surrounds every stage: the lock, the refusal to overwrite, atomic writes, the record and the run log.

A stage itself is a pure function from a specification and datasets to a dataset; it knows nothing of this.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xarray as xr

from foundational.data.fingerprint import fingerprint
from foundational.data.store import write_dataset
from foundational.errors import ConflictError
from foundational.project import dataset_folder
from foundational.provenance.record import (
    DatasetRecord,
    LabellerRecord,
    ProvenanceRecord,
    software_versions,
    write_record,
)
from foundational.provenance.runlog import logged_run


@dataclass(frozen=True)
class StageOutput:
    """What a stage hands back: the dataset, and what its record must say."""

    dataset: xr.Dataset
    element: str
    labeller: LabellerRecord
    details: dict[str, Any] = field(default_factory=dict)
    """For the record; the same whenever the same work is done."""
    run: dict[str, Any] = field(default_factory=dict)
    """For the run log."""


@contextmanager
def exclusive(root: Path, name: str) -> Iterator[None]:
    """Hold the dataset ``name`` against other processes; ConflictError where another one holds it."""
    path = root / "build" / "locks" / f"{name.replace('/', '--')}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(f"another process is writing the dataset {name!r}; wait for it to end") from None
        yield


def describe(name: str, dataset: xr.Dataset) -> DatasetRecord:
    """The dataset as a record names it."""
    return DatasetRecord(
        name=name,
        version=None,
        fingerprint=fingerprint(dataset),
        n_configurations=dataset.sizes["configuration"],
        n_atoms=dataset.sizes["atom"],
    )


def record_of(
    name: str, stage: str, spec: dict[str, Any], seed: int, parents: tuple[ProvenanceRecord, ...], made: StageOutput
) -> ProvenanceRecord:
    """The record of what a stage made."""
    return ProvenanceRecord(
        stage=stage,
        output=describe(name, made.dataset),
        inputs=tuple(parent.output for parent in parents),
        element=made.element,
        labeller=made.labeller,
        spec=spec,
        seed=seed,
        software=software_versions(stage),
        details=made.details,
        parents=parents,
    )


def produce(
    root: Path,
    name: str,
    stage: str,
    spec: dict[str, Any],
    seed: int,
    parents: tuple[ProvenanceRecord, ...],
    build: Callable[[], StageOutput],
    *,
    force: bool = False,
) -> ProvenanceRecord:
    """Run ``build`` and store what it makes as the dataset ``name``, with its record.

    Parameters
    ----------
    parents
        records of the datasets the stage reads; they are embedded
    force
        replace a dataset that is there. Without it an existing one is refused: nothing that is stored is replaced
        silently (``dvc repro`` removes an outdated output before it runs the stage).

    Raises
    ------
    ConflictError
        where the dataset exists, or another process is writing it.
    """
    folder = dataset_folder(root, name)
    unfinished = folder / ".unfinished"
    with exclusive(root, name):
        force = force or unfinished.exists()
        if (folder / "data.zarr").exists() and not force:
            raise ConflictError(
                f"the dataset {name!r} exists already; choose another --name, or replace it with --force"
            )
        with logged_run(root, stage, name) as log:
            made = build()
            record = record_of(name, stage, spec, seed, parents, made)
            # The data first: a record without its data would claim what is not there. A kill between the two leaves
            # the mark, by which the next run knows that it may replace them.
            folder.mkdir(parents=True, exist_ok=True)
            unfinished.touch()
            write_dataset(made.dataset, folder / "data.zarr", replace=force)
            write_record(folder, record)
            unfinished.unlink()
            log |= {"configurations": record.output.n_configurations, **made.run}
    return record
