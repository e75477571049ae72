"""Verify whatever a user names: a release's folder or zip, a version, or a dataset of the project."""

import tempfile
import warnings
from pathlib import Path

from foundational.data.store_manifest import ROOT
from foundational.errors import ChecksumError, FoundationalError, InputError
from foundational.progress import Progress
from foundational.project import DATASETS, project_or_none
from foundational.provenance.record import read_record
from foundational.release.bundle.archive import archive_folder
from foundational.release.bundle.bundle import DATA, MANIFEST, read_kept, read_manifest, sha256_of
from foundational.release.bundle.signature import signer
from foundational.release.bundle.verification import SIGNATURE, Verification, judge_store, opened_bundle, verify_bundle
from foundational.release.registry.git import has_history
from foundational.release.registry.registry import (
    RELEASES,
    Registry,
    Release,
    YankedWarning,
    known_registry,
    require_history,
)
from foundational.release.registry.version import DatasetVersion, Version, parse_dataset_version
from foundational.release.transfer.retrieval import locate


def verify(
    what: str,
    root: Path | None = None,
    *,
    relabel: int = 0,
    signers: Path | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Verify a release or a dataset: every byte, every rule, the registry, and labels and signature where asked.

    Parameters
    ----------
    what
        A release's folder or zip, ``ni@1.0.0``, or the name of a dataset of the project.
    relabel
        Configurations, spread evenly, to label again with the potential that the provenance names.
    signers
        Demand a signature by one of these allowed signers.

    Raises
    ------
    NotFoundError
        There is no such release or dataset.
    ChecksumError
        It cannot be read at all.
    """
    path = Path(what)
    bundled = (path / MANIFEST).is_file() and (path / DATA).is_file()
    if bundled or path.suffix == ".zip":
        return _bundle(path, root, relabel, signers, progress)
    reference = DatasetVersion(path.name) if path.exists() and "@" not in what else parse_dataset_version(what)
    with warnings.catch_warnings(category=YankedWarning, action="ignore"):  # it is part of the answer
        store = locate(what, root)
    project = project_or_none(root)
    registry, problems = _registry(reference.name, project)
    try:
        record = read_record(store.parent)
    except FoundationalError:
        record = None
    problems += judge_store(store, record, progress)
    entry = None
    if registry.releases:
        matching = [r for r in registry.releases if store.is_dir() and r.root == sha256_of(store / ROOT)]
        entry = registry.find(reference.version) if reference.version else next(iter(matching[::-1]), None)
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
        yanked=None if version is None else registry.yanked.get(version),
        signed_by=signed_by,
    )


def relabelled(store: Path, root: Path | None, count: int) -> list[str]:
    """Which labels of ``count`` configurations, spread evenly, differ from what the labeller gives today."""
    from foundational.labelling.records import labeller_of  # noqa: PLC0415 - LAMMPS is loaded where it is asked for
    from foundational.stages.relabel.command import compared  # noqa: PLC0415

    project = project_or_none(root)
    if project is None:
        raise InputError("expected a project, whose registry knows the potential, to label configurations again")
    return list(compared(store, labeller_of(read_record(store.parent).labeller, project), count).problems)


def _bundle(
    path: Path, root: Path | None, relabel: int, signers: Path | None, progress: Progress | None
) -> Verification:
    with opened_bundle(path) as folder:
        manifest = read_manifest(folder)
        registry, problems = _registry(manifest.name, project_or_none(root))
        entry = next((r for r in registry.releases if r.version == manifest.version), None)
        if registry.releases and entry is None:
            problems.append(f"the registry of {manifest.name!r} knows no release {manifest.version}")
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
    """Who signed the manifest that vouches for a store on this machine."""
    if entry is None or project is None:
        raise InputError(f"expected a release of the project to verify a signature of, got {reference}")
    kept = project / DATASETS / reference.name / RELEASES / entry.version
    if not (kept / SIGNATURE).is_file():
        raise ChecksumError(f"{reference.name}@{Version.parse(entry.version)} carries no signature")
    principal = signer(kept / MANIFEST, kept / SIGNATURE, signers)
    with tempfile.TemporaryDirectory() as temporary:
        archive_folder(Path(temporary) / DATA, store)
        if sha256_of(Path(temporary) / DATA) != read_manifest(kept).files[DATA].sha256:
            raise ChecksumError(f"{store} is not the store that was signed")
    return principal
