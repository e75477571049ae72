"""Is a release what was released? Every byte against the manifest, then every rule; offline, without git or DVC."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundational.data.atomic_write import temporary_folder
from foundational.data.checks import Hashing, check_dataset
from foundational.data.fingerprint import fingerprint
from foundational.data.integrity.hashes import sha256_of
from foundational.data.integrity.store_manifest import Place, check_fully, read_root
from foundational.data.integrity.stored_array import open_table
from foundational.data.remote.store import RemoteStore
from foundational.data.streaming.sorted_rows import SortedRows
from foundational.errors import FoundationalError, NotFoundError
from foundational.progress import Progress
from foundational.provenance.record import ProvenanceRecord, read_record
from foundational.release.bundle.archive import unpack
from foundational.release.bundle.bundle import (
    DATA,
    MANIFEST,
    TEXT,
    TEXT_ATOMS,
    BundleManifest,
    compare_files,
    read_manifest,
)
from foundational.release.bundle.damage import find_damages
from foundational.release.bundle.signature import SUFFIX, require_valid, signer
from foundational.release.record import RECORD, read_release
from foundational.release.registry.registry import Release
from foundational.specs.about import read_about
from foundational.specs.base import Spec

if TYPE_CHECKING:
    import xarray as xr

SIGNATURE = MANIFEST + SUFFIX


class Verification(Spec):
    """What `verify_bundle` or `verify_data` found."""

    name: str
    version: str | None
    problems: tuple[str, ...]
    """Sentences; none where it is what was released."""
    changes: tuple[str, ...] = ()
    """How a dataset of the project legitimately differs from its newest release."""
    yanked: str | None = None
    """Why it was withdrawn, where the registry says so."""
    signed_by: str | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; a withdrawn release can still be what was released."""
        return not self.problems


@contextmanager
def opened_bundle(path: Path) -> Iterator[Path]:
    """The folder of a release; a zip is unpacked into a temporary one.

    Raises
    ------
    NotFoundError
        There is no release at ``path``.
    ChecksumError
        The zip is damaged, hostile or not of this package; nothing was unpacked.
    """
    if path.is_dir():
        yield path
        return
    with temporary_folder() as temporary:
        unpack(path, temporary)
        tops = list(temporary.iterdir())
        if len(tops) != 1 or not tops[0].is_dir():
            raise NotFoundError(f"{path}: expected a release in one folder in the zip, found {len(tops)} names")
        yield tops[0]


def verify_bundle(
    path: Path, *, release: Release | None = None, signers: Path | None = None, progress: Progress | None = None
) -> Verification:
    """Verify a release, its folder or zip.

    The rules are checked where all bytes are right: files that differ from their manifest are not read further, but
    for a damaged store the arrays, chunks and configurations are named.

    Parameters
    ----------
    release
        The registry's entry, where it is known: the manifest and the zip must be the ones that it records.
    signers
        Require a signature by one of these (allowed signers of ssh-keygen).

    Raises
    ------
    NotFoundError
        There is no release at ``path``, or no file of signers.
    ChecksumError
        The zip or the manifest cannot be read at all.
    """
    say = progress or _silent
    say(0, 3, "comparing bytes")
    with opened_bundle(path) as folder:
        manifest = read_manifest(folder)
        problems = _byte_problems(folder, manifest)
        if release is not None and sha256_of(folder / MANIFEST) != release.manifest:
            problems.append(f"{MANIFEST} is not the one that the registry records of {manifest.name}@{release.version}")
        if release is not None and path.is_file() and sha256_of(path) != release.archive:
            problems.append(f"the zip is not the one that the registry records of {manifest.name}@{release.version}")
        signed_by = None
        try:
            signed_by = _signer(folder, signers)
        except NotFoundError:
            raise
        except FoundationalError as error:
            problems.append(str(error))
        if not problems:
            problems += _broken_rules(folder, manifest, say)
    say(3, 3, "verified")
    return Verification(name=manifest.name, version=manifest.version, problems=tuple(problems), signed_by=signed_by)


def verify_data(store: Path, record: ProvenanceRecord | None, progress: Progress | None = None) -> list[str]:
    """Everything that is wrong with a store by itself or against the record of how it was made."""
    damages = [str(damage) for damage in find_damages(store)]
    if damages:
        return damages
    return _rules(store, record, progress)


