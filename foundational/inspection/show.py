"""What a dataset is, in a few lines that a script can rely on, from its small files: nothing reads its numbers."""

from pathlib import Path
from typing import Any

from foundational.data.integrity.store_manifest import Place, read_descriptions, read_root
from foundational.data.remote.address import is_address
from foundational.errors import NotFoundError
from foundational.project import DATASETS, index_place, project_or_none
from foundational.provenance.record import ProvenanceRecord, read_record
from foundational.release.registry.registry import read_registry
from foundational.release.transfer.location import locate


def place_of(name: str, root: Path | None) -> Place:
    """Where the dataset ``name`` lies: on this machine, or at the address that it is.

    Raises
    ------
    NotFoundError
        There is none.
    """
    if not is_address(name):
        return locate(name, root)
    from foundational.release.transfer.remote import remote_store  # noqa: PLC0415 - for addresses alone

    return remote_store(name)


def record_of(name: str, root: Path | None) -> ProvenanceRecord | None:
    """The record beside the dataset ``name``, or None where it has none (a file from elsewhere)."""
    if is_address(name):
        from foundational.release.transfer.remote import record_beside, remote_store  # noqa: PLC0415

        return record_beside(remote_store(name))
    try:
        return read_record(locate(name, root).parent)
    except NotFoundError:
        return None


def show(name: str, root: Path | None = None, *, where: str | None = None) -> dict[str, Any]:
    """Name, element, version, fingerprint, size, labeller and parent of a dataset; None where unknown.

    The fingerprint is the one that its record states; `foundational.inspection.check.check` compares it with the data.
    It is computed from the data only where there is no record, or where the record is of another number of
    configurations or atoms. With the condition ``where`` it also counts the configurations that fulfil it.

    Raises
    ------
    NotFoundError
        where there is no such dataset; the closest name is offered.
    ChecksumError, DatasetError
        where its root document or the list of its files is damaged.
    """
    if not is_address(name) and (path := imported_path(name)) is not None:
        return _shown_file(name, path, where)
    store = place_of(name, root)
    attributes, entries = read_root(store)
    sizes = {
        dimension: length
        for description in read_descriptions(store, entries).values()
        for dimension, length in zip(description["dimension_names"], description["shape"], strict=True)
    }
    n_configurations, n_atoms = sizes["configuration"], sizes["atom"]
    record = record_of(name, root)
    if record is not None and (record.output.n_configurations, record.output.n_atoms) == (n_configurations, n_atoms):
        printed = record.output.fingerprint
    else:
        printed = _computed(store)
    parent = None
    if record is not None and record.inputs:
        source = record.inputs[0]
        parent = {"name": source.name, "version": source.version, "fingerprint": source.fingerprint}
    return {
        "name": name,
        "element": attributes.get("element"),
        "version": None if record is None else _version(record, printed, root),
        "fingerprint": printed,
        "n_configurations": n_configurations,
        "n_atoms": n_atoms,
        "labeller": None if record is None else record.labeller.model_dump(mode="json"),
        "parent": parent,
        "volume_per_atom": attributes.get("volume_per_atom"),
    } | ({} if where is None else _selected(store, where))


def _selected(store: Place, where: str) -> dict[str, Any]:
    from foundational.data.batches import Offsets  # noqa: PLC0415 - numpy
    from foundational.data.integrity.stored_array import open_table  # noqa: PLC0415 - numpy
    from foundational.data.query.computed import DatasetIndex  # noqa: PLC0415
    from foundational.data.query.index import stored_index  # noqa: PLC0415
    from foundational.data.query.selection import rows_where  # noqa: PLC0415

    table = open_table(store)
    # At an address only those columns are computed that are asked for: the index needs all numbers.
    index = stored_index(*index_place(store)) if isinstance(store, Path) else DatasetIndex(table)
    rows = rows_where(where, index)
    atoms = int(Offsets.of(table).n_atoms[rows].sum())
    return {"where": where, "n_selected": len(rows), "n_atoms_selected": atoms}


def _computed(store: Place) -> str:
    from foundational.data.fingerprint import fingerprint  # noqa: PLC0415 - with xarray it takes longer than all else
    from foundational.data.store import open_store  # noqa: PLC0415

    return fingerprint(open_store(store))


def imported_path(name: str) -> Path | None:
    """The path of a file of another program; None where ``name`` means a dataset."""
    path = Path(name)
    if not path.is_file() and not path.suffix:
        return None
    from foundational.interchange.reading.formats import is_file_of_frames  # noqa: PLC0415 - numpy and ASE

    return path if is_file_of_frames(name) else None


def _shown_file(name: str, path: Path, where: str | None) -> dict[str, Any]:
    """What `show` says of a file of another program."""
    from foundational.data.fingerprint import fingerprint  # noqa: PLC0415 - numpy and xarray
    from foundational.interchange.importing import import_files  # noqa: PLC0415 - numpy and ASE

    imported = import_files([path])
    return {
        "name": name,
        "element": "".join(imported.report.elements),
        "version": None,
        "fingerprint": fingerprint(imported.dataset),
        "n_configurations": imported.report.configurations,
        "n_atoms": imported.report.atoms,
        "labeller": None,
        "parent": None,
        "volume_per_atom": imported.dataset.attrs.get("volume_per_atom"),
        "format": imported.files[0].format,
        "labels": {label.label: f"{label.key} ({label.unit})" for label in imported.report.labels},
        "without": imported.report.without,
    } | ({} if where is None else _selected_of_file(imported.dataset, where))


def _selected_of_file(dataset: Any, where: str) -> dict[str, Any]:
    from foundational.data.query.computed import DatasetIndex  # noqa: PLC0415
    from foundational.data.query.selection import rows_where  # noqa: PLC0415

    rows = rows_where(where, DatasetIndex(dataset))
    atoms = int(dataset["n_atoms"].to_numpy()[rows].sum())
    return {"where": where, "n_selected": len(rows), "n_atoms_selected": atoms}


def _version(record: ProvenanceRecord, printed: str, root: Path | None) -> str | None:
    """The version under which the data were released: from the record of a pulled set, else from the registry."""
    if record.output.version is not None:
        return record.output.version
    project = project_or_none(root)
    return None if project is None else read_registry(project / DATASETS / record.output.name).released_as(printed)
