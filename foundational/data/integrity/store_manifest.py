"""What every file of a store must be: its size and sha256, kept in the attributes of the root ``zarr.json``.

There it travels with the data and any zarr reader tolerates it; a file of its own in the root makes zarr warn at
every opening. The root document itself carries a seal, the sha256 of its own text with an empty seal, so that no
byte of a store is outside the manifest.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeAlias

from foundational.data.atomic_write import previous
from foundational.data.integrity.hashes import sha256_of
from foundational.errors import ChecksumError, DatasetError, InputError, NotFoundError

if TYPE_CHECKING:
    from foundational.data.remote.store import RemoteStore

#: A folder, a zip of one, or a store on a server.
Place: TypeAlias = "Path | RemoteStore"

ROOT = "zarr.json"
_KEY = "manifest"
_AGAIN = "pull or write the dataset again"
#: Bytes of a document, and of all files in a zip for each of its own bytes; zeros take a thousandth of their size.
_LARGEST = 256_000_000
_GROWTH = 50


@dataclass(frozen=True)
class Entry:
    """One file, by its path below the root of the store."""

    size: int
    sha256: str


def write_root(folder: Path, attributes: dict[str, Any]) -> None:
    """Write the root document of the store ``folder``: its attributes and the manifest of all files that are there."""
    files = {
        name: {"size": size, "sha256": _sha256(folder, name)}
        for name, size in sorted((_sizes(folder) or {}).items())
        if name != ROOT
    }
    document = {"zarr_format": 3, "node_type": "group", "attributes": attributes | {_KEY: {"files": files, "seal": ""}}}
    try:
        (folder / ROOT).write_bytes(_text(document, _seal(document)))
    except (TypeError, ValueError) as error:
        raise InputError(f"expected attributes of JSON's types, without NaN, got {attributes}: {error}") from None


def read_root(store: Place) -> tuple[dict[str, Any], dict[str, Entry]]:
    """The attributes and the manifest of a store.

    Raises
    ------
    NotFoundError
        There is no store.
    ChecksumError
        The root document is not as it was written.
    DatasetError
        It is a zarr group without a manifest.
    """
    if isinstance(store, Path) and not (store / ROOT).is_file() and not store.is_file():
        found = f"no {ROOT}" if store.exists() else "nothing"
        if not store.exists() and (kept := previous(store)).exists():
            found += f"; a replacement was interrupted: rename {kept.name} back to {store.name}, or write it again"
        raise NotFoundError(f"{store}: expected a dataset, found {found}")
    content = _read(store, ROOT)
    try:
        document = json.loads(content)
        attributes = document["attributes"]
        manifest = attributes.pop(_KEY, None)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ChecksumError(f"{store}: {ROOT} is damaged; {_AGAIN}") from None
    if manifest is None:
        raise DatasetError(f"{store}: expected a manifest in {ROOT}, found none; write it with this package")
    try:
        entries = {name: Entry(entry["size"], entry["sha256"]) for name, entry in manifest["files"].items()}
        sealed = {**document, "attributes": attributes | {_KEY: manifest}}
        intact = content == _text(sealed, manifest["seal"]) and manifest["seal"] == _seal(sealed)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        intact = False
    if not intact:
        raise ChecksumError(f"{store}: {ROOT} was changed after it was written; {_AGAIN}")
    _require_plain(store, entries)  # the seal is no signature: anybody can compute it
    return attributes, entries


def read_descriptions(store: Place, entries: dict[str, Entry]) -> dict[str, dict[str, Any]]:
    """The ``zarr.json`` of every array, by its name, once every file is known to be there with its size.

    A lost or cut file would be read as zeros without a word. The numbers are not read: their chunks hold checksums. Of
    a store on a server that lists no sizes, files that are missing are met when they are read.

    Raises
    ------
    ChecksumError
        Names every file that is missing, empty or truncated, and every description that was changed.
    """
    _check_sizes(entries, _sizes(store, entries), store)
    names = [name for name in entries if name.endswith(f"/{ROOT}")]
    contents = {name: _read(store, name) for name in names}
    _check_contents(entries, {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}, store)
    try:
        described = {_array(name): json.loads(content) for name, content in contents.items()}
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{store}: expected arrays described by JSON ({error})") from None
    for name, description in described.items():
        if not isinstance(description, dict) or not isinstance(description.get("attributes"), dict):
            raise DatasetError(f"{store}: expected {name} to be an array with attributes; {_AGAIN}")
    return described


def _require_plain(store: Place, entries: dict[str, Entry]) -> None:
    """Refuse names that lead out of the store, and sizes that are none."""
    for name, entry in entries.items():
        leads_out = PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\0" in name
        if leads_out or type(entry.size) is not int or entry.size < 0 or not isinstance(entry.sha256, str):
            raise DatasetError(f"{store}: expected files of the store with their sizes, got {name[:80]!r}")


def check_fully(store: Place, entries: dict[str, Entry]) -> None:
    """Read every file and refuse the store where one differs from the manifest or is not in it.

    Raises
    ------
    ChecksumError
        Names every such file and its array.
    """
    sizes = _sizes(store)
    _check_sizes(entries, sizes, store)
    digests = {
        name: _sha256(store, name) if isinstance(store, Path) else store.sha256(name, entry.size)
        for name, entry in entries.items()
    }
    _check_contents(entries, digests, store)
    foreign = (sizes or {}).keys() - entries.keys() - {ROOT}
    _raise(store, [f"{name} does not belong to it" for name in sorted(foreign)])


def _check_sizes(entries: dict[str, Entry], sizes: dict[str, int] | None, store: Place) -> None:
    if sizes is None:
        return
    damages = [
        f"{_array(name)}: {name} "
        + (f"has {sizes[name]} bytes, expected {entry.size}" if name in sizes else "is missing")
        for name, entry in entries.items()
        if sizes.get(name) != entry.size
    ]
    _raise(store, damages)


def _check_contents(entries: dict[str, Entry], digests: dict[str, str], store: Place) -> None:
    damages = [
        f"{_array(name)}: {name} has other bytes than were written"
        for name, digest in digests.items()
        if digest != entries[name].sha256
    ]
    _raise(store, damages)


def _raise(store: Place, damages: list[str]) -> None:
    if damages:
        raise ChecksumError(f"{store} is damaged: {'; '.join(damages)}; {_AGAIN}")


def _array(name: str) -> str:
    return name.partition("/")[0]


def _text(document: dict[str, Any], seal: str) -> bytes:
    """The one way in which a root document is written."""
    attributes = document["attributes"]
    sealed = {**document, "attributes": {**attributes, _KEY: {**attributes[_KEY], "seal": seal}}}
    return (json.dumps(sealed, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _seal(document: dict[str, Any]) -> str:
    return hashlib.sha256(_text(document, "")).hexdigest()


def _sizes(store: Place, names: Iterable[str] | None = None) -> dict[str, int] | None:
    """The size of every file of a store; of ``names`` alone, where they exist, if they are given. None: not known."""
    if not isinstance(store, Path):
        return store.sizes
    if not store.is_dir():
        with _opened(store) as archive:
            return {info.filename: info.file_size for info in archive.infolist() if not info.is_dir()}
    if names is None:
        return {p.relative_to(store).as_posix(): p.stat().st_size for p in store.rglob("*") if p.is_file()}
    found = {}
    for name in names:
        with suppress(FileNotFoundError, NotADirectoryError):
            found[name] = (store / name).stat().st_size
    return found


@contextmanager
def _opened(store: Path, name: str = ROOT) -> Iterator[zipfile.ZipFile]:
    """A zip whose files are no larger than those of a store can be.

    Raises
    ------
    ChecksumError
        It is no zip, damaged, encrypted, or a small file that stands for a very large one.
    """
    try:
        with zipfile.ZipFile(store) as archive:
            total = sum(info.file_size for info in archive.infolist())
            if total > _GROWTH * store.stat().st_size + _LARGEST:
                raise ChecksumError(f"{store}: expected files of a dataset, got {total:,} bytes of almost nothing")
            yield archive
    except (ChecksumError, MemoryError):
        raise
    except Exception as error:  # zipfile raises many kinds: encrypted, unknown methods, damaged streams
        raise ChecksumError(f"{store}: {name} cannot be read from the zip ({error}); {_AGAIN}") from None


def _read(store: Place, name: str) -> bytes:
    """A document of the store."""
    if not isinstance(store, Path):
        return store.read(name)
    try:
        if store.is_dir():
            if (store / name).stat().st_size > _LARGEST:
                raise ChecksumError(f"{store}: expected a document of at most {_LARGEST:,} bytes as {name}, got more")
            return (store / name).read_bytes()
        with _opened(store, name) as archive:
            if archive.getinfo(name).file_size > _LARGEST:
                raise ChecksumError(f"{store}: expected a document of at most {_LARGEST:,} bytes as {name}, got more")
            return archive.read(name)
    except OSError as error:
        raise ChecksumError(f"{store}: {name} cannot be read ({error.strerror or error}); {_AGAIN}") from None


def _sha256(store: Path, name: str) -> str:
    if store.is_dir():
        return sha256_of(store / name)
    with _opened(store, name) as archive, archive.open(name) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]  # it can be read
