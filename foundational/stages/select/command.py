"""``foundational pull --where``: the configurations of a release that fulfil a condition, from where it lies."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foundational.data.atomic_write import temporary_folder
from foundational.data.integrity.store_manifest import Place
from foundational.data.query.computed import DatasetIndex
from foundational.data.query.selection import rows_where
from foundational.data.store import open_store
from foundational.data.streaming.spooling import chosen_rows
from foundational.errors import InputError, NotFoundError
from foundational.progress import Progress
from foundational.project import STORE, find_root
from foundational.provenance.record import ProvenanceRecord
from foundational.release.registry.registry import YankedWarning, known_registry
from foundational.release.registry.version import DatasetVersion, Version
from foundational.release.transfer.location import withdrawn
from foundational.release.transfer.remote import RemoteRelease, dvc_store, is_remote, remote_release
from foundational.release.transfer.source import find_source
from foundational.workspace.runner import StageOutput, produce


def pull_where(
    reference: DatasetVersion,
    where: str,
    name: str,
    *,
    source: str | None = None,
    root: Path | None = None,
    progress: Progress | None = None,
) -> ProvenanceRecord:
    """Store the configurations of a release that fulfil ``where`` as the dataset ``name`` of the project.

    From a server only those chunks are read that the condition asks for and that hold these configurations. Each has a
    checksum, and the root document is compared with the registry.

    Parameters
    ----------
    source
        As for `foundational.release.transfer.retrieval.pull`; also ``s3://…``. None: the project's DVC store, and then
        its remotes that are servers.

    Raises
    ------
    NotFoundError
        There is no such release, or no project.
    ChecksumError
        What is at the source is not what was released.
    InputError
        The condition is not of the language, or no configuration fulfils it.
    ConflictError
        There is a dataset of that name already.

    Warns
    -----
    YankedWarning
        The version was withdrawn.
    """
    project = find_root(root)
    if not name.startswith("local/"):
        raise InputError(f"expected a name that begins with local/ for a selection, got {name!r}")
    with _opened(project, reference, source) as release, temporary_folder() as spool:
        dataset = open_store(release.store)
        rows = rows_where(where, DatasetIndex(dataset))
        if not rows.size:
            raise InputError(f"--where {where!r}: no configuration of {release.record.n_configurations:,} fulfils it")
        parent = release.record.provenance
        known, version = known_registry(reference.name, project), Version.parse(release.record.version)
        if release.record.version in known.yanked:
            warnings.warn(withdrawn(DatasetVersion(reference.name, version), known), YankedWarning, stacklevel=2)

        def build() -> StageOutput:
            if progress is not None:
                progress(0, len(rows), "reading")
            return StageOutput(chosen_rows(dataset, rows, spool / STORE), parent.element, parent.labeller)

        return produce(project, name, "select", {"where": where}, parent.seed, (parent,), build)


@contextmanager
def _opened(project: Path, reference: DatasetVersion, source: str | None) -> Iterator[RemoteRelease]:
    """The release at ``source``: read where it lies on a server, and from a copy elsewhere."""
    known = known_registry(reference.name, project)
    if source is not None and is_remote(source):
        yield remote_release(reference, source, known)
        return
    with find_source(reference, source, project, known) as origin, temporary_folder() as temporary:
        copied = temporary / STORE
        store: Place = copied
        try:
            origin.copy_store(copied)
        except NotFoundError:  # neither in DVC's cache nor in a remote that is a folder
            entry = known.find(Version.parse(origin.record.version)) if source is None and known.releases else None
            found = None if entry is None else dvc_store(project, entry)
            if found is None:
                raise
            store = found
        yield RemoteRelease(store, origin.record)
