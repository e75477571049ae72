"""The sha256 of a file, by which manifests, registries and records name its bytes."""

import hashlib
from pathlib import Path


def sha256_of(path: Path | str) -> str:
    """The sha256 of a file as 64 hexadecimal digits; it is read in pieces, whatever its size."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
