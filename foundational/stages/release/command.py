"""Release a dataset: compute its version, check it, validate it from the stored bytes, write the bundle, register it.

The registry is written last of all. Until then nothing is released: a run that was killed leaves folders that the next
one replaces, and the version is still free.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from foundational.card.bundle import released_validation, write_bundle_card
from foundational.card.evidence import Evidence
from foundational.card.sources import POOL_TESTS, pool_test_of
from foundational.checks.report import Finding
from foundational.data.atomic_write import whole_folder, write_whole
from foundational.data.integrity.hashes import sha256_of
from foundational.data.integrity.store_manifest import ROOT
from foundational.data.integrity.storing import exclusive
from foundational.errors import ChecksumError, ConflictError, DatasetError, InputError, disk_trouble
from foundational.inspection.check import check
from foundational.progress import Progress, stage
from foundational.project import BUNDLES, DATASETS, STORE, dataset_folder, find_dataset
from foundational.provenance.record import is_holdout
from foundational.release.bundle.archive import archive_folder
from foundational.release.bundle.bundle import (
    MANIFEST,
    SCHEMAS,
    find_licence,
    find_schemas,
    read_kept,
    require_room,
    write_contents,
    write_manifest,
)
from foundational.release.bundle.signature import sign
from foundational.release.bundle.verification import SIGNATURE, verify_bundle
from foundational.release.citation.documents import write_documents
from foundational.release.citation.works import read_parents
from foundational.release.comparison.difference import Difference
from foundational.release.comparison.plan import ReleasePlan, plan_release
from foundational.release.record import RECORD, ReleaseRecord
from foundational.release.registry.git import head, uncommitted
from foundational.release.registry.registry import (
    REGISTRY,
    RELEASES,
    Registry,
    read_registry,
    registry_text,
    require_history,
    write_registry,
)
from foundational.release.registry.version import DatasetVersion, Version
from foundational.release.transfer.bundle_from_commit import bundle_of
from foundational.release.transfer.dvc_objects import directory_hash, is_stored, tracked_hash
from foundational.specs.about import read_about
from foundational.specs.potentials import PotentialRegistry
from foundational.stages.release.stage import draft_record, require_passed

if TYPE_CHECKING:
    from foundational.evaluation.validation_report import ValidationReport

#: What decides the bytes of a release in addition to the data; all of it must be committed.
_DECIDING = ("foundational", "LICENSES", SCHEMAS, "params.yaml", "dvc.lock", "datasets/potentials")


@dataclass(frozen=True)
class ReleaseRequest:
    """What a user asks of a release in addition to the dataset's name."""

    version: Version | None = None
    """A higher version than follows from what changed."""
    reason: str | None = None
    """Why something that was released changes; a major version needs it."""
    key: Path | None = None
    """Private OpenSSH key to sign with."""
    dry_run: bool = False
    """Do everything except writing."""
    members: int | None = None
    """Networks that validation trains; by default those of params.yaml."""


@dataclass(frozen=True)
class ReleaseResult:
    """What `release_dataset` did, or would do."""

    record: ReleaseRecord
    difference: Difference | None
    """From the previous version; None for the first, or where nothing changed."""
    new: bool
    """False where this version was released before; its bundle exists again."""
    bundle: Path | None
    """The zip; None for a dry run."""
    stored: bool
    """Whether a DVC remote that is a folder, such as the bundled one, has the data already."""


