"""The bundle of a release: a folder, and the same as one zip, that is a function of the commit and of nothing else."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Final, Literal

from pydantic import Field
from ruamel.yaml import YAML

from foundational.data.atomic_write import write_whole
from foundational.data.integrity.hashes import sha256_of
from foundational.defaults import DEFAULTS
from foundational.errors import ChecksumError, InputError, NotFoundError
from foundational.provenance.record import Sha256, write_json
from foundational.release.bundle.archive import archive_folder
from foundational.release.record import RECORD, ReleasedFile, ReleaseRecord, VersionText, read_release
from foundational.specs.about import About
from foundational.specs.base import Spec

MANIFEST: Final = "manifest.json"
DATA: Final = "data.zarr.zip"
TEXT: Final = "data.extxyz"
#: Atoms of the largest set that a bundle also holds as text, which takes 125 bytes an atom; a zip ends at 4 GiB.
TEXT_ATOMS: Final = 5_000_000
#: Bytes of the largest store that a bundle holds: beside it there is room for a line a configuration, and the rest.
STORE_BYTES: Final = 3_500_000_000
SCHEMAS: Final = "schemas"
#: A program that reads and verifies the bundle around it, and needs Python and numpy alone.
READER: Final = "read_release.py"
_MEDIA_TYPES: Final = {
    ".zip": "application/zip",
    ".extxyz": "chemical/x-xyz",
    ".json": "application/json",
    ".yaml": "application/yaml",
    ".md": "text/markdown",
    ".py": "text/x-python",
    ".txt": "text/plain",
}


class ManifestEntry(Spec):
    """One file of a bundle."""

    size: int = Field(ge=0)
    sha256: Sha256


class BundleManifest(Spec):
    """``manifest.json``: every file of a bundle except itself and its signature."""

    schema_version: Literal[1] = 1
    name: str
    version: VersionText
    files: dict[str, ManifestEntry]
    seal: str
    """sha256 of this document with an empty seal, so that no byte of it can change unseen."""


def write_contents(
    folder: Path,
    dataset: Path,
    record: ReleaseRecord,
    *,
    licence: Path,
    schemas: Path,
    earlier: Sequence[ReleaseRecord],
) -> ReleaseRecord:
    """Write data, provenance, licence, changelog, schemas and a reader into ``folder``; the record that lists them.

    A set of more than `TEXT_ATOMS` atoms is not written as extended XYZ.

    Parameters
    ----------
    dataset
        The store, data.zarr.
    record
        All of the record but its files.
    licence
        The text of the licence.
    schemas
        Folder of JSON Schemas.
    earlier
        Records of the earlier versions, oldest first, for the changelog.
    """
    archive_folder(folder / DATA, dataset)
    if record.n_atoms <= TEXT_ATOMS:
        from foundational.data.extxyz import write_extxyz  # noqa: PLC0415 - ASE is slow to import
        from foundational.data.store import open_store  # noqa: PLC0415 - and xarray

        write_extxyz(open_store(dataset), folder / TEXT)
    write_about(folder, record.about)
    shutil.copyfile(licence, folder / "LICENSE.txt")
    shutil.copyfile(Path(__file__).with_name(READER), folder / READER)
    write_json(folder / "provenance.json", record.provenance.model_dump(mode="json"))
    if record.validation is not None:
        write_json(folder / "validation.json", record.validation)
    if not (schemas / "release.json").is_file():
        raise NotFoundError(f"expected JSON Schemas in {schemas}; write them with: foundational schemas")
    (folder / SCHEMAS).mkdir()
    for schema in schemas.glob("*.json"):
        shutil.copyfile(schema, folder / SCHEMAS / schema.name)
    write_whole(folder / "CHANGELOG.md", (text.encode() for text in _changelog([*earlier, record])))
    files = tuple(_described(folder, path) for path in sorted(_files(folder)))
    complete = record.model_copy(update={"files": files})
    write_json(folder / RECORD, complete.model_dump(mode="json"))
    return complete


def require_room(store: Path) -> None:
    """InputError where a bundle of ``store`` would pass the 4 GiB of its zip, before hours of work."""
    if (size := sum(path.stat().st_size for path in store.rglob("*") if path.is_file())) > STORE_BYTES:
        raise InputError(
            f"{store}: expected at most {STORE_BYTES / 1e9:g} GB in one release, got {size / 1e9:.3g} GB; release it "
            "in parts, each with its own name"
        )


def write_about(folder: Path, about: About) -> None:
    """Write ``about.yaml`` into ``folder``, as the same record always spells it."""
    stream = StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.dump(about.model_dump(mode="json"), stream)
    write_whole(folder / "about.yaml", [stream.getvalue().encode()])


def write_manifest(folder: Path, record: ReleaseRecord) -> str:
    """Write ``manifest.json``, of all files that are in ``folder``; its sha256."""
    files = {
        path: ManifestEntry(size=(folder / path).stat().st_size, sha256=sha256_of(folder / path))
        for path in sorted(_files(folder) - {MANIFEST})
    }
    manifest = BundleManifest(name=record.name, version=record.version, files=files, seal="")
    sealed = manifest.model_copy(update={"seal": hashlib.sha256(_text(manifest)).hexdigest()})
    write_whole(folder / MANIFEST, [_text(sealed)])
    return sha256_of(folder / MANIFEST)


def read_manifest(folder: Path) -> BundleManifest:
    """The manifest of the bundle in ``folder``.

    Raises
    ------
    NotFoundError
        There is none.
    ChecksumError
        It is not as it was written.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise NotFoundError(f"{folder}: expected a release, a folder or zip with {MANIFEST}, found none")
    content = path.read_bytes()
    try:
        manifest = BundleManifest.model_validate_json(content)
    except ValueError:
        manifest = None
    if (
        manifest is None
        or content != _text(manifest)
        or manifest.seal != hashlib.sha256(_text(manifest.model_copy(update={"seal": ""}))).hexdigest()
    ):
        raise ChecksumError(f"{path}: the manifest is not as it was written; pull or download the release again")
    return manifest


