"""What a release is, in one record: ``release.json`` in every bundle; all other documents are written from it."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from foundational.errors import NotFoundError
from foundational.provenance.record import ProvenanceRecord, Sha256
from foundational.specs.about import About
from foundational.specs.base import Spec
from foundational.specs.parsing import parse, parse_json

#: ``1.0.0``: three numbers without leading zeros.
VersionText = Annotated[str, Field(pattern=r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$")]
BumpName = Literal["major", "minor", "patch"]


#: Name of the file that holds a release's record.
RECORD: Final = "release.json"


class ReleasedFile(Spec):
    """One file of the bundle that holds content: data, provenance, licence; not the documents that describe it."""

    path: str
    """Below the bundle's folder, with forward slashes."""
    size: int = Field(ge=0)
    """Bytes."""
    sha256: Sha256
    media_type: str
    """``application/json`` and the like."""


class Removal(Spec):
    """A configuration of the previous version that is in this one no more."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    reason: str


class ReleaseRecord(Spec):
    """One released version of a dataset. Nothing in it depends on the machine or the clock."""

    schema_version: Literal[1] = 1
    name: str
    version: VersionText
    date: date
    """Day (UTC) of the git commit that was released."""
    about: About
    provenance: ProvenanceRecord
    """With the versions of the dataset and of its released parents filled in."""
    files: tuple[ReleasedFile, ...]
    """Sorted by path."""
    fingerprint: Sha256
    n_configurations: int = Field(ge=1)
    n_atoms: int = Field(ge=1)
    validation: dict[str, Any] | None
    """The validation report; null for a holdout, on which nothing is trained."""
    changes: tuple[str, ...]
    """Sentences; what differs from the previous version."""
    removed: tuple[Removal, ...] = ()
    bump: BumpName | None
    """The largest change; null for the first version."""
    previous: VersionText | None
    doi: str | None = None
    """Without https://doi.org/."""


def read_release(path: Path) -> ReleaseRecord:
    """The record in a ``release.json``.

    Raises
    ------
    NotFoundError
        There is no such file.
    InputError
        It is no record of a release.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file; it says what a release is") from None
    return parse_release(text, str(path))


def parse_release(text: bytes, source: str) -> ReleaseRecord:
    """The record in the JSON ``text`` that ``source`` names; InputError where it is none."""
    return parse(ReleaseRecord, parse_json(text, source), source)