def release_dataset(
    root: Path,
    name: str,
    request: ReleaseRequest | None = None,
    *,
    out: Path | None = None,
    gate: "Callable[[], ValidationReport] | None" = None,
    progress: Progress | None = None,
) -> ReleaseResult:
    """Release the dataset ``name`` as the next version, or say what it would be.

    Parameters
    ----------
    out
        Folder for bundles, by default ``build/releases``: ``<out>/<name>/<name>-<version>.zip``, the same unpacked,
        and a copy of the registry.
    gate
        Validates the dataset from its stored bytes; by default `validate_dataset`. It is not called for a holdout, on
        which nothing is trained.

    Raises
    ------
    DatasetError
        `check` finds a violation.
    GateError
        A gate of params.yaml fails.
    ConflictError
        Something that decides the bytes is not committed, another process is releasing it, or the registry was edited.
    InputError
        The version is too low, a reason is missing, or the data are not those that DVC tracks.
    """
    if "/" in name:
        raise InputError(f"expected a dataset that git keeps, such as ni, got {name!r}; give it a folder in datasets/")
    request = request or ReleaseRequest()
    out = out or root / BUNDLES
    folder = find_dataset(root, name)
    with _plain_errors(), exclusive(root, name):
        registry = read_registry(folder)
        _require_committed(root, name)
        require_history(root, name, registry)
        tracked = _tracked(root, name)
        plan = plan_release(root, name, version=request.version, reason=request.reason)
        earlier = [read_kept(folder / RELEASES / r.version, r.manifest) for r in registry.releases]
        if plan is None:
            bundle = None if request.dry_run else _rebuild(root, registry, earlier, out)
            return ReleaseResult(earlier[-1], None, False, bundle, is_stored(root, tracked))
        record, findings = _draft(
            root, name, plan, gate or _validation(root, name, request.members, progress), progress
        )
        if request.dry_run:
            return ReleaseResult(record, plan.difference, True, None, is_stored(root, tracked))
        bundle_folder = out / name / f"{name}-{record.version}"
        record, manifest = _write_bundle(root, bundle_folder, record, earlier, findings, key=request.key)
        archive = _archive(bundle_folder)
        with whole_folder(folder / RELEASES / record.version, replace=True) as kept:
            for file in (RECORD, MANIFEST, SIGNATURE):
                if (bundle_folder / file).is_file():
                    shutil.copyfile(bundle_folder / file, kept / file)
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
        return ReleaseResult(record, plan.difference, True, archive, is_stored(root, tracked))


def yank_release(root: Path, reference: DatasetVersion, reason: str) -> None:
    """Withdraw a release: whoever opens, pulls or verifies it learns why; the data stay.

    Raises
    ------
    InputError
        No version was named, or the reason is empty.
    NotFoundError
        It was never released.
    ConflictError
        It is withdrawn already, for another reason, or the registry was edited.
    """
    if reference.version is None:
        raise InputError(f"expected a version to withdraw, such as {reference.name}@1.0.0, got {reference}")
    folder = dataset_folder(root, reference.name)
    with exclusive(root, reference.name):
        registry = read_registry(folder)
        require_history(root, reference.name, registry)
        write_registry(folder, registry.with_yanked(reference.version, reason))


def _validation(
    root: Path, name: str, members: int | None, progress: Progress | None
) -> "Callable[[], ValidationReport]":
    def gate() -> "ValidationReport":
        from foundational.stages.validate.command import ValidateOptions, validate_dataset  # noqa: PLC0415 - a holdout needs no engine

        return validate_dataset(root, name, ValidateOptions(members=members), progress=progress)

    return gate


def _draft(
    root: Path, name: str, plan: ReleasePlan, gate: "Callable[[], ValidationReport]", progress: Progress | None
) -> tuple[ReleaseRecord, tuple[Finding, ...]]:
    """The record of the release, once the data passed the check and the gate, and what the check found.

    The files of the release are not written yet.
    """
    report_of_check = check(name, root, progress=stage(progress, "check", "validation"))
    if report_of_check.defects:
        raise DatasetError(f"{name} cannot be released: " + "; ".join(report_of_check.violations))
    about = read_about(root / DATASETS / name)
    find_licence(root, about.licence)
    report = None
    if not is_holdout(plan.provenance):
        report = gate()
        require_passed(name, plan.provenance.output.fingerprint, report)
    return draft_record(name, plan, about, report, head(root)[1]), report_of_check.findings


