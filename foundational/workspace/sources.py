"""Open labelled data by the name that a user gives: a dataset of the project, ``pools/<name>``, or a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from foundational.data.layout import LABELS
from foundational.data.query.choosing import choose
from foundational.data.store import open_store
from foundational.errors import InputError
from foundational.interchange.importing import ImportChoice, Imported, import_files
from foundational.interchange.labels import common_keys
from foundational.interchange.reading.formats import is_file_of_frames
from foundational.progress import Progress
from foundational.project import POOLS, STORE, dataset_folder, find_dataset, index_place, locate_dataset
from foundational.provenance.opened import open_recorded
from foundational.provenance.record import LabellerRecord, ProvenanceRecord, software_versions
from foundational.provenance.selection import selection_record
from foundational.release.transfer.location import locate
from foundational.workspace.pools import open_pool
from foundational.workspace.runner import describe


@dataclass(frozen=True, eq=False)
class LabelledSource:
    """Labelled configurations, and the record that says where they come from."""

    dataset: xr.Dataset
    record: ProvenanceRecord
    """Of a file: the record of its import, with its sha256."""


def open_source(root: Path, source: str, *, labelled: bool = True, where: str | None = None) -> LabelledSource:
    """Open ``source`` with its record.

    Parameters
    ----------
    root
        The project's folder.
    source
        A dataset of the project, a released version of one, ``pools/<name>``, or the path of a file in any format that
        can be imported.
    labelled
        Refuse a file without labels.
    where
        Take the configurations that fulfil this condition alone; the record says so.

    Raises
    ------
    NotFoundError
        If there is no such dataset, version, pool or file.
    ChecksumError
        If the bytes of a pool differ from its manifest.
    InputError
        If a file cannot be read, or has no labels under known names.
    """
    store = None
    if is_file_of_frames(source):
        found = opened_file(Path(source), labelled=labelled)
    elif source.startswith(POOLS):
        found = LabelledSource(*open_pool(root, source.removeprefix(POOLS)))
        store = index_place(dataset_folder(root, source) / STORE)
    else:
        folder = locate(source, root).parent if "@" in source else find_dataset(root, source)
        found = LabelledSource(*open_recorded(folder))
        store = index_place(folder / STORE)
    if where is None:
        return found
    chosen = choose(found.dataset, where, store)
    return LabelledSource(chosen, selection_record(found.record, chosen, where))


def open_configurations(source: str, root: Path | None = None, *, where: str | None = None) -> xr.Dataset:
    """Open labelled configurations that need no record: a file, a dataset's name, or the path of a store.

    Parameters
    ----------
    source
        What to open.
    root
        The project's folder; None: the project around the working directory.
    where
        Take the configurations that fulfil this condition alone.

    Raises
    ------
    NotFoundError
        If there is no such dataset or file.
    InputError
        If the file cannot be read, or has no labels under known names.
    """
    if is_file_of_frames(source):
        return choose(opened_file(Path(source)).dataset, where)
    store = locate_dataset(source, root)
    return choose(open_store(store), where, index_place(store))


def opened_file(path: Path, *, labelled: bool = True) -> LabelledSource:
    """Read a file from elsewhere; its record says so, and holds its sha256.

    Raises
    ------
    NotFoundError
        If there is no such file.
    InputError
        If it cannot be read, or is to be ``labelled`` and has no labels under known names: its keys are listed.
    """
    imported = import_files([path])
    if labelled and not set(LABELS) & set(imported.dataset.data_vars):
        raise InputError(
            f"{path}: no labels found under {common_keys()}; the keys there are: {', '.join(imported.keys) or 'none'}; "
            f"import it with: foundational import {path} --name local/NAME --energy-key KEY --forces-key KEY"
        )
    return as_source(path.name, imported, ImportChoice())


def import_sources(
    paths: list[Path], name: str, choice: ImportChoice, *, progress: Progress | None = None
) -> tuple[LabelledSource, Imported]:
    """Read files as one dataset ``name`` with its record, which names no released parent.

    Raises
    ------
    NotFoundError, InputError, MissingDependencyError
        As `import_files`.
    """
    imported = import_files(paths, choice, progress=progress)
    return as_source(name, imported, choice), imported


def as_source(name: str, imported: Imported, choice: ImportChoice) -> LabelledSource:
    """What was read, as the dataset ``name`` with the record of its import."""
    files = imported.files
    labeller = f"file:{'+'.join(file.file for file in files[:3])}{'+…' if len(files) > 3 else ''}"
    elements = "".join(imported.dataset.attrs["elements"])
    dataset = imported.dataset.assign_attrs(element=elements, labeller=labeller)
    method: dict[str, Any] = {"methods": dataset.attrs["methods"]} if "methods" in dataset.attrs else {}
    record = ProvenanceRecord(
        stage="import",
        output=describe(name, dataset),
        inputs=(),
        element=elements,
        labeller=LabellerRecord(
            id=labeller, version="unknown", sha256=files[0].sha256 if len(files) == 1 else None, parameters=method
        ),
        spec=import_spec(imported, choice),
        seed=0,
        software=software_versions("import"),
        details=imported.report.model_dump(mode="json"),
    )
    return LabelledSource(dataset, record)


def import_spec(imported: Imported, choice: ImportChoice) -> dict[str, Any]:
    """What decided an import: the files by their hashes, and what the user said of them."""
    return {"files": [file.model_dump(mode="json") for file in imported.files], **choice.as_record(imported.labels)}
