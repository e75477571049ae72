"""How released versions come to this machine: what is pulled is first compared with the registry.

Where they lie then: `foundational.release.transfer.location`.
"""

import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path

from foundational.data.atomic_write import whole_folder
from foundational.data.fingerprint import fingerprint
from foundational.data.integrity.hashes import sha256_of
from foundational.data.integrity.store_manifest import ROOT
from foundational.data.store import open_store
from foundational.errors import ChecksumError, ConflictError, InputError
from foundational.project import DATASETS, STORE, project_or_none, user_store
from foundational.provenance.record import write_record
from foundational.release.bundle.bundle import MANIFEST, write_about
from foundational.release.bundle.damage import find_damages
from foundational.release.record import RECORD, ReleaseRecord
from foundational.release.registry.registry import (
    Release,
    YankedWarning,
    doubts,
    known_registry,
    learned,
    merged,
    write_registry,
)
from foundational.release.registry.version import DatasetVersion, Version
from foundational.release.transfer.dvc_objects import tracked_hash
from foundational.release.transfer.location import beside, withdrawn
from foundational.release.transfer.source import ReleaseSource, find_source


@dataclass(frozen=True)
class PullResult:
    """A released version on this machine."""

    store: Path
    record: ReleaseRecord
    fetched: bool
    """False where it was on this machine already."""
    yanked: str | None
    """Why it was withdrawn."""
    doubts: tuple[str, ...] = ()
    """What the source says otherwise than this machine."""
    signed_by: str | None = None


def pull(
    reference: DatasetVersion, source: str | None = None, root: Path | None = None, *, signers: Path | None = None
) -> PullResult:
    """Bring a released version to this machine: the newest that was not withdrawn where none is named.

    Parameters
    ----------
    source
        Where from: a release's zip or folder, a folder or URL of several (what ``foundational release --out`` writes,
        served by any web server), another project, or a git URL of one. By default the project's own DVC store.
    signers
        Require a signature by one of these (allowed signers of ssh-keygen). Without it, the source is believed in what
        nothing on this machine contradicts.

    Raises
    ------
    NotFoundError
        There is no such release, or no way to it.
    ChecksumError
        What came is not what was released, or not signed; nothing is kept.
    ConflictError
        Other data lie where it belongs, or the source's registry has another history than that on this machine.
    """
    if source is not None and not source.strip():
        raise InputError("expected a URL, folder or zip after --from, got nothing")
    project = project_or_none(root)
    known = known_registry(reference.name, project)
    with find_source(reference, source, project, known, signers) as origin:
        registry = (learned if origin.remote else merged)(known, origin.registry)
        record = origin.record
        entry = next((release for release in registry.releases if release.version == record.version), None)
        version = Version.parse(record.version)
        target = _target(record, entry, project)
        fetched = _place(target, origin, entry)
        if project is None and registry.releases:
            write_registry(user_store() / record.name, registry)
    wanted = DatasetVersion(record.name, version)
    if record.version in registry.yanked:
        warnings.warn(withdrawn(wanted, registry), YankedWarning, stacklevel=2)
    said = doubts(known, origin.registry, str(source)) if origin.remote and origin.registry.releases else []
    return PullResult(target, record, fetched, registry.yanked.get(record.version), tuple(said), origin.signed_by)


def _target(record: ReleaseRecord, entry: Release | None, project: Path | None) -> Path:
    """Where the store of a version belongs."""
    version = Version.parse(record.version)
    if project is None:
        return user_store() / record.name / record.version / STORE
    own = entry is not None and tracked_hash(project, record.name) == entry.tracked
    return project / DATASETS / record.name / STORE if own else beside(project, record.name, version)


def _place(target: Path, origin: ReleaseSource, entry: Release | None) -> bool:
    """Put the store at ``target``, with its records where git does not keep them; whether that was necessary.

    A damaged copy is replaced, but for the project's own data. Of two processes that pull at once the first gives the
    name, and the other finds the release.
    """
    own = target.parent.name == origin.record.name and target.parent.parent.name == DATASETS
    damaged = False
    if target.exists():
        damage = _damage(target, origin.record, entry)
        if damage is None:
            return False
        if own:
            raise ConflictError(f"{target} holds other data, which are not replaced; move them away ({damage})")
        damaged = True
    replace = damaged or (not own and target.parent.exists())
    try:
        with whole_folder(target if own else target.parent, replace=replace) as folder:
            store = folder if own else folder / STORE
            origin.copy_store(store)
            _require_release(store, origin.record, entry)
            if not own:
                write_record(folder, origin.record.provenance)
                for file in (RECORD, MANIFEST):  # with which every byte of them can be compared
                    shutil.copyfile(origin.kept / file, folder / file)
                write_about(folder, origin.record.about)
    except ConflictError:
        if not target.exists() or _damage(target, origin.record, entry) is not None:
            raise
        return False
    return True


def _damage(store: Path, record: ReleaseRecord, entry: Release | None) -> str | None:
    """Why a store is not what was released; None where it is."""
    try:
        _require_release(store, record, entry)
    except ChecksumError as error:
        return str(error)
    return None


def _require_release(store: Path, record: ReleaseRecord, entry: Release | None) -> None:
    """Refuse a store that is not, to the last byte, what was released."""
    what = f"{record.name}@{record.version}"
    if damages := find_damages(store):
        raise ChecksumError(f"the data that came as {what} are damaged: " + "; ".join(map(str, damages)))
    if entry is not None and sha256_of(store / ROOT) != entry.root:
        raise ChecksumError(f"the data that came as {what} are not those that the registry records")
    if fingerprint(open_store(store)) != record.fingerprint:
        raise ChecksumError(f"the data that came as {what} have another fingerprint than was released")
