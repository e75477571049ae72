"""Depositing a release of the project in a repository, and noting its DOI in the registry."""

from dataclasses import dataclass
from pathlib import Path

from foundational.data.integrity.storing import exclusive
from foundational.errors import ConflictError, InputError
from foundational.progress import Progress
from foundational.project import DATASETS
from foundational.release.bundle.bundle import MANIFEST
from foundational.release.citation.citation_target import find_citation_target
from foundational.release.deposit.client import ADDRESS, Records
from foundational.release.deposit.deposit import SERVERS, TOKEN, DepositPlan, DepositState, deposit, plan_deposit
from foundational.release.deposit.metadata import invenio_record
from foundational.release.registry.registry import Registry, Release, read_registry, require_history, write_registry
from foundational.release.registry.version import DatasetVersion, Version
from foundational.release.servers import checked_server
from foundational.release.transfer.bundle_from_commit import bundle_of


@dataclass(frozen=True)
class DepositResult:
    """What was sent, or would be."""

    plan: DepositPlan
    state: DepositState | None
    """None for a dry run."""


def deposit_release(
    root: Path,
    reference: DatasetVersion,
    to: str,
    *,
    bundles: Path,
    token: str | None = None,
    publish: bool = False,
    progress: Progress | None = None,
) -> DepositResult:
    """Deposit a released version, or say what would be sent.

    Parameters
    ----------
    to
        A name of ``SERVERS`` or an address.
    bundles
        The release's folder, or the folder of bundles that ``foundational release`` writes.
    token
        Of the server's account; None for a dry run, which asks no server anything.
    publish
        Publish the draft, which cannot be undone, and note its DOI in the registry.

    Raises
    ------
    NotFoundError
        There is no such release, or no bundle of it.
    InputError
        No version was named, or the server refuses the token or the metadata.
    ConflictError
        The version was withdrawn, or the server does not answer.
    ChecksumError
        The bundle is not what was released, or the server received other bytes.
    """
    if reference.version is None:
        raise InputError(f"expected a version to deposit, such as {reference.name}@1.0.0, got {reference}")
    address, repository = SERVERS.get(to, (to, None))
    server = checked_server(address, ADDRESS)
    folder = root / DATASETS / reference.name
    with exclusive(root, reference.name):
        registry = read_registry(folder)
        require_history(root, reference.name, registry)
        entry = registry.find(reference.version)
        if entry.version in registry.yanked:
            raise ConflictError(f"{reference} was withdrawn ({registry.yanked[entry.version]}) and is not deposited")
        subject = find_citation_target(reference, root)
        record = invenio_record(subject.citable, subject.works, repository)
        plan = plan_deposit(_bundle(root, registry, entry, bundles), registry, entry, server, record)
        if token is None:
            return DepositResult(plan, None)
        state = deposit(plan, Records(server, _checked(token)), publish=publish, progress=progress)
        if state.published and state.doi and to != "zenodo-sandbox":
            write_registry(folder, registry.with_doi(reference.version, state.doi))
    return DepositResult(plan, state)


def _bundle(root: Path, registry: Registry, entry: Release, bundles: Path) -> Path:
    """The bundle's folder; made again from the release's commit where it is missing."""
    name = f"{registry.name}-{entry.version}"
    for folder in (bundles, bundles / name, bundles / registry.name / name):
        if folder.name == name and (folder / MANIFEST).is_file():
            return folder
    return bundle_of(root, registry, Version.parse(entry.version), bundles)


def _checked(token: str) -> str:
    if not token.isascii() or not token.isprintable() or " " in token:
        raise InputError(f"expected a token of printable ASCII characters in {TOKEN}")
    return token
