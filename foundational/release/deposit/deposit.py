"""Depositing a release in a repository that speaks InvenioRDM's API: what would be sent, and sending it.

How far a deposit came is kept in a file beside the bundle, without the token. A run that was interrupted is taken up by
running it again: the draft is found by its id, files that are there with the right checksum are not sent again.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from foundational.data.integrity.hashes import sha256_of
from foundational.errors import ChecksumError, ConflictError, InputError, NotFoundError
from foundational.progress import Progress
from foundational.provenance.record import Sha256, write_json
from foundational.release.bundle.bundle import MANIFEST, compare_files, read_manifest
from foundational.release.deposit.client import Records
from foundational.release.registry.registry import Registry, Release
from foundational.release.servers import understood
from foundational.specs.base import Spec
from foundational.specs.parsing import parse, parse_json

#: Servers that have a name, and what they call themselves as a publisher.
SERVERS: Final = {
    "zenodo": ("https://zenodo.org", "Zenodo"),
    "zenodo-sandbox": ("https://sandbox.zenodo.org", "Zenodo"),
}
_ZENODO_DOI = re.compile(r"10\.5281/zenodo\.(\d+)")
#: Where the token is read from; it is never an argument, printed or stored.
TOKEN: Final = "FOUNDATIONAL_DEPOSIT_TOKEN"


class DepositState(Spec):
    """How far a deposit came: ``<name>-<version>.<host>.deposit.json`` beside the bundle."""

    server: str
    manifest: Sha256
    """Of the bundle's manifest: a deposit belongs to its bytes."""
    record: str
    """The server's id of the draft, and later of the record."""
    doi: str | None = None
    published: bool = False


@dataclass(frozen=True)
class Payload:
    """One file to send."""

    name: str
    path: Path
    size: int
    md5: str
    """The server answers with it; sha256 of every file is in the manifest, which is among the files."""


@dataclass(frozen=True)
class DepositPlan:
    """What a deposit sends."""

    label: str
    """``ni@1.0.0``."""
    server: str
    record: dict[str, Any]
    """Metadata, access and file options."""
    files: tuple[Payload, ...]
    previous: str | None
    """The server's id of an earlier version, of which this one becomes the next."""
    manifest: str
    state_path: Path

    def as_json(self) -> dict[str, Any]:
        """The plan, for printing."""
        return {
            "dataset": self.label,
            "server": self.server,
            "new_version_of": self.previous,
            "record": self.record,
            "files": [{"name": f.name, "size": f.size, "md5": f.md5} for f in self.files],
        }


def plan_deposit(bundle: Path, registry: Registry, entry: Release, server: str, record: dict[str, Any]) -> DepositPlan:
    """What a deposit of the release in ``bundle`` would send, once all of it is verified.

    Sent are the release as one zip, and beside it the documents that people and catalogues read without unpacking it:
    what lies at the top of the bundle but the data. Names stay flat, since not every server takes a slash in one.

    Parameters
    ----------
    bundle
        The release's folder, its zip beside it.
    registry, entry
        What was released of the dataset, and which of it is deposited.
    record
        See `foundational.release.deposit.metadata`.

    Raises
    ------
    NotFoundError
        The folder or the zip is not there.
    ChecksumError
        They are not what was released.
    """
    manifest = read_manifest(bundle)
    archive = bundle.with_name(f"{bundle.name}.zip")
    if not archive.is_file():
        raise NotFoundError(f"{archive}: expected the release's zip beside its folder; foundational release makes it")
    problems = [f"{path} {problem}" for path, problem in compare_files(bundle, manifest)]
    if sha256_of(bundle / MANIFEST) != entry.manifest:
        problems.append(f"{MANIFEST} is not that of the registry")
    if sha256_of(archive) != entry.archive:
        problems.append(f"{archive.name} is not that of the registry")
    if problems:
        raise ChecksumError(f"{bundle}: not deposited, {'; '.join(problems)}; make the bundle again")
    beside = sorted(path for path in bundle.iterdir() if path.is_file() and not path.name.startswith("data."))
    return DepositPlan(
        label=f"{registry.name}@{entry.version}",
        server=server,
        record=record,
        files=tuple(_payload(path) for path in (archive, *beside)),
        previous=_previous(bundle, registry, entry, server),
        manifest=entry.manifest,
        state_path=_state_path(bundle, server),
    )


