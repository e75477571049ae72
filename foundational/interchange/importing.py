"""Files of any format and origin as one dataset in memory, with a report and a hash of each."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import xarray as xr
from ase.data import chemical_symbols

from foundational.data.integrity.hashes import sha256_of
from foundational.errors import InputError
from foundational.interchange.assembly import Assembly, OnBad
from foundational.interchange.label_choice import LabelChoice
from foundational.interchange.methods import Methods
from foundational.interchange.reading.formats import estimate_of, frames_of, reader_for
from foundational.interchange.report import ImportReport
from foundational.progress import Progress
from foundational.provenance.method import MethodRecord
from foundational.specs.base import Spec
from foundational.specs.parsing import parse


@dataclass(frozen=True)
class ImportChoice:
    """What a user says of files to import."""

    labels: LabelChoice = field(default_factory=LabelChoice)
    format: str | None = None
    """Name of the format; None: it follows from each file."""
    species: Mapping[str, str] = field(default_factory=dict)
    """Elements by the names that files give them."""
    on_bad: OnBad = "refuse"
    method: Mapping[str, Any] = field(default_factory=dict)
    """Of the labels, by the fields of `MethodRecord`."""

    def as_record(self, used: LabelChoice | None = None) -> dict[str, Any]:
        """For the record of the dataset; ``used`` are the labels with what the format says where the user does not."""
        return {
            "labels": (used or self.labels).model_dump(mode="json"),
            "species": dict(sorted(self.species.items())),
            "on_bad": self.on_bad,
            "method": {name: value for name, value in self.method.items() if value is not None},
        }


def choice_of(
    labels: Mapping[str, Any],
    format_name: str | None,
    species: Mapping[str, str],
    on_bad: str,
    method: Mapping[str, Any],
) -> ImportChoice:
    """The choice that a user states in words.

    Raises
    ------
    InputError
        If one of the words is not acceptable.
    """
    if on_bad not in get_args(OnBad):
        raise InputError(f"--on-bad: expected refuse or skip, got {on_bad!r}")
    if unknown := sorted(set(species.values()) - set(chemical_symbols[1:])):
        raise InputError(f"--species: expected elements, got {', '.join(unknown)}")
    chosen = parse(LabelChoice, dict(labels), "the options of labels")
    chosen.check()
    stated = {name: value for name, value in method.items() if value is not None}
    parse(MethodRecord, {"id": "method", **stated}, "the options of the method")
    return ImportChoice(chosen, format_name, species, "skip" if on_bad == "skip" else "refuse", stated)


class ImportedFile(Spec):
    """A file or folder as the record of an import names it."""

    file: str
    """Its name, without folders."""
    format: str
    sha256: str
    configurations: int


@dataclass(frozen=True, eq=False)
class Imported:
    """What was read."""

    dataset: xr.Dataset
    report: ImportReport
    files: tuple[ImportedFile, ...]
    keys: tuple[str, ...]
    """All keys that configurations had, labels or not."""
    labels: LabelChoice
    """How labels were read: what the user said, and what the format of the first file says of the rest."""


def import_files(
    paths: Sequence[Path],
    choice: ImportChoice | None = None,
    *,
    progress: Progress | None = None,
    **attributes: Any,
) -> Imported:
    """Read ``paths``, one after another, as one dataset.

    Parameters
    ----------
    attributes
        Further attributes of the dataset.

    Raises
    ------
    NotFoundError
        If one is absent.
    FrameError
        If frames are bad, and bad ones are refused.
    InputError
        If the format of a file is not known, or it cannot be read.
    MissingDependencyError
        If a package that the format needs is not installed.
    """
    choice = choice or ImportChoice()
    assembly = Assembly(choice.labels, choice.on_bad, Methods(choice.method))
    readers = [reader_for(path, choice.format, choice.species) for path in paths]
    files = []
    for path, reader in zip(paths, readers, strict=True):
        before = len(assembly)
        assembly.add(frames_of(reader, path), _counted(path, estimate_of(reader, path), progress), reader.defaults)
        files.append(
            ImportedFile(
                file=path.resolve().name,
                format=reader.name,
                sha256=sha256_of_source(path),
                configurations=len(assembly) - before,
            )
        )
    keys = tuple(assembly.keys)
    dataset, report = assembly.dataset(**attributes)
    used = choice.labels.with_defaults(readers[0].defaults if readers else {})
    return Imported(dataset, report, tuple(files), keys, used)


def _counted(path: Path, estimate: int, progress: Progress | None) -> Callable[[int], None] | None:
    """The progress of one file, in configurations."""
    if progress is None:
        return None

    def count(done: int) -> None:
        if done % 100 == 0:
            progress(done, max(estimate, done), path.name)

    return count


def sha256_of_source(path: Path) -> str:
    """Of a file its sha256; of a folder that of the names and hashes of all its files, in order."""
    if path.is_file():
        return sha256_of(path)
    whole = hashlib.sha256()
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        whole.update(f"{file.relative_to(path).as_posix()}\0{sha256_of_source(file)}\n".encode())
    return whole.hexdigest()
