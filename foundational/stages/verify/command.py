"""Verify whatever a user names: a release's folder or zip, a version, or a dataset of the project."""

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path

from foundational.data.atomic_write import temporary_folder
from foundational.data.integrity.hashes import sha256_of
from foundational.data.integrity.store_manifest import ROOT
from foundational.data.remote.address import is_address
from foundational.errors import ChecksumError, FoundationalError, InputError, NotFoundError
from foundational.progress import Progress
from foundational.project import BUNDLES, DATASETS, project_or_none, user_store
from foundational.provenance.record import PROVENANCE, ProvenanceRecord, read_record
from foundational.release.bundle.archive import archive_folder
from foundational.release.bundle.bundle import DATA, MANIFEST, read_kept, read_manifest
from foundational.release.bundle.signature import signer
from foundational.release.bundle.verification import (
    SIGNATURE,
    Verification,
    opened_bundle,
    verify_bundle,
    verify_data,
    verify_remote,
)
from foundational.release.comparison.released_records import record_differences
from foundational.release.record import RECORD, ReleaseRecord, read_release
from foundational.release.registry.git import has_history, read_at
from foundational.release.registry.registry import (
    REGISTRY,
    RELEASES,
    Registry,
    Release,
    YankedWarning,
    known_registry,
    read_registry,
    registry_text,
    require_history,
)
from foundational.release.registry.version import DatasetVersion, Version, parse_dataset_version
from foundational.release.transfer.bundle_from_commit import bundle_of
from foundational.release.transfer.location import locate
from foundational.specs.about import About, read_about