def verify_remote(store: RemoteStore, record: ProvenanceRecord | None, progress: Progress | None = None) -> list[str]:
    """As `verify_data`, of a store on a server: its files are read there, once for their bytes and once for rules."""
    try:
        check_fully(store, read_root(store)[1])
    except FoundationalError as error:
        return [str(error)]
    return _rules(store, record, progress)


def _rules(store: Place, record: ProvenanceRecord | None, progress: Progress | None) -> list[str]:
    with SortedRows() as hashes:
        try:
            dataset = open_table(store)
            violations = check_dataset(dataset, companion=Hashing(hashes), progress=progress)
        except FoundationalError as error:
            return [str(error)]
        problems = list(map(str, violations))
        if record is not None:
            whole = len(hashes) == dataset.sizes["configuration"]
            problems += _against(record, dataset, hashes.hexdigest() if whole else fingerprint(dataset))
    return problems


def _silent(done: int, total: int, message: str) -> None:  # noqa: ARG001 - the signature of Progress
    return None


def _byte_problems(folder: Path, manifest: BundleManifest) -> list[str]:
    problems = []
    for file, reason in compare_files(folder, manifest, apart=frozenset({SIGNATURE})):
        places = find_damages(folder / DATA) if file == DATA and (folder / DATA).is_file() else []
        problems.append(f"{file} {reason}" + "".join(f"; {place}" for place in places))
    return problems


def _signer(folder: Path, signers: Path | None) -> str | None:
    """Who signed the manifest, of the ``signers``; None where nobody needs to have."""
    signature = folder / SIGNATURE
    if signers is not None:
        if not signature.is_file():
            raise FoundationalError(f"expected a signature in {SIGNATURE}, found none")
        return signer(folder / MANIFEST, signature, signers)
    if signature.is_file():
        require_valid(folder / MANIFEST, signature)
    return None


def _broken_rules(folder: Path, manifest: BundleManifest, say: Progress) -> Iterator[str]:
    """What is wrong although every byte is as it was written."""
    try:
        record = read_release(folder / RECORD)
        about, provenance = read_about(folder), read_record(folder)
    except FoundationalError as error:
        yield f"the records cannot be read: {error}"
        return
    if (record.name, record.version) != (manifest.name, manifest.version):
        yield f"{RECORD} is of {record.name}@{record.version}, the manifest of {manifest.name}@{manifest.version}"
    for file in record.files:
        entry = manifest.files.get(file.path)
        if entry is None or (entry.size, entry.sha256) != (file.size, file.sha256):
            yield f"{RECORD} records another {file.path} than the manifest"
    if about != record.about:
        yield f"about.yaml says something else than {RECORD}"
    if provenance != record.provenance:
        yield f"provenance.json says something else than {RECORD}"
    if record.validation is not None:
        yield from _broken_validation(folder, record.validation, record.fingerprint)
    say(1, 3, "checking every rule")
    yield from verify_data(folder / DATA, provenance)
    output = provenance.output  # with which the rules have compared the data
    stated = (record.fingerprint, record.n_configurations, record.n_atoms)
    if (output.fingerprint, output.n_configurations, output.n_atoms) != stated:
        yield f"provenance.json records other data than {RECORD}"
    if TEXT not in manifest.files:
        if record.n_atoms <= TEXT_ATOMS:
            yield f"{TEXT} is missing"
        return
    say(2, 3, "computing the fingerprint of the extended XYZ")
    from foundational.data.extxyz import fingerprint_of_text  # noqa: PLC0415 - ASE is slow to import

    if fingerprint_of_text(folder / TEXT) != record.fingerprint:
        yield f"{TEXT} has another fingerprint than {RECORD} records"


def _broken_validation(folder: Path, validation: dict[str, Any], expected: str) -> Iterator[str]:
    try:
        report = json.loads((folder / "validation.json").read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        yield f"validation.json cannot be read: {error}"
        return
    if not isinstance(report, dict):
        yield "validation.json is no report"
        return
    if report != validation:
        yield f"validation.json says something else than {RECORD}"
    if report.get("fingerprint") != expected:
        yield "validation.json is the report of other data"
    if report.get("passed") is not True:
        yield "validation.json reports a gate that failed"


def _against(record: ProvenanceRecord, dataset: "xr.Dataset", computed: str) -> Iterator[str]:
    output = record.output
    if output.fingerprint != computed:
        yield "provenance.json records another fingerprint than the data have"
    if (output.n_configurations, output.n_atoms) != (dataset.sizes["configuration"], dataset.sizes["atom"]):
        yield "provenance.json records other numbers of configurations and atoms than the data have"
