"""Release a dataset: compute its version, check it, validate it from the stored bytes, write the bundle, register it.

The registry is written last of all. Until then nothing is released: a run that was killed leaves folders that the next
one replaces, and the version is still free.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foundational.data.atomic_write import whole_folder, write_whole
from foundational.data.store_manifest import ROOT
from foundational.errors import ChecksumError, ConflictError, DatasetError, GateError, InputError, disk_trouble
from foundational.inspection.check import check
from foundational.progress import Progress
from foundational.project import DATASETS, STORE, find_dataset
from foundational.provenance.record import read_record
from foundational.release.bundle.archive import archive_folder
from foundational.release.bundle.bundle import (
    MANIFEST,
    RECORD,
    SCHEMAS,
    find_licence,
    read_kept,
    sha256_of,
    write_contents,
    write_manifest,
)
from foundational.release.bundle.signature import sign
from foundational.release.bundle.verification import SIGNATURE, verify_bundle
from foundational.release.citation.documents import write_documents
from foundational.release.citation.works import read_parents
from foundational.release.comparison.difference import Difference
from foundational.release.comparison.plan import Plan, plan_release, released_provenance
from foundational.release.record import ReleaseRecord
from foundational.release.registry.git import head, uncommitted
from foundational.release.registry.registry import (
    REGISTRY,
    RELEASES,
    Registry,
    Release,
    read_registry,
    registry_text,
    require_history,
    write_registry,
)
from foundational.release.registry.version import Version
from foundational.release.transfer.dvc_objects import directory_hash, is_stored, tracked_hash
from foundational.specs.about import read_about
from foundational.specs.potentials import PotentialRegistry
from foundational.workspace.runner import exclusive

#: What decides the bytes of a release besides the data; all of it must be committed.
_DECIDING = ("foundational", "LICENSES", SCHEMAS, "params.yaml", "dvc.lock", "datasets/potentials")


@dataclass(frozen=True)
class Released:
    """What `release_dataset` did, or would do."""

    record: ReleaseRecord
    difference: Difference | None
    """From the previous version; None for the first, or where nothing changed."""
    new: bool
    """False where this version was released before; its bundle is there again."""
    bundle: Path | None
    """The zip; None for a dry run."""
    stored: bool
    """Whether a DVC remote that is a folder, such as the bundled one, has the data already."""


def release_dataset(
    root: Path,
    name: str,
    *,
    out: Path,
    dry_run: bool = False,
    version: Version | None = None,
    reason: str | None = None,
    key: Path | None = None,
    gate: Callable[[], dict[str, Any]] | None = None,
    progress: Progress | None = None,
) -> Released:
    """Release the dataset ``name`` as the next version, or say what it would be.

    Parameters
    ----------
    out
        Folder for bundles: ``<out>/<name>/<name>-<version>.zip``, the same unpacked, and a copy of the registry.
    dry_run
        Do all but write.
    version
        A higher version than follows from what changed.
    reason
        Why something that was released changes.
    key
        Private OpenSSH key to sign with.
    gate
        Validates the dataset from its stored bytes and gives the report; not called for a holdout, on which nothing
        is trained.

    Raises
    ------
    DatasetError
        `check` finds a breach.
    GateError
        A gate of params.yaml fails.
    ConflictError
        Something that decides the bytes is not committed, another process releases it, or the registry was edited.
    InputError
        The version is too low, a reason is missing, or the data are not those that DVC tracks.
    """
    if "/" in name:
        raise InputError(f"expected a dataset that git keeps, such as ni, got {name!r}; give it a folder in datasets/")
    folder = find_dataset(root, name)
    with _plain_errors(), exclusive(root, name):
        registry = read_registry(folder)
        _require_committed(root, name)
        require_history(root, name, registry)
        tracked = _tracked(root, name)
        plan = plan_release(root, name, version=version, reason=reason)
        earlier = [read_kept(folder / RELEASES / r.version, r.manifest) for r in registry.releases]
        if plan is None:
            entry = registry.releases[-1]
            bundle = None if dry_run else _rebuild(root, entry, earlier, out, registry)
            return Released(earlier[-1], None, False, bundle, is_stored(root, tracked))
        record = _draft(root, name, plan, gate, progress)
        if dry_run:
            return Released(record, plan.difference, True, None, is_stored(root, tracked))
        place = out / name / f"{name}-{record.version}"
        record, manifest = _write_bundle(root, place, record, earlier, key, None)
        archive = _archive(place)
        with whole_folder(folder / RELEASES / record.version, replace=True) as kept:
            for file in (RECORD, MANIFEST, SIGNATURE):
                if (place / file).is_file():
                    shutil.copyfile(place / file, kept / file)
        commit, day = head(root)
        registry = registry.with_release(
            version=record.version,
            date=day,
            commit=commit,
            bump=record.bump,
            fingerprint=record.fingerprint,
            root=sha256_of(folder / STORE / ROOT),
            tracked=tracked,
            manifest=manifest,
            archive=sha256_of(archive),
        )
        write_registry(folder, registry)
        write_whole(out / name / REGISTRY, [registry_text(registry).encode()])
        return Released(record, plan.difference, True, archive, is_stored(root, tracked))


def _draft(
    root: Path, name: str, plan: Plan, gate: Callable[[], dict[str, Any]] | None, progress: Progress | None
) -> ReleaseRecord:
    """The record of the release, once the data passed the check and the gate; its files are not written yet."""
    folder = root / DATASETS / name
    found = check(name, root, progress=progress)
    if found["violations"]:
        raise DatasetError(f"{name} cannot be released: " + "; ".join(found["violations"]))
    provenance = read_record(folder)
    about = read_about(folder)
    find_licence(root, about.licence)
    released = released_provenance(root, provenance, plan.version)
    report = None
    if provenance.stage != "holdout":
        if gate is None:
            raise InputError(f"expected a gate to validate {name!r} with, got none")
        report = gate()
        failed = [f"{g['name']}: {g['message']}" for g in report["gates"] if g["ok"] is False]
        if failed or not report["passed"]:
            raise GateError(f"{name} cannot be released, a gate failed: " + "; ".join(failed))
    return ReleaseRecord(
        name=name,
        version=str(plan.version),
        date=head(root)[1],
        about=about,
        provenance=released,
        files=(),
        fingerprint=provenance.output.fingerprint,
        n_configurations=provenance.output.n_configurations,
        n_atoms=provenance.output.n_atoms,
        validation=report,
        changes=plan.changes,
        removed=plan.removed,
        bump=None if plan.difference is None else plan.difference.bump,
        previous=None if plan.previous is None else str(plan.previous),
    )


def _write_bundle(
    root: Path,
    place: Path,
    record: ReleaseRecord,
    earlier: Sequence[ReleaseRecord],
    key: Path | None,
    signature: Path | None,
) -> tuple[ReleaseRecord, str]:
    """Write the bundle's folder, whole, and verify it; the complete record and the sha256 of the manifest."""
    licence = find_licence(root, record.about.licence)
    potentials = PotentialRegistry.read(root)
    parents = read_parents(root, record.provenance)
    with whole_folder(place, replace=True) as folder:
        store = root / DATASETS / record.name / STORE
        complete = write_contents(folder, store, record, licence=licence, schemas=root / SCHEMAS, earlier=earlier)
        write_documents(folder, complete, potentials, parents)
        manifest = write_manifest(folder, complete)
        if key is not None:
            sign(folder / MANIFEST, key)
        elif signature is not None and signature.is_file():
            shutil.copyfile(signature, folder / SIGNATURE)
        found = verify_bundle(folder)
        if not found.ok:
            raise ChecksumError(
                f"the bundle of {record.name}@{record.version} is unsound: " + "; ".join(found.problems)
            )
    return complete, manifest