def verify(
    what: str,
    root: Path | None = None,
    *,
    relabel: int = 0,
    signers: Path | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Verify a release or a dataset: every byte, every rule, the registry, and labels and signature where asked.

    The records beside the data are compared with those of the release of the same data, or with those of the newest
    release where the data are new. A version whose data are not on this machine is made again from its own commit, as
    `foundational.release.transfer.bundle_from_commit.bundle_of` does, and its bundle is verified.

    Parameters
    ----------
    what
        A release's folder or zip, ``ni@1.0.0``, the name of a dataset of the project, or the address of a dataset or of
        a release's zip, which is read there.
    relabel
        Configurations, spread evenly, to label again with the potential that the provenance names.
    signers
        Require a signature by one of these allowed signers.

    Raises
    ------
    NotFoundError
        There is no such release or dataset.
    ChecksumError
        It cannot be read at all.
    ConflictError
        Its commit gives other bytes than were released.
    InputError
        ``relabel`` or ``signers`` with an address, where they cannot be obeyed.
    """
    if is_address(what):
        if relabel or signers is not None:
            raise InputError(f"expected a release on this machine with --signers or --relabel, got {what}: pull it")
        return _at_address(what, root, progress)
    path = Path(what)
    bundled = (path / MANIFEST).is_file() and (path / DATA).is_file()
    if bundled or path.suffix == ".zip":
        return _bundle(path, root, relabel, signers, progress)
    reference = DatasetVersion(path.name) if path.exists() and "@" not in what else parse_dataset_version(what)
    project = project_or_none(root)
    try:
        with warnings.catch_warnings(category=YankedWarning, action="ignore"):  # it is part of the answer
            store = locate(what, root)
    except NotFoundError:
        bundle = None if project is None else _made_again(project, reference)
        if bundle is None:
            raise
        return _bundle(bundle, root, relabel, signers, progress)
    registry, problems = _registry(reference.name, project)
    records = _read_records(store.parent, registry)
    problems += records.problems
    problems += verify_data(store, records.provenance, progress)
    entry = None
    if registry.releases:
        matching = [r for r in registry.releases if store.is_dir() and r.root == _root_digest(store)]
        entry = registry.find(reference.version) if reference.version else next(iter(matching[::-1]), None)
    changes: list[str] = []
    if registry.releases:
        unrecorded, changes = _since_release(records, project, registry, entry)
        problems += unrecorded
    if reference.version is not None and project is not None:
        changes = []  # git keeps newer texts for the next release; the version that was asked for has its own
    signed_by = None
    if signers is not None:
        try:
            signed_by = _signer_of_store(store, reference, entry, project, signers)
        except ChecksumError as error:
            problems.append(str(error))
    if relabel and not problems:
        problems += relabelled(store, root, relabel)
    version = None if entry is None else entry.version
    return Verification(
        name=reference.name,
        version=version,
        problems=tuple(problems),
        changes=tuple(changes),
        yanked=None if version is None else registry.yanked.get(version),
        signed_by=signed_by,
    )


def _at_address(address: str, root: Path | None, progress: Progress | None) -> Verification:
    """Every byte and every rule of a dataset on a server, against its record and the registry on this machine."""
    from foundational.release.transfer.remote import record_beside, remote_store  # noqa: PLC0415 - for these alone

    store = remote_store(address)
    record = record_beside(store)
    problems = verify_remote(store, record, progress)
    name = address if record is None else record.output.name
    registry, wrong = (Registry(name=name), []) if record is None else _registry(name, project_or_none(root))
    digest = hashlib.sha256(store.read(ROOT)).hexdigest()
    same = [release for release in registry.releases if release.root == digest]
    stated = None if record is None else record.output.version
    entry = next((release for release in same if release.version == stated), same[-1] if same else None)
    version = None if entry is None else entry.version
    if registry.releases and entry is None and record is not None and record.output.version is not None:
        wrong.append(f"the data are not those that the registry records as {name}@{record.output.version}")
    yanked = None if version is None else registry.yanked.get(version)
    return Verification(name=name, version=version, problems=(*wrong, *problems), yanked=yanked)


def _made_again(project: Path, reference: DatasetVersion) -> Path | None:
    """The bundle of a version whose data are not on this machine, made by its own commit; None if it has no commit."""
    registry = read_registry(project / DATASETS / reference.name)
    released = {entry.version for entry in registry.releases}
    if reference.version is None or str(reference.version) not in released or not has_history(project):
        return None
    return bundle_of(project, registry, reference.version, project / BUNDLES)


@dataclass(frozen=True)
class _Records:
    """What lies beside a store, and what is wrong with it by itself."""

    folder: Path
    about: About | None
    provenance: ProvenanceRecord | None
    problems: tuple[str, ...]


def _read_records(folder: Path, registry: Registry) -> _Records:
    about, provenance, problems = None, None, []
    try:
        provenance = read_record(folder)
    except NotFoundError:
        problems.append("provenance.json is missing; restore it from git, or make the dataset again")
    except FoundationalError as error:
        problems.append(str(error))
    try:
        about = read_about(folder)
    except NotFoundError:
        if registry.releases:
            problems.append("about.yaml is missing; restore it from git")
    except FoundationalError as error:
        problems.append(str(error))
    return _Records(folder, about, provenance, tuple(problems))


def _since_release(
    records: _Records, project: Path | None, registry: Registry, entry: Release | None
) -> tuple[list[str], list[str]]:
    """(problems, changes): where a dataset differs from its release, or from the newest one where the data are new.

    A difference is a change where it has a record of its own: git's last commit holds the same text, or the data are
    new and provenance.json belongs to them (`verify_data` compares the two). Any other difference is a problem.
    """
    own = project is not None and records.folder == project / DATASETS / registry.name
    if entry is None and not own:
        return [], []
    base = entry or registry.releases[-1]
    label = f"{registry.name}@{base.version}"
    try:
        released = _released_record(records.folder, project, registry, base)
    except FoundationalError as error:
        return [str(error)], []
    if released is None:
        return [], []
    problems, changes = [], []
    if entry is None:
        changes.append(f"differs from {label}: the data are not those of any release")
    for file, fields in record_differences(records.about, records.provenance, released):
        text = f"differs from {label}: {file} ({fields})"
        recorded = entry is None and file == PROVENANCE
        if recorded or (own and project is not None and _is_committed(project, registry.name, file)):
            changes.append(text)
        else:
            problems.append(f"{text}, and no commit or release holds this text; restore the file, or commit it")
    return problems, changes


def _released_record(folder: Path, project: Path | None, registry: Registry, entry: Release) -> ReleaseRecord | None:
    """The record of a release, from git's copy or from beside a pulled store; None where neither is there."""
    kept = None if project is None else project / DATASETS / registry.name / RELEASES / entry.version
    if kept is not None and kept.is_dir():
        return read_kept(kept, entry.manifest)
    if (folder / MANIFEST).is_file():
        return read_kept(folder, entry.manifest)
    return read_release(folder / RECORD) if (folder / RECORD).is_file() else None


def _is_committed(project: Path, name: str, file: str) -> bool:
    """Whether the last commit holds the file as it lies in the project."""
    path = f"{DATASETS}/{name}/{file}"
    try:
        return has_history(project) and read_at(project, "HEAD", path) == (project / path).read_bytes()
    except NotFoundError:
        return False


def _root_digest(store: Path) -> str | None:
    """sha256 of the root document; None where it is missing."""
    return sha256_of(store / ROOT) if (store / ROOT).is_file() else None


def relabelled(store: Path, root: Path | None, count: int) -> list[str]:
    """Which labels of ``count`` configurations, spread evenly, differ from what the labeller gives today."""
    from foundational.labelling.comparison import compare_labels  # noqa: PLC0415
    from foundational.labelling.records import labeller_of, labellers_of_recipes  # noqa: PLC0415 - LAMMPS is loaded where it is asked for

    project = project_or_none(root)
    if project is None:
        raise InputError("expected a project, whose registry knows the potential, to label configurations again")
    record = read_record(store.parent)
    labeller, recipes = labeller_of(record.labeller, project), labellers_of_recipes(record, project)
    return list(compare_labels(store, labeller, count, recipes).problems)


def _bundle(
    path: Path, root: Path | None, relabel: int, signers: Path | None, progress: Progress | None
) -> Verification:
    with opened_bundle(path) as folder:
        manifest = read_manifest(folder)
        registry, problems = _registry(manifest.name, project_or_none(root))
        entry = next((r for r in registry.releases if r.version == manifest.version), None)
        if registry.releases and entry is None:
            problems.append(f"the registry of {manifest.name!r} has no release {manifest.version}")
        found = verify_bundle(path, release=entry, signers=signers, progress=progress)
        problems += found.problems
        if relabel and not problems:
            problems += relabelled(folder / DATA, root, relabel)
    yanked = registry.yanked.get(manifest.version)
    return found.model_copy(update={"problems": tuple(problems), "yanked": yanked})


def _registry(name: str, project: Path | None) -> tuple[Registry, list[str]]:
    """The registry of a dataset, and what is wrong with it: edited entries, records that were changed."""
    try:
        registry = known_registry(name, project)
        folder = None if project is None else project / DATASETS / name
        for place in (folder, user_store() / name):
            if registry.releases and place is not None and (place / REGISTRY).is_file():
                if (place / REGISTRY).read_bytes() != registry_text(registry).encode():
                    raise ChecksumError(f"{place / REGISTRY} is not as this package writes it; restore it from git")
                break
        if folder is not None and registry.releases and (folder / RELEASES).is_dir():
            for release in registry.releases:
                read_kept(folder / RELEASES / release.version, release.manifest)
            if project is not None and has_history(project):
                require_history(project, name, registry)
    except FoundationalError as error:
        return Registry(name=name), [f"registry: {error}"]
    return registry, []


def _signer_of_store(
    store: Path, reference: DatasetVersion, entry: Release | None, project: Path | None, signers: Path
) -> str:
    """Who signed the manifest that holds the digests of a store on this machine."""
    if entry is None or project is None:
        raise InputError(f"expected a release of the project to verify a signature of, got {reference}")
    kept = project / DATASETS / reference.name / RELEASES / entry.version
    if not (kept / SIGNATURE).is_file():
        raise ChecksumError(f"{reference.name}@{Version.parse(entry.version)} carries no signature")
    principal = signer(kept / MANIFEST, kept / SIGNATURE, signers)
    with temporary_folder() as temporary:
        archive_folder(temporary / DATA, store)
        if sha256_of(temporary / DATA) != read_manifest(kept).files[DATA].sha256:
            raise ChecksumError(f"{store} is not the store that was signed")
    return principal
