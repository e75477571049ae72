"""Where released versions lie on this machine, and how they get there.

In a project the version that the project holds lies in ``datasets/<name>``, any other in
``datasets/local/<name>-<version>``; elsewhere they lie in the user's own store, ``$XDG_DATA_HOME/foundational`` or
``~/.local/share/foundational``, beside a copy of the registry. What is pulled was compared with the registry first.
"""

import warnings
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from foundational.data.atomic_write import whole_folder
from foundational.data.fingerprint import fingerprint
from foundational.data.integrity.hashes import sha256_of
from foundational.data.integrity.store_manifest import ROOT
from foundational.data.store import open_store
from foundational.errors import ChecksumError, ConflictError, NotFoundError, did_you_mean
from foundational.project import DATASETS, STORE, can_be_name, locate_dataset, project_or_none, user_store
from foundational.provenance.record import write_json, write_record
from foundational.release.bundle.bundle import write_about
from foundational.release.bundle.damage import find_damages
from foundational.release.record import RECORD, ReleaseRecord, read_release
from foundational.release.registry.registry import (
    Registry,
    Release,
    YankedWarning,
    known_registry,
    merged,
    read_registry,
    write_registry,
)
from foundational.release.registry.version import DatasetVersion, Version, is_version, parse_dataset_version
from foundational.release.transfer.dvc_objects import tracked_hash
from foundational.release.transfer.source import ReleaseSource, find_source


@dataclass(frozen=True)
class PullResult:
    """A released version on this machine."""

    store: Path
    record: ReleaseRecord
    fetched: bool
    """False where it was here already."""
    yanked: str | None
    """Why it was withdrawn."""


def locate(name_or_path: str | PathLike[str], root: Path | None = None) -> Path:
    """The store that a name, a name@version or a path means.

    A name alone is the working copy in a project, and the newest pulled release outside of one.

    Raises
    ------
    NotFoundError
        It is not on this machine; the message says how to fetch it.
    InputError
        The registry was edited by hand.

    Warns
    -----
    YankedWarning
        The version was withdrawn.
    """
    if not isinstance(name_or_path, str) or "@" not in name_or_path or Path(name_or_path).exists():
        try:
            return locate_dataset(name_or_path, root)
        except NotFoundError:
            if not isinstance(name_or_path, str) or not can_be_name(name_or_path) or project_or_none(root) is not None:
                raise
        return _newest_pulled(name_or_path)
    reference = parse_dataset_version(name_or_path)
    if reference.version is None:
        raise NotFoundError(f"expected a version after the @ of {name_or_path!r}, such as {reference.name}@1.0.0")
    project = project_or_none(root)
    registry = known_registry(reference.name, project)
    entry = registry.find(reference.version) if registry.releases else None
    for store in _places(reference.name, reference.version, project):
        if _is_release(store, reference, entry):
            if str(reference.version) in registry.yanked:
                warnings.warn(_withdrawn(reference, registry), YankedWarning, stacklevel=3)
            return store
    where = "" if project is not None and entry is not None else " --from URL, folder or zip"
    raise NotFoundError(f"{reference} is not on this machine; fetch it with: foundational pull {reference}{where}")


def pulled_versions(name: str) -> list[Version]:
    """Versions of ``name`` in the user's store, oldest first, those that were withdrawn among them."""
    stores = (user_store() / name).glob(f"*/{STORE}")
    return sorted(Version.parse(s.parent.name) for s in stores if is_version(s.parent.name))


def _newest_pulled(name: str) -> Path:
    """The store of the newest version of ``name`` in the user's store that was not withdrawn."""
    versions = pulled_versions(name)
    yanked = read_registry(user_store() / name).yanked
    valid = [version for version in versions if str(version) not in yanked]
    if valid:
        return locate(f"{name}@{valid[-1]}")
    if versions:
        raise NotFoundError(
            f"every version of {name!r} on this machine was withdrawn; pull a newer one, or open {name}@{versions[-1]}"
        )
    pulled = sorted({store.parents[1].name for store in user_store().glob(f"*/*/{STORE}")})
    raise NotFoundError(
        f"no dataset {name!r} was pulled to this machine, and {Path.cwd()} is in no project; "
        f"{did_you_mean(name, pulled)} (fetch it with: foundational pull {name} --from URL, folder or zip)"
    )


def pull(reference: DatasetVersion, source: str | None = None, root: Path | None = None) -> PullResult:
    """Bring a released version to this machine: the newest that was not withdrawn where none is named.

    Parameters
    ----------
    source
        Where from: a release's zip or folder, a folder or URL of several (what ``foundational release --out`` writes,
        served by any web server), another project, or a git URL of one. By default the project's own DVC store.

    Raises
    ------
    NotFoundError
        There is no such release, or no way to it.
    ChecksumError
        What came is not what was released; nothing is kept.
    ConflictError
        Other data lie where it belongs, or the source tells another history than the registry here.
    """
    project = project_or_none(root)
    registry = known_registry(reference.name, project)
    with find_source(reference, source, project, registry) as origin:
        registry = merged(registry, origin.registry)
        record = origin.record
        entry = next((release for release in registry.releases if release.version == record.version), None)
        version = Version.parse(record.version)
        target = _target(record, entry, project)
        fetched = _place(target, origin, entry)
        if project is None and registry.releases:
            write_registry(user_store() / record.name, registry)
    wanted = DatasetVersion(record.name, version)
    if record.version in registry.yanked:
        warnings.warn(_withdrawn(wanted, registry), YankedWarning, stacklevel=2)
    return PullResult(target, record, fetched, registry.yanked.get(record.version))


def _places(name: str, version: Version, project: Path | None) -> list[Path]:
    places = [user_store() / name / str(version) / STORE]
    if project is not None:
        places = [project / DATASETS / name / STORE, _beside(project, name, version), *places]
    return places


def _beside(project: Path, name: str, version: Version) -> Path:
    return project / DATASETS / "local" / f"{name}-{version}" / STORE


def _is_release(store: Path, reference: DatasetVersion, entry: Release | None) -> bool:
    """Whether a store is that release: by its root document, or where no registry knows it by the record beside it."""
    if not (store / ROOT).is_file():
        return False
    if entry is not None:
        return sha256_of(store / ROOT) == entry.root
    path = store.parent / RECORD
    if not path.is_file():
        return False
    record = read_release(path)
    return (record.name, record.version) == (reference.name, str(reference.version))


def _target(record: ReleaseRecord, entry: Release | None, project: Path | None) -> Path:
    """Where the store of a version belongs."""
    version = Version.parse(record.version)
    if project is None:
        return user_store() / record.name / record.version / STORE
    own = entry is not None and tracked_hash(project, record.name) == entry.tracked
    return project / DATASETS / record.name / STORE if own else _beside(project, record.name, version)


def _place(target: Path, origin: ReleaseSource, entry: Release | None) -> bool:
    """Put the store at ``target``, with its records where git does not keep them; whether that was necessary.

    A damaged copy is replaced, but for the project's own data. Of two processes that pull at once the first gives the
    name, and the other finds the release there.
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
                write_json(folder / RECORD, origin.record.model_dump(mode="json"))
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


def _withdrawn(reference: DatasetVersion, registry: Registry) -> str:
    version = str(reference.version)
    newer = [r.version for r in registry.releases if r.version not in registry.yanked]
    instead = f"; take {reference.name}@{newer[-1]}" if newer else ""
    return f"{reference} was withdrawn: {registry.yanked[version]}{instead}"
