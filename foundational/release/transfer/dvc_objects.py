"""Data by their DVC hash, read without DVC: from the cache and from every remote that is a folder.

DVC 3 keeps a file under ``files/md5/ab/cdef…``, and a folder as a JSON list of its files under ``….dir``; the name is
the md5 of the content (https://dvc.org/doc/user-guide/project-structure/internal-files). md5 only finds data
here; after fetching, they are compared with the sha256 of the store's own manifest.
"""

import configparser
import hashlib
import json
import re
import shutil
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from foundational.errors import ChecksumError, FoundationalError, InputError, NotFoundError
from foundational.project import DATASETS, STORE
from foundational.release.bundle.archive import require_plain
from foundational.release.registry.git import read_at
from foundational.specs.parsing import parse_json, parse_yaml

_OBJECTS = "files/md5"
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")


def directory_hash(folder: Path) -> str:
    """DVC's hash of a folder: the md5 of the list of its files, with ``.dir`` behind it."""
    listed = [
        {"md5": _md5(folder / name), "relpath": name}
        for name in sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    ]
    return hashlib.md5(json.dumps(listed, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


def tracked_hash(root: Path, name: str, revision: str | None = None) -> str | None:
    """The hash by which DVC tracks the data of ``name``: in ``dvc.lock`` or in a ``.dvc`` file beside the data.

    Parameters
    ----------
    revision
        A git revision; by default the files as they lie in the project.
    """
    path = f"{DATASETS}/{name}/{STORE}"
    outs: list[dict[str, Any]] = []
    if (lock := _read(root, "dvc.lock", revision)) is not None:
        stages = lock.get("stages")
        outs += [out for stage in (stages.values() if isinstance(stages, dict) else ()) for out in _outs(stage)]
    if (pointer := _read(root, f"{path}.dvc", revision)) is not None:
        outs += [{**out, "path": path} for out in _outs(pointer)]
    return next((str(out["md5"]) for out in outs if out.get("path") == path and "md5" in out), None)


def _outs(stage: Any) -> list[dict[str, Any]]:
    """The outputs of a stage or a pointer; none where it states them in another way."""
    listed = stage.get("outs") if isinstance(stage, dict) else None
    return [out for out in listed if isinstance(out, dict)] if isinstance(listed, list) else []


def fetch(root: Path, tracked: str, target: Path, *, link: bool = False) -> None:
    """Copy the folder with the hash ``tracked`` to ``target``, file by file; wholeness is the caller's.

    Parameters
    ----------
    link
        Symbolic links instead of copies, for reading alone.

    Raises
    ------
    NotFoundError
        Neither the cache nor a remote that is a folder holds all of it.
    ChecksumError
        The list of its files is damaged.
    """
    places = _places(root)
    listed = listed_objects(_find(places, tracked).read_bytes(), tracked)
    files = {name: _find(places, md5) for name, md5 in listed.items()}
    for name, source in files.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if link:
            (target / name).symlink_to(source.resolve())
        else:
            shutil.copyfile(source, target / name)


def listed_objects(listing: bytes, tracked: str) -> dict[str, str]:
    """The md5 of each file of the folder with the hash ``tracked``, by its name, from DVC's list of them.

    Raises
    ------
    ChecksumError
        The list is damaged, or a name in it leads out of the folder.
    InputError
        It is no JSON.
    """
    damaged = ChecksumError(f"the list of files {tracked} in the DVC store is damaged; fetch it again with: dvc fetch")
    if hashlib.md5(listing, usedforsecurity=False).hexdigest() + ".dir" != tracked:
        raise damaged
    content = parse_json(listing, f"the list of files {tracked} in the DVC store")
    found: dict[str, str] = {}
    for entry in content if isinstance(content, list) else [None]:
        name, md5 = (entry.get("relpath"), entry.get("md5")) if isinstance(entry, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(md5, str) or not _MD5.fullmatch(md5):
            raise damaged
        try:
            require_plain(name)
        except InputError as error:
            raise ChecksumError(f"the list of files {tracked} in the DVC store names no file of it: {error}") from None
        found[name] = md5
    if found.keys() & {parent.as_posix() for name in found for parent in PurePosixPath(name).parents}:
        raise damaged  # a file that is a folder, too
    return found


def object_at(address: str, md5: str) -> str:
    """Where a remote at ``address`` keeps the object with that hash.

    >>> object_at("s3://bucket/data", "0123")
    's3://bucket/data/files/md5/01/23'
    """
    return f"{address}/{_OBJECTS}/{md5[:2]}/{md5[2:]}"


def is_stored(root: Path, tracked: str) -> bool:
    """Whether a remote that is a folder, not only the cache, holds the folder with that hash."""
    remotes = _places(root)[1:]
    try:
        listed = listed_objects(_find(remotes, tracked).read_bytes(), tracked)
        return all(_find(remotes, md5).is_file() for md5 in listed.values())
    except FoundationalError:
        return False


def read_config(root: Path) -> configparser.ConfigParser:
    """DVC's settings of a project; InputError where they cannot be read."""
    config = configparser.ConfigParser(interpolation=None)
    try:
        config.read([root / ".dvc" / "config", root / ".dvc" / "config.local"], encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise InputError(f"{root / '.dvc' / 'config'}: not readable: {' '.join(str(error).split())}") from None
    return config


def _places(root: Path) -> list[Path]:
    """Folders of objects: the cache first, then the remotes that are folders."""
    config = read_config(root)
    cache = config.get("cache", "dir", fallback="cache")
    urls = [config[section]["url"] for section in config.sections() if "url" in config[section]]
    return [root / ".dvc" / place / _OBJECTS for place in (cache, *(url for url in urls if "://" not in url))]


def _find(places: list[Path], md5: str) -> Path:
    for place in places if _MD5.fullmatch(md5) else ():
        with suppress(OSError):  # no file system has such a name
            if (path := place / md5[:2] / md5[2:]).is_file():
                return path
    raise NotFoundError(
        f"the data with the DVC hash {md5} are neither in the cache nor in a remote that is a folder; "
        "fetch them with: dvc fetch --all-commits"
    )


def _read(root: Path, path: str, revision: str | None) -> dict[str, Any] | None:
    try:
        content = (root / path).read_bytes() if revision is None else read_at(root, revision, path)
    except (FileNotFoundError, NotFoundError):
        return None
    return parse_yaml(content, path)


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
