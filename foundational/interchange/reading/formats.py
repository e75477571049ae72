"""The formats that can be imported, and which one a file has."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from foundational.errors import FoundationalError, InputError, NotFoundError, did_you_mean
from foundational.interchange.frame import Frame, FrameError, FrameReader
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
        Parquet(names),
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
        if _accepts(reader, path):
            return reader
    kinds = "; ".join(f"{reader.name}: {reader.description}" for reader in known)
    raise InputError(f"{path}: expected a file of configurations, got one of a kind that is not known ({kinds})")


def _accepts(reader: FrameReader, path: Path) -> bool:
    """Whether it looks like the reader's format; the library of a format may fail on a damaged file.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    try:
        return reader.accepts(path)
    except (FoundationalError, ImportError):
        raise
    except Exception as error:
        raise InputError(f"{path.name}: it cannot be read; {_said(error)}; is the file cut short?") from None


def estimate_of(reader: FrameReader, path: Path) -> int:
    """About how many frames ``path`` holds; 0 where that is not known, as of a damaged file."""
    try:
        return reader.estimate(path)
    except ImportError:
        raise
    except Exception:
        return 0


def frames_of(reader: FrameReader, path: Path) -> Iterator[Frame | FrameError]:
    """What ``reader`` gives of ``path``; where it fails after some frames, an error in place of all further ones.

    Raises
    ------
    InputError
        If no frame can be read; it names the file.
    """
    count = 0
    try:
        for item in reader.read(path):
            yield item
            count += 1
    except FrameError as error:
        yield FrameError(error.source, f"{error.problem}; nothing after it can be read")
        return
    except (FoundationalError, ImportError) as error:
        if not count or isinstance(error, ImportError):
            raise
        yield FrameError(f"{path.name}, frame {count}", f"{_without_name(error, path)}; nothing after it can be read")
        return
    except Exception as error:  # libraries raise many kinds for a damaged file
        if not count:
            raise InputError(f"{path.name}: it cannot be read as {reader.name}; {_said(error)}") from None
        yield FrameError(f"{path.name}, frame {count}", f"{_said(error)}; nothing after it can be read")
        return
    if not count:
        raise InputError(f"{path.name}: expected at least one configuration, found none; is the file cut short?")


def _said(error: Exception) -> str:
    """The words of a library's error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _without_name(error: Exception, path: Path) -> str:
    return str(error).removeprefix(f"{path.name}: ")


def is_file_of_frames(source: str) -> bool:
    """Whether ``source`` names a file from elsewhere, and no dataset, store or bundle of this package.

    A file that is absent is one where its name ends as that of a text file of configurations.
    """
    path = Path(source)
    if path.is_file():
        return path.suffix.lower() != ".zip"
    if path.is_dir():
        return any(_accepts(reader, path) for reader in readers())
    return path.suffix.lower() in SUFFIXES
