"""Where a release can be pulled from: the project, another project, a git URL, a folder or web server, a zip, a hub."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from foundational.data.atomic_write import temporary_folder
from foundational.data.integrity.hashes import sha256_of
from foundational.errors import ChecksumError, InputError, NotFoundError, did_you_mean
from foundational.project import DATASETS
from foundational.release.bundle.archive import unpack
from foundational.release.bundle.bundle import DATA, MANIFEST, compare_files, read_kept, read_manifest
from foundational.release.bundle.signature import signer
from foundational.release.bundle.verification import SIGNATURE, opened_bundle
from foundational.release.record import RECORD, ReleaseRecord, read_release
from foundational.release.registry.git import git
from foundational.release.registry.registry import (
    REGISTRY,
    RELEASES,
    Registry,
    Release,
    learned,
    merged,
    parse_registry,
    read_registry,
)
from foundational.release.registry.version import DatasetVersion, Version
from foundational.release.transfer.download import DOCUMENT, download
from foundational.release.transfer.dvc_objects import fetch
from foundational.release.transfer.hub import PREFIX, download_from_hub


@dataclass(frozen=True)
class ReleaseSource:
    """A release that was found, and how to copy its store; what is copied is still to be compared with the record."""

    record: ReleaseRecord
    registry: Registry
    """The source's; empty where it has none."""
    copy_store: Callable[[Path], None]
    kept: Path
    """Folder of its record and manifest, as they were released."""
    remote: bool = False
    """Whether the registry comes from a server, and not from a project."""
    signed_by: str | None = None
    """Whose signature was required and found."""


@contextmanager
def find_source(
    reference: DatasetVersion,
    source: str | None,
    project: Path | None,
    registry: Registry,
    signers: Path | None = None,
) -> Iterator[ReleaseSource]:
    """The release that ``reference`` means, at ``source``.

    Parameters
    ----------
    source
        None for the project's own DVC store.
    registry
        The dataset's releases on this machine; a bundle that it records must be the one that comes.
    signers
        Require a signature of the manifest by one of these (allowed signers of ssh-keygen).

    Raises
    ------
    NotFoundError
        There is nothing at the source.
    ChecksumError
        What is at the source is not what was released.
    InputError
        The source holds another release, or its registry was edited.
    """
    if source is None:
        if project is None:
            raise NotFoundError(
                f"expected a project, or --from with a URL, folder or zip that holds {reference}; got neither"
            )
        yield _in_project(project, reference, signers)
        return
    with temporary_folder() as folder:
        if _is_git(source):
            git(folder, "clone", "--quiet", "--depth", "1", "--", source, "clone")
            yield _in_project(folder / "clone", reference, signers)
            return
        remote = source.startswith((PREFIX, "http://", "https://"))
        if source.startswith(PREFIX):
            path, other = download_from_hub(reference, source, folder, registry, signed=signers is not None)
        elif remote:
            path, other = _download(reference, source, folder, registry)
        else:
            path = Path(source).expanduser()
            if (path / "dvc.yaml").is_file():
                yield _in_project(path, reference, signers)
                return
            other = read_registry(path / reference.name)
            if other.releases:
                path = path / reference.name / _archive_name(other, reference)
            elif _released_below(path):
                raise _unknown(reference.name, path)
        if not path.exists():
            raise NotFoundError(f"{path}: expected a release, its folder or zip, found nothing there")
        with opened_bundle(path) as bundle:
            known = learned(registry, other) if remote else merged(registry, other)
            record = _checked(bundle, reference, path, known)
            signed_by = _signer(bundle, signers)
            yield ReleaseSource(record, other, lambda target: unpack(bundle / DATA, target), bundle, remote, signed_by)


def _signer(folder: Path, signers: Path | None) -> str | None:
    """Who signed the manifest in a folder, of the ``signers``; None where nobody needs to have."""
    if signers is None:
        return None
    if not (folder / SIGNATURE).is_file():
        raise ChecksumError(f"expected a signature by one of {signers}, the release carries none")
    return signer(folder / MANIFEST, folder / SIGNATURE, signers)


def _in_project(root: Path, reference: DatasetVersion, signers: Path | None) -> ReleaseSource:
    """A release from the registry, the records and the DVC store of a project."""
    folder = root / DATASETS / reference.name
    registry = read_registry(folder)
    if not registry.releases:
        raise _unknown(reference.name, root / DATASETS)
    entry = registry.find(reference.version)
    kept = folder / RELEASES / entry.version
    record, signed_by = read_kept(kept, entry.manifest), _signer(kept, signers)
    return ReleaseSource(record, registry, lambda target: fetch(root, entry.tracked, target), kept, signed_by=signed_by)


def _unknown(name: str, folder: Path) -> NotFoundError:
    """That nothing of that name was released, with the closest name."""
    return NotFoundError(f"no dataset {name!r} was released in {folder}; {did_you_mean(name, _released_below(folder))}")


def _released_below(folder: Path) -> list[str]:
    """Names of the datasets that have a registry of releases below ``folder``."""
    return sorted(path.parent.name for path in folder.glob(f"*/{REGISTRY}"))


def _checked(bundle: Path, reference: DatasetVersion, path: Path, registry: Registry) -> ReleaseRecord:
    """The record of a bundle, all of whose bytes are as its manifest and the registry say."""
    manifest = read_manifest(bundle)
    if manifest.name != reference.name or reference.version not in {None, Version.parse(manifest.version)}:
        raise InputError(f"{path}: expected {reference}, got {manifest.name}@{manifest.version}")
    problems = [f"{file} {reason}" for file, reason in compare_files(bundle, manifest, apart=frozenset({SIGNATURE}))]
    entry = next((release for release in registry.releases if release.version == manifest.version), None)
    if entry is not None and sha256_of(bundle / MANIFEST) != entry.manifest:
        problems.append(f"its {MANIFEST} is not the one that the registry records")
    if entry is not None and path.is_file() and sha256_of(path) != entry.archive:
        problems.append("the zip is not the one that the registry records")
    if problems:
        raise ChecksumError(f"{path} is not what was released as {reference}: " + "; ".join(problems))
    return read_release(bundle / RECORD)


def _download(reference: DatasetVersion, source: str, folder: Path, known: Registry) -> tuple[Path, Registry]:
    """The zip at a URL, or that of a release below a URL of several, and the registry beside it."""
    if source.endswith(".zip"):
        return download(source, folder / "release.zip"), Registry(name=reference.name)
    base = f"{source.rstrip('/')}/{reference.name}"
    content = download(f"{base}/{REGISTRY}", folder / REGISTRY, DOCUMENT).read_bytes()
    registry = parse_registry(content, f"{base}/{REGISTRY}", reference.name)
    name = _archive_name(learned(known, registry), reference)
    return download(f"{base}/{name}", folder / name), registry


def _archive_name(registry: Registry, reference: DatasetVersion) -> str:
    entry: Release = registry.find(reference.version)
    return f"{reference.name}-{entry.version}.zip"


def _is_git(source: str) -> bool:
    return source.endswith(".git") or source.startswith(("git@", "ssh://", "git://"))
