"""What a dataset is, in a few lines that a script can rely on."""

from pathlib import Path
from typing import Any

from foundational.data.fingerprint import fingerprint
from foundational.data.store import open_store
from foundational.errors import NotFoundError
from foundational.project import DATASETS, project_or_none
from foundational.provenance.record import ProvenanceRecord, read_record
from foundational.release.registry.registry import read_registry
from foundational.release.transfer.retrieval import locate


def record_of(name: str, root: Path | None) -> ProvenanceRecord | None:
    """The record beside the dataset ``name``, or None where it has none (a file from elsewhere)."""
    try:
        return read_record(locate(name, root).parent)
    except NotFoundError:
        return None


def show(name: str, root: Path | None = None) -> dict[str, Any]:
    """Name, element, version, fingerprint, size, labeller and parent of a dataset; None where unknown.

    Raises
    ------
    NotFoundError
        where there is no such dataset; the closest name is offered.
    """
    dataset = open_store(locate(name, root))
    record = record_of(name, root)
    printed = fingerprint(dataset)
    parent = None
    if record is not None and record.inputs:
        source = record.inputs[0]
        parent = {"name": source.name, "version": source.version, "fingerprint": source.fingerprint}
    return {
        "name": name,
        "element": dataset.attrs.get("element"),
        "version": None if record is None else _version(record, printed, root),
        "fingerprint": printed,
        "n_configurations": dataset.sizes["configuration"],
        "n_atoms": dataset.sizes["atom"],
        "labeller": None if record is None else record.labeller.model_dump(mode="json"),
        "parent": parent,
        "volume_per_atom": dataset.attrs.get("volume_per_atom"),
    }


def _version(record: ProvenanceRecord, printed: str, root: Path | None) -> str | None:
    """The version under which the data were released: from the record of a pulled set, else from the registry."""
    if record.output.version is not None:
        return record.output.version
    project = project_or_none(root)
    return None if project is None else read_registry(project / DATASETS / record.output.name).released_as(printed)