def _archive(place: Path) -> Path:
    archive = place.with_name(place.name + ".zip")
    archive_folder(archive, place, f"{place.name}/")
    return archive


def _rebuild(root: Path, entry: Release, earlier: Sequence[ReleaseRecord], out: Path, registry: Registry) -> Path:
    """The zip of a version that was released before; made again, to the last bit, where it is not there."""
    record = earlier[-1]
    place = out / record.name / f"{record.name}-{record.version}"
    archive = place.with_name(place.name + ".zip")
    if not archive.is_file() or sha256_of(archive) != entry.archive:
        signature = root / DATASETS / record.name / RELEASES / record.version / SIGNATURE
        _write_bundle(root, place, record.model_copy(update={"files": ()}), earlier[:-1], None, signature)
        if sha256_of(_archive(place)) != entry.archive:
            archive.unlink()
            raise ConflictError(
                f"{record.name}@{record.version} cannot be made again from this checkout, whose code or records are "
                f"newer; check out the commit {entry.commit[:12]}, or pull the release"
            )
    write_whole(out / record.name / REGISTRY, [registry_text(registry).encode()])
    return archive


def _require_committed(root: Path, name: str) -> None:
    """Refuse where the bytes of a release would not follow from the commit."""
    own = [f"{DATASETS}/{name}", f":(exclude){DATASETS}/{name}/{REGISTRY}", f":(exclude){DATASETS}/{name}/{RELEASES}"]
    leftover = ":(exclude,glob)**/.*.partial"  # of a writer that was killed
    changed = uncommitted(root, *_DECIDING, *own, leftover)
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise ConflictError(f"a release follows from its commit; commit {', '.join(changed[:3])}{more} before it")


def _tracked(root: Path, name: str) -> str:
    """The hash by which DVC tracks the data, which are those that lie in the project."""
    tracked = tracked_hash(root, name)
    path = f"{DATASETS}/{name}/{STORE}"
    if tracked is None:
        raise InputError(f"expected data that DVC tracks; run: dvc add {path}, commit, and release then")
    if directory_hash(root / path) != tracked:
        raise InputError(
            f"{path} holds other data than DVC tracks; run dvc repro or dvc commit, commit, and release then"
        )
    return tracked


@contextmanager
def _plain_errors() -> Iterator[None]:
    """A disk that is full or may not be written, in one sentence."""
    try:
        yield
    except OSError as error:
        trouble = disk_trouble(error)
        if trouble is None:
            raise
        raise ConflictError(trouble) from None
