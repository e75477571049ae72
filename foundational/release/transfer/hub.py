"""A release from a hub, ``hf:OWNER/NAME``: the registry, then every file of the bundle at the version's tag."""

import os
from pathlib import Path
from typing import Final
from urllib.parse import quote

from foundational.release.bundle.archive import require_plain
from foundational.release.bundle.bundle import MANIFEST, read_manifest
from foundational.release.bundle.signature import SUFFIX
from foundational.release.hub.client import ADDRESS
from foundational.release.hub.publication import checked_repository
from foundational.release.registry.registry import REGISTRY, Registry, learned, parse_registry
from foundational.release.registry.version import DatasetVersion
from foundational.release.servers import checked_server
from foundational.release.transfer.download import DOCUMENT, download

#: How a source at a hub begins.
PREFIX: Final = "hf:"
DEFAULT_SERVER: Final = "https://huggingface.co"
#: The variable by which the hub's own library chooses a server.
ENDPOINT: Final = "HF_ENDPOINT"


def hub_server() -> str:
    """The server that the environment names, by default huggingface.co."""
    return checked_server(os.environ.get(ENDPOINT, "").strip() or DEFAULT_SERVER, ADDRESS)


def hub_repository(source: str) -> str:
    """The address below which a hub serves the files of ``hf:OWNER/NAME``; InputError where it is no such name."""
    return f"{hub_server()}/datasets/{checked_repository(source.removeprefix(PREFIX))}/resolve"


def download_from_hub(
    reference: DatasetVersion, source: str, folder: Path, known: Registry, *, signed: bool = False
) -> tuple[Path, Registry]:
    """The folder of a release's bundle, and the registry beside it; what comes is still to be compared with both.

    Parameters
    ----------
    known
        The registry on this machine.
    signed
        Whether the signature is fetched too.

    Raises
    ------
    NotFoundError
        There is no such repository, version or file.
    InputError, ChecksumError
        The registry or the manifest is not one of this package.
    """
    base = hub_repository(source)
    content = download(f"{base}/main/{REGISTRY}", folder / REGISTRY, DOCUMENT).read_bytes()
    registry = parse_registry(content, f"{source}/{REGISTRY}", reference.name)
    version = learned(known, registry).find(reference.version).version
    bundle = folder / f"{reference.name}-{version}"
    bundle.mkdir()
    download(f"{base}/{version}/{MANIFEST}", bundle / MANIFEST, DOCUMENT)
    for name in (*read_manifest(bundle).files, *([MANIFEST + SUFFIX] if signed else [])):
        require_plain(name)
        (bundle / name).parent.mkdir(parents=True, exist_ok=True)
        download(f"{base}/{version}/{quote(name)}", bundle / name)
    return bundle, registry
