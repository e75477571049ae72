"""Pools: large, ignored by git, and represented by a manifest that git keeps (docs/decisions/0005)."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.integrity.hashes import sha256_of
from foundational.data.store import open_store
from foundational.errors import ChecksumError, NotFoundError
from foundational.project import STORE, pool_folder
from foundational.provenance.record import ProvenanceRecord, Sha256, write_json
from foundational.specs.base import Spec
from foundational.specs.parsing import parse, parse_json

if TYPE_CHECKING:
    from foundational.engines.momt.run import Run

MANIFEST = "manifest.json"
BIAS = "run.npz"
#: The start of the names of pools that are not of params.yaml; git ignores their folders.
LOCAL = "local-"


class PoolManifest(Spec):
    """What git knows of a pool: how it was made, and the sha256 of each of its files."""

    schema_version: Literal[1] = 1
    record: ProvenanceRecord
    files: dict[str, Sha256]
    """By path below the pool's folder."""


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(p for p in [*(folder / STORE).rglob("*"), folder / BIAS] if p.is_file())
    return {p.relative_to(folder).as_posix(): sha256_of(p) for p in files}


def write_manifest(folder: Path, record: ProvenanceRecord) -> PoolManifest:
    """Write manifest.json into the folder of a pool, last of all: it says that the pool is whole."""
    manifest = PoolManifest(record=record, files=_digests(folder))
    write_json(folder / MANIFEST, manifest.model_dump(mode="json"))
    return manifest


def _command(name: str) -> str:
    """What samples the pool ``name`` again."""
    if name.startswith(LOCAL):
        return f"foundational sample --element … --name {name} --force"
    return f"dvc repro -f -s sample@{name}"


def read_manifest(root: Path, name: str) -> PoolManifest:
    """The manifest of the pool ``name``.

    Raises
    ------
    NotFoundError
        where the pool was never sampled.
    """
    path = pool_folder(root, name) / MANIFEST
    if not path.is_file():
        raise NotFoundError(f"the pool {name!r} was never sampled; sample it with: {_command(name)}")
    return parse(PoolManifest, parse_json(path.read_bytes(), str(path)), str(path))


def read_run(root: Path, name: str) -> "tuple[Run, NDArray[np.float64] | None]":
    """The run that recorded the pool ``name``, and its frames, (F, 2 + 9 + 3N), that did not fit into the pool.

    Raises
    ------
    NotFoundError
        If the pool came without them; the message says how to sample it again.
    ChecksumError
        If they are damaged.
    """
    path = pool_folder(root, name) / BIAS
    if not path.exists():
        again = f"sample it again with: {_command(name)}"
        raise NotFoundError(f"the pool {name!r} came without its bias ({BIAS}); {again}")
    content = path.read_bytes()
    from foundational.engines.momt.saved_run import (  # noqa: PLC0415 - numba is slow to import
        run_from_bytes,
        surplus_from_bytes,
    )

    try:
        return run_from_bytes(content), surplus_from_bytes(content)
    except Exception:  # zipfile and numpy raise many kinds
        raise ChecksumError(f"{path} is damaged; sample the pool again with: {_command(name)}") from None


def open_pool(root: Path, name: str) -> tuple[xr.Dataset, ProvenanceRecord]:
    """The pool ``name``, every byte of it compared with the manifest, and its record.

    Raises
    ------
    NotFoundError
        where it is not on this machine; the message says how to sample it again.
    ChecksumError
        where its bytes are not those of the manifest.
    """
    manifest = read_manifest(root, name)
    folder = pool_folder(root, name)
    again = f"sample it again with: {_command(name)}"
    if not (folder / STORE).exists():
        raise NotFoundError(f"the pool {name!r} is not on this machine (pools stay out of the store); {again}")
    found = _digests(folder)
    wrong = sorted(path for path in found.keys() | manifest.files.keys() if found.get(path) != manifest.files.get(path))
    if wrong:
        raise ChecksumError(f"the pool {name!r} is not the one its manifest records ({wrong[0]} differs); {again}")
    return open_store(folder / STORE), manifest.record