@understood
def deposit(plan: DepositPlan, records: Records, *, publish: bool, progress: Progress | None = None) -> DepositState:
    """Bring a draft to what the plan says, and publish it where asked; does only what is not done yet.

    Raises
    ------
    ChecksumError
        The server received other bytes than were sent.
    InputError
        It refuses the token or the metadata.
    ConflictError
        It does not answer, or its record is not what was deposited.
    """
    state = _begin(plan, records)
    if state.published:
        return state
    draft = records.update(state.record, plan.record | {"pids": (records.draft(state.record) or {}).get("pids", {})})
    doi = draft.get("pids", {}).get("doi", {}).get("identifier") or records.reserve_doi(state.record)
    state = _keep(plan, state.model_copy(update={"doi": doi}))
    _send_files(plan, records, state.record, progress)
    if publish:
        answer = records.publish(state.record)
        registered = answer.get("pids", {}).get("doi", {}).get("identifier", doi)
        state = _keep(plan, state.model_copy(update={"published": True, "doi": registered}))
    return state


def _begin(plan: DepositPlan, records: Records) -> DepositState:
    """The draft of an earlier run, or a new one; published where an earlier run came to its end."""
    if plan.state_path.is_file():
        state = _read_state(plan.state_path)
        if state.manifest != plan.manifest or state.server != plan.server:
            raise ConflictError(f"{plan.state_path}: belongs to another deposit; move it away to deposit again")
        if state.published or records.draft(state.record) is not None:
            return state
        if records.published(state.record) is not None:
            return _keep(plan, state.model_copy(update={"published": True}))
    draft = records.create(plan.record) if plan.previous is None else records.new_version(plan.previous)
    return _keep(plan, DepositState(server=plan.server, manifest=plan.manifest, record=str(draft["id"])))


def _send_files(plan: DepositPlan, records: Records, record: str, progress: Progress | None) -> None:
    """Make the draft's files those of the plan."""
    stored = records.files(record)
    for name in stored.keys() - {file.name for file in plan.files}:
        records.remove(record, name)
    total = sum(file.size for file in plan.files)
    sent = 0
    for file in plan.files:
        if progress is not None:
            progress(sent, total, file.name)
        if _fault(stored.get(file.name), file) is not None:
            fault = _fault(records.upload(record, file.name, file.path), file)
            if fault is not None:
                raise ChecksumError(
                    f"{file.name}: the server has {fault}, so it did not receive what was sent; nothing was published, "
                    "run the command again"
                )
        sent += file.size
    if progress is not None:
        progress(total, total, "sent")


def _fault(entry: Mapping[str, Any] | None, file: Payload) -> str | None:
    """Why a file on the server is not the one to deposit; None where it is."""
    if entry is None or entry.get("status") != "completed":
        return "nothing complete"
    if entry.get("checksum") != f"md5:{file.md5}":
        return f"the checksum {entry.get('checksum')}, expected md5:{file.md5}"
    if int(entry.get("size", -1)) != file.size:
        return f"{entry.get('size')} bytes, expected {file.size}"
    return None


def _payload(path: Path) -> Payload:
    with path.open("rb") as stream:
        md5 = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    return Payload(path.name, path, path.stat().st_size, md5)


def _previous(bundle: Path, registry: Registry, entry: Release, server: str) -> str | None:
    """The id of the newest earlier version on that server: from its state file, or from a DOI of Zenodo's."""
    earlier = [release.version for release in registry.releases[: registry.releases.index(entry)]]
    for version in reversed(earlier):
        path = _state_path(bundle.with_name(f"{registry.name}-{version}"), server)
        if path.is_file() and (state := _read_state(path)).published:
            return state.record
        found = _ZENODO_DOI.fullmatch(registry.dois.get(version, ""))
        if found and server == SERVERS["zenodo"][0]:
            return found[1]
    return None


def _state_path(bundle: Path, server: str) -> Path:
    host = urlsplit(server).netloc.replace(":", "-")
    return bundle.with_name(f"{bundle.name}.{host}.deposit.json")


def _read_state(path: Path) -> DepositState:
    try:
        content = parse_json(path.read_bytes(), str(path))
    except InputError:
        raise ConflictError(f"{path}: not the state of a deposit; move it away to deposit again") from None
    return parse(DepositState, content, str(path))


def _keep(plan: DepositPlan, state: DepositState) -> DepositState:
    write_json(plan.state_path, state.model_dump(mode="json"))
    return state
