"""What a folder of jobs says of itself: which configurations, whose, and by which inputs."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from foundational.errors import NotFoundError
from foundational.specs.base import Spec
from foundational.specs.parsing import parse, parse_json

#: Name of the file.
MANIFEST: Final = "manifest.json"
Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class Job(Spec):
    """One configuration, whose folder has the name of its id."""

    id: Id
    """The hash of species, cell and positions: the hash of the geometry (docs/architecture.md)."""
    atoms: int = Field(ge=1)
    formula: str
    """Such as Al31Ni."""
    settings: dict[str, Any]
    """What its inputs say of settings that its output must say too."""


class JobManifest(Spec):
    """The file ``manifest.json``."""

    kind: Literal["foundational label jobs"] = "foundational label jobs"
    version: Literal[1] = 1
    code: str
    dataset: str
    """Name of the dataset whose configurations these are."""
    fingerprint: Hex
    """Of that dataset when the last of them was written."""
    template_sha256: Hex
    main: str
    """The input file that has the structure or the settings."""
    jobs: tuple[Job, ...]


def read_manifest(folder: Path) -> JobManifest:
    """The manifest of a folder of jobs.

    Raises
    ------
    NotFoundError
        There is none.
    InputError
        It is not one.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise NotFoundError(f"{folder}: expected a folder that foundational label write made, found no {MANIFEST}")
    return parse(JobManifest, parse_json(path.read_bytes(), str(path)), str(path))
