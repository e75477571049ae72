"""What surrounds every stage: the lock, the refusal to overwrite, atomic writes, the record and the run log.

A stage itself is a pure function from a specification and datasets to a dataset; none of this is in it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xarray as xr

from foundational.data.fingerprint import fingerprint
from foundational.data.integrity.storing import exclusive, settle, store_together
from foundational.errors import ConflictError
from foundational.project import STORE, dataset_folder, refuse_case_twin
from foundational.provenance.record import (
    DatasetRecord,
    LabellerRecord,
    ProvenanceRecord,
    read_record,
    software_versions,
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
    work_files: tuple[str, ...] = ()
    """Names of files in ``build/work`` that only an interrupted run needs, such as a journal of labels; they are
    removed once the dataset is stored."""


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

    A run of the same work that was killed after its data were stored is completed, and its record is returned.

    Parameters
    ----------
    parents
        records of the datasets the stage reads; they are embedded
    force
        replace an existing dataset. Without it an existing one is refused: nothing that is stored is replaced
        silently (``dvc repro`` removes an outdated output before it runs the stage).

    Raises
    ------
    ConflictError
        where the dataset exists, or another process is writing it.
    """
    folder = dataset_folder(root, name)
    refuse_case_twin(root, name)
    with exclusive(root, name):
        if (
            settle(root, folder)
            and not force
            and (done := _of_same_work(folder, stage, spec, seed, parents)) is not None
        ):
            return done
        if (folder / STORE).exists() and not force:
            raise ConflictError(
                f"the dataset {name!r} exists already; choose another --name, or replace it with --force"
            )
        with logged_run(root, stage, name) as log:
            made = build()
            record = record_of(name, stage, spec, seed, parents, made)
            content = record.model_dump(mode="json")
            store_together(root, folder, made.dataset, content, replace=force, work_files=made.work_files)
            log |= {"configurations": record.output.n_configurations, **made.run}
    return record


def _of_same_work(
    folder: Path, stage: str, spec: dict[str, Any], seed: int, parents: tuple[ProvenanceRecord, ...]
) -> ProvenanceRecord | None:
    """The stored record, where it is of the same work: a killed run had stored all of it."""
    record = read_record(folder)
    inputs = tuple(parent.output for parent in parents)
    same = (record.stage, record.seed, record.inputs) == (stage, seed, inputs)
    return record if same and json.dumps(record.spec) == json.dumps(spec) else None
