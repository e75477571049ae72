"""``foundational publish``: a release as a repository of a hub, its version as the tag; as a folder for ColabFit."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from foundational.card.colabfit import submission_issue, submission_name
from foundational.card.drawing.page import draw_card
from foundational.card.readme import hub_readme
from foundational.card.record import PAGE, RECORD
from foundational.card.released import released_card
from foundational.data.atomic_write import temporary_folder, whole_folder, write_whole
from foundational.data.integrity.storing import exclusive
from foundational.errors import ConflictError, InputError
from foundational.progress import Progress
from foundational.project import BUNDLES, DATASETS
from foundational.provenance.record import write_json
from foundational.release.bundle.bundle import DATA
from foundational.release.hub.client import TOKEN, Hub
from foundational.release.hub.publication import Publication, checked_repository, publish
from foundational.release.registry.registry import (
    REGISTRY,
    Registry,
    Release,
    read_registry,
    registry_text,
    require_history,
)
from foundational.release.registry.version import DatasetVersion, Version
from foundational.release.transfer.bundle_from_commit import bundle_of
from foundational.release.transfer.hub import hub_server
from foundational.stages.export.command import export


@dataclass(frozen=True)
class Published:
    """What was sent, or would be."""

    plan: Publication
    sizes: dict[str, int]
    """Bytes of each file, by its path in the repository."""
    sent: bool
    """False for a dry run."""
    new: bool
    """Whether anything was to do."""


def publish_release(
    root: Path,
    reference: DatasetVersion,
    repository: str,
    *,
    token: str | None = None,
    progress: Progress | None = None,
) -> Published:
    """Publish a released version at a hub, or say what would be sent.

    Parameters
    ----------
    repository
        ``owner/name``.
    token
        Of the server's account; None for a dry run, which asks no server anything.

    Raises
    ------
    NotFoundError
        There is no such release, or its data cannot be fetched.
    InputError
        No version was named, or the server refuses the token or a file.
    ConflictError
        The version was withdrawn, the tag exists with other files, or the server does not answer.
    ChecksumError
        The server received other bytes.
    """
    checked_repository(repository)
    with exclusive(root, reference.name):
        registry, entry = _standing(root, reference)
        with _files(root, registry, entry, repository) as files:
            plan = Publication(f"{registry.name}@{entry.version}", repository, entry.version, files)
            sizes = {name: path.stat().st_size for name, path in sorted(files.items())}
            if token is None:
                return Published(plan, sizes, sent=False, new=True)
            new = publish(plan, Hub(hub_server(), _checked(token)), progress=progress)
    return Published(plan, sizes, sent=True, new=new)


@dataclass(frozen=True)
class Submission:
    """A folder for the ColabFit Exchange."""

    label: str
    folder: Path
    """Holds the files of the dataset, and nothing else."""
    issue: Path
    """The text of the issue with which it is submitted."""
    configurations: dict[str, int]
    """Of each file."""


def write_submission(
    root: Path, reference: DatasetVersion, out: Path, *, replace: bool = False, progress: Progress | None = None
) -> Submission:
    """Write a released version as a submission to the ColabFit Exchange into the folder ``out``.

    ``out`` gets a folder with the dataset in extended XYZ, a file a part, and the text of the issue. Each file is read
    again by ASE and compared with the release; the folder appears whole or not at all.

    Raises
    ------
    NotFoundError
        There is no such release, or its data cannot be fetched.
    InputError
        No version was named, or a configuration has no label.
    ConflictError
        The version was withdrawn, or ``out`` exists and may not be replaced.
    DatasetError
        What is read from the files is not what was released.
    """
    with exclusive(root, reference.name):
        registry, entry = _standing(root, reference)
        bundle = bundle_of(root, registry, Version.parse(entry.version), root / BUNDLES)
        with (
            temporary_folder() as temporary,
            released_card(root, registry, entry.version) as card,
            whole_folder(out, replace=replace) as folder,
        ):
            report = export(str(bundle / DATA), "ase", temporary / "ase", root, progress=progress)
            name = submission_name(card.record)
            (folder / name).mkdir()
            counts = {f"{part}.extxyz": report.configurations[part] for part in report.files}
            for part, file in report.files.items():
                shutil.copyfile(temporary / "ase" / file, folder / name / f"{part}.extxyz")
            files = {file: (count, (folder / name / file).stat().st_size) for file, count in counts.items()}
            (folder / "issue.md").write_text(submission_issue(card.record, files), encoding="utf-8")
    return Submission(f"{registry.name}@{entry.version}", out / name, out / "issue.md", counts)


def _standing(root: Path, reference: DatasetVersion) -> tuple[Registry, Release]:
    """A released version that was not withdrawn."""
    if reference.version is None:
        raise InputError(f"expected a version to publish, such as {reference.name}@1.0.0, got {reference}")
    registry = read_registry(root / DATASETS / reference.name)
    require_history(root, reference.name, registry)
    entry = registry.find(reference.version)
    if entry.version in registry.yanked:
        raise ConflictError(f"{reference} was withdrawn ({registry.yanked[entry.version]}) and is not published")
    return registry, entry


@contextmanager
def _files(root: Path, registry: Registry, entry: Release, repository: str) -> Iterator[dict[str, Path]]:
    """Everything that the repository has: the files of the bundle, the registry, Parquet by part, and the card."""
    bundle = bundle_of(root, registry, Version.parse(entry.version), root / BUNDLES)
    files = {p.relative_to(bundle).as_posix(): p for p in bundle.rglob("*") if p.is_file()}
    with temporary_folder() as folder:
        report = export(str(bundle / DATA), "parquet", folder / "parquet", root)
        parts = dict(report.files)
        with released_card(root, registry, entry.version) as card:
            record = card.record
            if set(parts) == {"train"} and not record.contents.splits and record.stage == "holdout":
                parts = {"test": parts["train"]}
            splits = {part: f"data/{part}.parquet" for part in parts}
            files |= {splits[part]: folder / "parquet" / file for part, file in parts.items()}
            pull = f"foundational pull {registry.name}@{entry.version} --from hf:{repository}"
            write_whole(folder / "README.md", [hub_readme(record, splits, pull).encode()])
            if PAGE not in files:  # of a release that was made before cards were
                write_whole(folder / PAGE, [draw_card(record).encode()])
                write_json(folder / RECORD, record.model_dump(mode="json"))
                files |= {PAGE: folder / PAGE, RECORD: folder / RECORD}
        write_whole(folder / REGISTRY, [_registry(registry, entry).encode()])
        yield files | {"README.md": folder / "README.md", REGISTRY: folder / REGISTRY}


def _registry(registry: Registry, entry: Release) -> str:
    """The registry up to this version, so that the same version gives the same files later."""
    place = registry.releases.index(entry) + 1
    kept = {release.version for release in registry.releases[:place]}
    cut = registry.model_copy(
        update={
            "releases": registry.releases[:place],
            "dois": {version: doi for version, doi in registry.dois.items() if version in kept},
            "yanked": {version: why for version, why in registry.yanked.items() if version in kept},
        }
    )
    return registry_text(cut)


def _checked(token: str) -> str:
    if not token.isascii() or not token.isprintable() or " " in token:
        raise InputError(f"expected a token of printable ASCII characters in {TOKEN}")
    return token
