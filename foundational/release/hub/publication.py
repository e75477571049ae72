"""Publishing a release at the hub: what would be sent, and sending it, as one commit with the version as its tag."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from foundational.data.integrity.hashes import sha256_of
from foundational.errors import ChecksumError, ConflictError, InputError
from foundational.progress import Progress
from foundational.release.hub.client import Hub, large_file, regular_file

_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


@dataclass(frozen=True)
class Publication:
    """What a publication sends."""

    label: str
    """``ni@1.0.0``."""
    repository: str
    """``owner/name``."""
    version: str
    files: Mapping[str, Path]
    """By their path in the repository."""

    def as_json(self) -> dict[str, Any]:
        """The plan, for printing."""
        return {
            "dataset": self.label,
            "repository": self.repository,
            "tag": self.version,
            "files": [{"name": name, "size": path.stat().st_size} for name, path in sorted(self.files.items())],
        }


def checked_repository(text: str) -> str:
    """``owner/name``; InputError where it is none.

    >>> checked_repository("metals/ni")
    'metals/ni'
    """
    if not _REPOSITORY.fullmatch(text) or ".." in text or text.endswith(".git"):
        raise InputError(f"expected a repository, OWNER/NAME of letters, digits, '.', '_' and '-', got {text!r}")
    return text


def publish(publication: Publication, hub: Hub, *, progress: Progress | None = None) -> bool:
    """Bring the repository to what the plan says, and tag it; whether anything was to do.

    Files that the server has are not sent again, so an interrupted run is resumed by running it again. A tag that
    exists is never moved.

    Raises
    ------
    InputError
        The server refuses the token or a file.
    ConflictError
        The tag exists with other files, or the server does not answer.
    ChecksumError
        The server has other files than were sent.
    """
    repository, version = publication.repository, publication.version
    hub.create(repository)
    refs = hub.refs(repository) or {}
    digests = {name: sha256_of(path) for name, path in publication.files.items()}
    if version in refs:
        if wrong := _wrong(publication, digests, hub, version):
            raise ConflictError(
                f"{repository} has the tag {version} with other files ({wrong}); released versions never change"
            )
        return False
    modes = hub.modes(repository, publication.files)
    lines: list[Mapping[str, Any]] = []
    total = sum(path.stat().st_size for path in publication.files.values())
    sent = 0
    for name, path in sorted(publication.files.items()):
        if progress is not None:
            progress(sent, total, name)
        size = path.stat().st_size
        if modes[name] == "lfs":
            hub.upload(repository, digests[name], path)
            lines.append(large_file(name, digests[name], size))
        else:
            lines.append(regular_file(name, path))
        sent += size
    hub.commit(repository, f"Release {publication.label}", lines)
    if wrong := _wrong(publication, digests, hub, "main"):
        raise ChecksumError(f"{repository}: the server has other files than were sent ({wrong}); nothing was tagged")
    hub.tag(repository, version, (hub.refs(repository) or {}).get("main", "main"), f"Release {publication.label}")
    if version not in (hub.refs(repository) or {}):
        raise ConflictError(f"{repository}: the server made no tag {version}; run the command again")
    return True


def _wrong(publication: Publication, digests: Mapping[str, str], hub: Hub, revision: str) -> str | None:
    """The first file that is absent or another one at a revision."""
    stored = hub.files(publication.repository, revision)
    for name, path in sorted(publication.files.items()):
        if name not in stored:
            return f"{name} is absent"
        size, digest = stored[name]
        if size != path.stat().st_size:
            return f"{name} has {size:,} bytes, expected {path.stat().st_size:,}"
        if digest is not None and digest != digests[name]:
            return f"{name} has the sha256 {digest[:12]}…, expected {digests[name][:12]}…"
    return None