def _write_bundle(
    root: Path,
    place: Path,
    record: ReleaseRecord,
    earlier: Sequence[ReleaseRecord],
    findings: Sequence[Finding],
    *,
    key: Path | None = None,
    signature: Path | None = None,
) -> tuple[ReleaseRecord, str]:
    """Write the bundle's folder, whole, and verify it; the complete record and the sha256 of the manifest."""
    licence = find_licence(root, record.about.licence)
    potentials = PotentialRegistry.read(root)
    parents = read_parents(root, record.provenance)
    with whole_folder(place, replace=True) as folder:
        store = root / DATASETS / record.name / STORE
        complete = write_contents(folder, store, record, licence=licence, schemas=find_schemas(root), earlier=earlier)
        evidence = Evidence(
            potentials=potentials,
            parents=parents,
            validation=released_validation(record),
            pool_test=pool_test_of(record.name, record.fingerprint, root),
            history=(*earlier, record),
            findings=findings,
        )
        card = write_bundle_card(folder, complete, evidence)
        write_documents(folder, complete, potentials, parents, others=card)
        manifest = write_manifest(folder, complete)
        if key is not None:
            sign(folder / MANIFEST, key)
        elif signature is not None and signature.is_file():
            shutil.copyfile(signature, folder / SIGNATURE)
        found = verify_bundle(folder)
        if not found.ok:
            raise ChecksumError(
                f"the bundle of {record.name}@{record.version} failed verification: " + "; ".join(found.problems)
            )
    return complete, manifest


def _archive(place: Path) -> Path:
    archive = place.with_name(place.name + ".zip")
    archive_folder(archive, place, f"{place.name}/")
    return archive


def _rebuild(root: Path, registry: Registry, earlier: Sequence[ReleaseRecord], out: Path) -> Path:
    """The zip of a version that was released before; made again, to the last bit, where it is missing."""
    record, entry = earlier[-1], registry.releases[-1]
    place = out / record.name / f"{record.name}-{record.version}"
    archive = place.with_name(place.name + ".zip")
    if not archive.is_file() or sha256_of(archive) != entry.archive:
        signature = root / DATASETS / record.name / RELEASES / record.version / SIGNATURE
        findings = check(record.name, root).findings
        _write_bundle(root, place, record.model_copy(update={"files": ()}), earlier[:-1], findings, signature=signature)
        if sha256_of(_archive(place)) != entry.archive:
            archive.unlink()  # newer code or newer records write other bytes
            bundle_of(root, registry, Version.parse(entry.version), out)
    write_whole(out / record.name / REGISTRY, [registry_text(registry).encode()])
    return archive


def _require_committed(root: Path, name: str) -> None:
    """Refuse where the bytes of a release would not follow from the commit."""
    own = [f"{DATASETS}/{name}", f":(exclude){DATASETS}/{name}/{REGISTRY}", f":(exclude){DATASETS}/{name}/{RELEASES}"]
    own.append((POOL_TESTS / f"{name}.json").as_posix())
    leftover = ":(exclude,glob)**/.*.partial"  # of a writer that was killed
    changed = uncommitted(root, *_DECIDING, *own, leftover)
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise ConflictError(f"a release follows from its commit; commit {', '.join(changed[:3])}{more} before it")


def _tracked(root: Path, name: str) -> str:
    """The hash by which DVC tracks the data, which are those that lie in the project."""
    path = f"{DATASETS}/{name}/{STORE}"
    if (tracked := tracked_hash(root, name)) is None:
        raise InputError(f"expected data that DVC tracks; run: dvc add {path}, commit, and release then")
    if directory_hash(root / path) != tracked:
        raise InputError(
            f"{path} holds other data than DVC tracks; run dvc repro or dvc commit, commit, and release then"
        )
    require_room(root / path)
    return tracked


@contextmanager
def _plain_errors() -> Iterator[None]:
    """A disk that is full or may not be written, in one sentence."""
    try:
        yield
    except OSError as error:
        if (trouble := disk_trouble(error)) is None:
            raise
        raise ConflictError(trouble) from None
