"""The formats that can be imported, and which one a file has."""

from collections.abc import Mapping
from pathlib import Path

from foundational.errors import InputError, NotFoundError, did_you_mean
from foundational.interchange.frame import FrameReader
from foundational.interchange.reading.ase_files import AseFiles
from foundational.interchange.reading.cp2k import Cp2kOutput
from foundational.interchange.reading.databases import AseDatabases
from foundational.interchange.reading.deepmd import Deepmd, DeepmdLmdb
from foundational.interchange.reading.extxyz import SUFFIXES, ExtendedXyz
from foundational.interchange.reading.parquet import Parquet
from foundational.interchange.reading.pymatgen_json import PymatgenJson
from foundational.interchange.reading.torchani import TorchAni


def readers(species: Mapping[str, str] | None = None) -> tuple[FrameReader, ...]:
    """One reader a format, in the order in which they are tried on a file.

    Parameters
    ----------
    species
        Names of species in files and the elements that they stand for.
    """
    names = species or {}
    return (
        ExtendedXyz(names),
        Deepmd(names),
        DeepmdLmdb(names),
        TorchAni(names),
        Parquet(),
        PymatgenJson(),
        AseDatabases(),
        Cp2kOutput(),
        AseFiles(),
    )


def reader_for(path: Path, name: str | None = None, species: Mapping[str, str] | None = None) -> FrameReader:
    """The reader of the format ``name``, or of the one that the file or folder looks like.

    Raises
    ------
    NotFoundError
        If there is no such file or folder.
    InputError
        If no format fits; all are listed.
    """
    if not path.exists():
        raise NotFoundError(f"{path}: no such file")
    known = readers(species)
    if name is not None:
        by_name = {reader.name: reader for reader in known}
        if name not in by_name:
            raise InputError(f"--format: expected a format, got {name!r}; {did_you_mean(name, by_name)}")
        return by_name[name]
    for reader in known:
        if reader.accepts(path):
            return reader
    kinds = "; ".join(f"{reader.name}: {reader.description}" for reader in known)
    raise InputError(f"{path}: expected a file of configurations, got one of a kind that is not known ({kinds})")


def is_file_of_frames(source: str) -> bool:
    """Whether ``source`` names a file from elsewhere, and no dataset, store or bundle of this package.

    A file that is absent is one where its name ends as that of a text file of configurations.
    """
    path = Path(source)
    if path.is_file():
        return path.suffix.lower() != ".zip"
    if path.is_dir():
        return any(reader.accepts(path) for reader in readers())
    return path.suffix.lower() in SUFFIXES
