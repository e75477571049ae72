"""Databases of ASE: SQLite and JSON, and LMDB by ase-db-backends."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Final

from foundational.errors import InputError
from foundational.interchange.frame import Frame, FrameError, FrameReader
from foundational.interchange.reading.ase_files import frame_of

_LMDB: Final = ".aselmdb"


class AseDatabases(FrameReader):
    """The reader of one database file, and of a folder of LMDB files as fairchem writes them."""

    name: ClassVar[str] = "ase-db"
    description: ClassVar[str] = "databases of ASE (.db, .aselmdb, a folder of .aselmdb)"

    def accepts(self, path: Path) -> bool:
        """By the suffix and, of SQLite, the first bytes; a folder by the suffix of a file in it."""
        if path.is_dir():
            return bool(_files(path))
        if not path.is_file():
            return False
        if path.suffix.lower() == _LMDB:
            return True
        if path.suffix.lower() != ".db":
            return False
        with path.open("rb") as stream:
            return stream.read(15) == b"SQLite format 3"

    def read(self, path: Path) -> Iterator[Frame | FrameError]:
        """Rows in the order of their numbers; key-value pairs and data are fields. Files of a folder come by name.

        Raises
        ------
        InputError
            If it is no database of ASE.
        """
        if path.is_dir():
            for file in _files(path):
                yield from self.read(file)
            return
        from ase.db import connect  # noqa: PLC0415 - slow, and needed for this format alone

        options = {"type": "aselmdb", "readonly": True} if path.suffix.lower() == _LMDB else {"type": "db"}
        if path.suffix.lower() == _LMDB:
            import ase_db_backends  # noqa: F401, PLC0415 - named where it is absent
        try:
            database = connect(path, use_lock_file=False, **options)
            for index, row in enumerate(database.select()):
                atoms = row.toatoms()
                atoms.info.update(row.key_value_pairs)
                atoms.info.update(row.data)
                yield frame_of(f"{path.name}, row {index}", atoms)
        except (ImportError, InputError):
            raise
        except Exception as error:  # sqlite3, lmdb and ASE raise many kinds
            said = " ".join(f"{type(error).__name__}: {error}".split())
            raise InputError(f"{path.name}: expected a database of ASE; {said}") from None


def _files(folder: Path) -> list[Path]:
    """LMDB files in a folder and in its folders, such as train and val, in order."""
    return sorted(file for pattern in (f"*{_LMDB}", f"*/*{_LMDB}") for file in folder.glob(pattern) if file.is_file())
