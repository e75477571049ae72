"""What a user compares: a dataset, a version, a git revision, a folder, a release, a file."""

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

from foundational.data.atomic_write import temporary_folder
from foundational.data.integrity.hashes import sha256_of
from foundational.data.integrity.store_manifest import ROOT
from foundational.data.integrity.stored_array import open_table
from foundational.errors import NotFoundError
from foundational.project import DATASETS, STORE, find_root, index_place, locate_dataset, project_or_none
from foundational.provenance.record import ProvenanceRecord, parse_record, read_record
from foundational.release.bundle.bundle import DATA, MANIFEST, read_kept
from foundational.release.comparison.difference import ComparedDataset
from foundational.release.registry.git import commit_of, read_at
from foundational.release.registry.registry import RELEASES, YankedWarning, read_registry
from foundational.release.registry.version import DatasetVersion, parse_dataset_version
from foundational.release.transfer.dvc_objects import fetch, tracked_hash
from foundational.release.transfer.location import locate
from foundational.specs.about import About, read_about
from foundational.specs.parsing import parse, parse_yaml


@contextmanager
def open_compared(text: str, root: Path | None = None, *, table: bool = False) -> Iterator[ComparedDataset]:
    """What ``text`` names, opened lazily, with its about.yaml and provenance where they are known.

    Parameters
    ----------
    table
        Open a store without xarray, which takes longer to import than small sets take to compare.

    Raises
    ------
    NotFoundError
        There is nothing of that name, or its data are not on this machine.
    ChecksumError, DatasetError, InputError
        It cannot be opened.
    """
    path = Path(text)
    bundled = (path / MANIFEST).is_file() and (path / DATA).is_file()
    if (path.is_file() or path.suffix) and _is_file_of_frames(text):
        from foundational.interchange.importing import ImportChoice, import_files  # noqa: PLC0415 - ASE, for files alone
        from foundational.interchange.label_choice import LabelChoice  # noqa: PLC0415

        # A label that is NaN is unknown: what two files do not know does not differ.
        choice = ImportChoice(LabelChoice(nan="unknown"))
        imported = import_files([path], choice)
        yield ComparedDataset(text, imported.dataset, keys=imported.keys)
    elif bundled or (path.suffix == ".zip" and not text.endswith(".zarr.zip")):
        from foundational.release.bundle.verification import opened_bundle  # noqa: PLC0415 - xarray, for bundles alone

        with opened_bundle(path) as bundle:
            yield _opened(_of_folder(text, bundle, bundle / DATA), table)
    elif "@" in text and not path.exists():
        reference = parse_dataset_version(text)
        revision = reference.revision
        with _of_version(reference, root) if revision is None else _of_revision(reference, revision, root) as side:
            yield _opened(side, table)
    else:
        store = locate_dataset(text, root)
        yield _opened(_of_folder(text, store.parent, store), table)


def _is_file_of_frames(text: str) -> bool:
    from foundational.interchange.reading.formats import is_file_of_frames  # noqa: PLC0415 - numpy and ASE

    return is_file_of_frames(text)


@dataclass(frozen=True)
class _Side:
    """What a store and the files beside it say, before its numbers are opened."""

    title: str
    store: Path
    about: About | None
    provenance: ProvenanceRecord | None


def _opened(side: _Side, table: bool) -> ComparedDataset:
    store = side.store
    if table:
        dataset = open_table(store)
    else:
        from foundational.data.store import open_store  # noqa: PLC0415 - xarray

        dataset = open_store(store)
    if store.is_dir():
        encoding = sha256_of(store / ROOT)
    else:
        with ZipFile(store) as archive:
            encoding = hashlib.sha256(archive.read(ROOT)).hexdigest()
    return ComparedDataset(side.title, dataset, side.about, side.provenance, encoding, store=index_place(store))


@contextmanager
def _of_version(reference: DatasetVersion, root: Path | None) -> Iterator[_Side]:
    """A version from this machine or from the project's DVC store."""
    title = str(reference)
    project = project_or_none(root)
    registry = None if project is None else read_registry(project / DATASETS / reference.name)
    if project is None or registry is None or not registry.releases:
        store = locate(title, root)
        yield _of_folder(title, store.parent, store)
        return
    entry = registry.find(reference.version)
    record = read_kept(project / DATASETS / reference.name / RELEASES / entry.version, entry.manifest)
    try:
        with warnings.catch_warnings(category=YankedWarning, action="ignore"):
            store = locate(title, root)
    except NotFoundError:
        with _fetched(project, entry.tracked) as store:
            yield _Side(title, store, record.about, record.provenance)
    else:
        yield _Side(title, store, record.about, record.provenance)


@contextmanager
def _of_revision(reference: DatasetVersion, revision: str, root: Path | None) -> Iterator[_Side]:
    """The data as DVC tracked them at a git revision, and the records as git has them there."""
    project, name, title = find_root(root), reference.name, str(reference)
    commit = commit_of(project, revision)
    tracked = tracked_hash(project, name, commit)
    if tracked is None:
        raise NotFoundError(f"no data of {name!r} are tracked by DVC at the revision {revision!r}")
    about, record = (
        read_at(project, commit, f"{DATASETS}/{name}/{file}") for file in ("about.yaml", "provenance.json")
    )
    with _fetched(project, tracked) as store:
        yield _Side(
            title,
            store,
            parse(About, parse_yaml(about, title), f"about.yaml of {title}"),
            parse_record(record, f"provenance.json of {title}"),
        )


@contextmanager
def _fetched(project: Path, tracked: str) -> Iterator[Path]:
    with temporary_folder() as temporary:
        fetch(project, tracked, temporary / STORE, link=True)
        yield temporary / STORE


def _of_folder(title: str, folder: Path, store: Path) -> _Side:
    """A store with the records beside it, where there are any."""
    try:
        about: About | None = read_about(folder)
    except NotFoundError:
        about = None
    try:
        provenance: ProvenanceRecord | None = read_record(folder)
    except NotFoundError:
        provenance = None
    return _Side(title, store, about, provenance)
