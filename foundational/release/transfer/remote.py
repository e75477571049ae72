"""Datasets on servers, read where they lie: stores, zips, and releases below the address of several."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from foundational.data.integrity.store_manifest import ROOT, Place
from foundational.data.remote.address import is_address
from foundational.data.remote.store import RemoteStore, Segment, folder_at
from foundational.data.remote.transport import Transport, transport_for
from foundational.errors import ChecksumError, NotFoundError
from foundational.project import STORE
from foundational.provenance.record import PROVENANCE, ProvenanceRecord, parse_record
from foundational.release.bundle.archive import Member, listed_members
from foundational.release.bundle.bundle import DATA
from foundational.release.record import RECORD, ReleaseRecord, parse_release
from foundational.release.registry.registry import REGISTRY, Registry, Release, learned, parse_registry
from foundational.release.registry.version import DatasetVersion
from foundational.release.transfer.dvc_objects import listed_objects, object_at, read_config
from foundational.release.transfer.hub import PREFIX, hub_repository


@dataclass(frozen=True, eq=False)
class RemoteRelease:
    """A release that can be read in parts; its root document is the one that was released."""

    store: Place
    record: ReleaseRecord


def is_remote(source: str) -> bool:
    """Whether a source can be read where it lies: a web server, S3 or a hub, and no git URL."""
    return source.startswith(PREFIX) or (is_address(source) and not source.endswith(".git"))


def remote_store(address: str) -> RemoteStore:
    """The store at ``address``: a ``.zarr`` folder, a dataset's folder, or a zip of a store or of a release.

    Raises
    ------
    NotFoundError
        There is none, or the server cannot be read.
    ChecksumError
        A zip is not one of this package.
    MissingDependencyError
        S3 needs a package that is not installed.
    """
    transport = transport_for(address)
    if address.endswith(".zip"):
        return _in_zip(address, transport)
    base = address.rstrip("/")
    for place in (base, f"{base}/{STORE}"):
        if transport.size(f"{place}/{ROOT}") is not None:
            return folder_at(place, transport)
    raise NotFoundError(f"{address}: expected a dataset, found no {ROOT} and no {STORE}/{ROOT}")


def remote_release(reference: DatasetVersion, source: str, known: Registry) -> RemoteRelease:
    """The release that ``reference`` means, at ``source``: a zip, the address of several, or ``hf:OWNER/NAME``.

    Parameters
    ----------
    known
        The dataset's releases on this machine, with which the server's are compared.

    Raises
    ------
    NotFoundError, MissingDependencyError
        As `remote_store`.
    ChecksumError
        It is not what was released.
    """
    registry = known
    if source.startswith(PREFIX):
        base = hub_repository(source)
        transport = transport_for(base)
        registry = learned(known, _registry(f"{base}/main/{REGISTRY}", transport, reference))
        place = f"{base}/{registry.find(reference.version).version}"
        source = f"{place}/{DATA}"
        store = replace(_in_zip(source, transport), neighbours=lambda name: Segment(f"{place}/{name}"))
    else:
        transport = transport_for(source)
        if not source.endswith(".zip"):
            base = f"{source.rstrip('/')}/{reference.name}"
            registry = learned(known, _registry(f"{base}/{REGISTRY}", transport, reference))
            source = f"{base}/{reference.name}-{registry.find(reference.version).version}.zip"
        store = _in_zip(source, transport)
    text = store.beside(RECORD)
    if text is None:
        raise NotFoundError(f"{source}: expected a release, found no {RECORD}")
    record = parse_release(text, f"{source}: {RECORD}")
    entry = next((e for e in registry.releases if e.version == record.version), None)
    wrong_version = reference.version is not None and str(reference.version) != record.version
    if record.name != reference.name or wrong_version:
        raise NotFoundError(f"{source}: expected {reference}, got {record.name}@{record.version}")
    if entry is not None and hashlib.sha256(store.read(ROOT)).hexdigest() != entry.root:
        raise ChecksumError(f"{source} is not what was released as {record.name}@{record.version}")
    return RemoteRelease(store, record)


def dvc_store(project: Path, entry: Release) -> RemoteStore | None:
    """The data of a release in the first DVC remote of the project that is a server and holds them; None for none.

    Raises
    ------
    ChecksumError
        They are not what was released.
    """
    config = read_config(project)
    for section in config.sections():
        address = config[section].get("url", "").rstrip("/")
        if not is_address(address):
            continue
        transport = transport_for(address, config[section].get("endpointurl"))
        listing = transport.whole(object_at(address, entry.tracked))
        if listing is None:
            continue
        files = {name: Segment(object_at(address, md5)) for name, md5 in listed_objects(listing, entry.tracked).items()}
        store = RemoteStore(f"{address} ({entry.tracked})", transport, files)
        if hashlib.sha256(store.read(ROOT)).hexdigest() != entry.root:
            raise ChecksumError(f"{store} is not what was released as {entry.version}")
        return store
    return None


def record_beside(store: RemoteStore) -> ProvenanceRecord | None:
    """How the dataset at a server came to be; None where it does not say."""
    text = store.beside(PROVENANCE)
    return None if text is None else parse_record(text, f"{store}: {PROVENANCE}")


def _registry(address: str, transport: Transport, reference: DatasetVersion) -> Registry:
    content = transport.whole(address)
    if content is None:
        raise NotFoundError(f"{address}: expected the list of releases, found nothing there")
    return parse_registry(content, address, reference.name)


def _members(address: str, transport: Transport) -> list[Member]:
    size = transport.size(address)
    if size is None:
        raise NotFoundError(f"{address}: expected a zip, found nothing there")
    return listed_members(address, size, lambda start, length: transport.part(address, start, length))


def _in_zip(address: str, transport: Transport) -> RemoteStore:
    """The store in a zip of it, or in the zip of a release that holds such a zip."""
    outer = _members(address, transport)
    inner = next((member for member in outer if member.name.endswith(f"/{DATA}")), None)
    begin, members = 0, outer
    if inner is not None:
        begin = inner.start
        members = listed_members(
            f"{address}: {DATA}", inner.size, lambda start, length: transport.part(address, begin + start, length)
        )
    files = {member.name: Segment(address, begin + member.start, member.size) for member in members}
    if ROOT not in files:
        raise NotFoundError(f"{address}: expected a dataset, found no {ROOT} in the zip")
    beside = {m.name.partition("/")[2]: Segment(address, m.start, m.size) for m in outer if inner is not None}
    return RemoteStore(address, transport, files, beside.get)
