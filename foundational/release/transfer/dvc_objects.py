"""Data by their DVC hash, read without DVC: from the cache and from every remote that is a folder.

DVC 3 keeps a file under ``files/md5/ab/cdef…``, and a folder as a JSON list of its files under ``….dir``; the name is
the md5 of the content (https://dvc.org/doc/user-guide/project-structure/internal-files). md5 only finds data
here; after fetching, they are compared with the sha256 of the store's own manifest.
"""

import configparser
import hashlib
import json
import shutil
from pathlib import Path, PurePosixPath
from typing import Any

from foundational.errors import ChecksumError, NotFoundError
from foundational.project import DATASETS, STORE
from foundational.release.registry.git import read_at
from foundational.specs.parsing import parse_yaml

_OBJECTS = "files/md5"


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
        outs += [out for stage in (lock.get("stages") or {}).values() for out in stage.get("outs", [])]
    if (pointer := _read(root, f"{path}.dvc", revision)) is not None:
        outs += [{**out, "path": path} for out in pointer.get("outs", [])]
    return next((str(out["md5"]) for out in outs if out.get("path") == path and "md5" in out), None)


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
    """
    if hashlib.md5(listing, usedforsecurity=False).hexdigest() + ".dir" != tracked:
        raise ChecksumError(f"the list of files {tracked} in the DVC store is damaged; fetch it again with: dvc fetch")
    files = {str(entry["relpath"]): str(entry["md5"]) for entry in json.loads(listing)}
    for name in files:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise ChecksumError(f"the list of files {tracked} in the DVC store leads out of the folder: {name!r}")
    return files


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
        listed = json.loads(_find(remotes, tracked).read_bytes())
        return all(_find(remotes, entry["md5"]).is_file() for entry in listed)
    except NotFoundError:
        return False


def read_config(root: Path) -> configparser.ConfigParser:
    """DVC's settings of a project."""
    config = configparser.ConfigParser(interpolation=None)
    config.read([root / ".dvc" / "config", root / ".dvc" / "config.local"], encoding="utf-8")
    return config


def _places(root: Path) -> list[Path]:
    """Folders of objects: the cache first, then the remotes that are folders."""
    config = read_config(root)
    cache = config.get("cache", "dir", fallback="cache")
    urls = [config[section]["url"] for section in config.sections() if "url" in config[section]]
    return [root / ".dvc" / place / _OBJECTS for place in (cache, *(url for url in urls if "://" not in url))]


def _find(places: list[Path], md5: str) -> Path:
    for place in places:
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