def read_kept(folder: Path, manifest_sha256: str) -> ReleaseRecord:
    """The record of a release from the manifest and record that git keeps in ``folder``.

    Raises
    ------
    NotFoundError
        They are missing.
    ChecksumError
        They are not those whose manifest the registry records.
    """
    entry = read_manifest(folder).files.get(RECORD)
    unchanged = sha256_of(folder / MANIFEST) == manifest_sha256
    if not (folder / RECORD).is_file():
        raise NotFoundError(f"{folder}: expected {RECORD}, found none; restore it from git")
    if not unchanged or entry is None or entry.sha256 != sha256_of(folder / RECORD):
        raise ChecksumError(f"{folder}: {RECORD} or {MANIFEST} is not as it was released; restore it from git")
    return read_release(folder / RECORD)


def compare_files(
    folder: Path, manifest: BundleManifest, *, apart: frozenset[str] = frozenset()
) -> Iterator[tuple[str, str]]:
    """(file, what is wrong with it) for every file that is not as the manifest says, or not in it."""
    found = _files(folder) - {MANIFEST} - apart
    for path, entry in manifest.files.items():
        if path not in found:
            yield path, "is missing"
        elif (folder / path).is_symlink():
            yield path, "is a link, expected a file"
        elif (size := (folder / path).stat().st_size) != entry.size:
            yield path, f"has {size:,} bytes, expected {entry.size:,}"
        elif sha256_of(folder / path) != entry.sha256:
            yield path, "has other bytes than were released"
    for path in sorted(found - manifest.files.keys()):
        yield path, "does not belong to the release"


def find_licence(root: Path, spdx: str) -> Path:
    """The text of a licence in the project, else in the package.

    Raises
    ------
    NotFoundError
        Neither has it.
    """
    for folder in (root, DEFAULTS):
        path = folder / "LICENSES" / f"{spdx}.txt"
        if path.is_file():
            return path
    raise NotFoundError(f"expected the text of the licence {spdx} in LICENSES/{spdx}.txt; put it there")


def find_schemas(root: Path) -> Path:
    """The folder of JSON Schemas of the project, else of the package."""
    return root / SCHEMAS if (root / SCHEMAS / "release.json").is_file() else DEFAULTS / SCHEMAS


def _files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir() or p.is_symlink()}


def _described(folder: Path, path: str) -> ReleasedFile:
    suffix = Path(path).suffix
    if suffix not in _MEDIA_TYPES:
        raise InputError(f"expected a file of a known kind in a release, got {path}")
    file = folder / path
    return ReleasedFile(path=path, size=file.stat().st_size, sha256=sha256_of(file), media_type=_MEDIA_TYPES[suffix])


def _text(manifest: BundleManifest) -> bytes:
    return (json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n").encode()


def _changelog(records: Sequence[ReleaseRecord]) -> Iterator[str]:
    """Newest first: what changed, and why each configuration was removed."""
    yield f"# {records[-1].about.title}: changes\n"
    for record in reversed(records):
        since = f", {record.bump} since {record.previous}" if record.previous else ""
        yield f"\n## {record.version} ({record.date}{since})\n\n"
        yield from (f"- {change}\n" for change in record.changes)
        if record.removed:
            yield "\nRemoved:\n\n"
            yield from (f"- `{removal.id}` {removal.reason}\n" for removal in record.removed)
