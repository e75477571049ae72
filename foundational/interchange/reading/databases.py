"""Databases of ASE: SQLite and JSON, and LMDB by ase-db-backends."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from foundational.errors import InputError
from foundational.interchange.frame import Frame, FrameError, FrameReader
from foundational.interchange.reading.ase_files import frame_of
from foundational.interchange.reading.isolated import require_lmdb

_LMDB: Final = ".aselmdb"
#: How ASE begins a database in JSON: with its first row, and the first key of a row in alphabetical order.
_JSON: Final = re.compile(rb'\s*\{\s*"\d+":\s*\{\s*"(?:calculator|cell|charges|constraints|ctime|data|dipole|energy)"')


class AseDatabases(FrameReader):
    """The reader of one database file, and of a folder of LMDB files as fairchem writes them."""

    name: ClassVar[str] = "ase-db"
    description: ClassVar[str] = "databases of ASE (.db, .json, .aselmdb, a folder of .aselmdb)"

    def accepts(self, path: Path) -> bool:
        """By the suffix and, of SQLite and JSON, the first bytes; a folder by the suffix of a file in it."""
        if path.is_dir():
            return bool(_files(path))
        if not path.is_file():
            return False
        if path.suffix.lower() == _LMDB:
            return True
        if path.suffix.lower() not in {".db", ".json"}:
            return False
        with path.open("rb") as stream:
            head = stream.read(2000)
        return head.startswith(b"SQLite format 3") or _JSON.match(head) is not None

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

        kinds: dict[str, dict[str, Any]] = {_LMDB: {"type": "aselmdb", "readonly": True}, ".json": {"type": "json"}}
        options = kinds.get(path.suffix.lower(), {"type": "db"})
        if path.suffix.lower() == _LMDB:
            import ase_db_backends  # noqa: F401, PLC0415 - named where it is absent

            require_whole(path, path.name, subdir=False)
        try:
            database = connect(path, use_lock_file=False, **options)
            for index, row in enumerate(database.select()):
                atoms = row.toatoms()
                atoms.info.update(row.key_value_pairs)
                data = dict(row.data)
                for name in data.pop("atom_fields", []):  # exports of this package name the fields of atoms
                    atoms.set_array(name, np.asarray(data.pop(name)))
                atoms.info.update(data)
                yield frame_of(f"{path.name}, row {index}", atoms)
        except (ImportError, InputError):
            raise
        except Exception as error:  # sqlite3, lmdb and ASE raise many kinds
            said = " ".join(f"{type(error).__name__}: {error}".split())
            raise InputError(f"{path.name}: expected a database of ASE; {said}") from None


def require_whole(path: Path, name: str, *, subdir: bool) -> None:
    """Refuse an LMDB file that is shorter than it says of itself, or damaged: reading it can kill the process.

    Raises
    ------
    InputError
        If it is cut short, damaged or no LMDB.
    """
    import lmdb  # noqa: PLC0415 - an extra

    size = (path / "data.mdb" if subdir else path).stat().st_size
    require_lmdb(path, size)
    try:
        with lmdb.open(str(path), readonly=True, lock=False, subdir=subdir, create=False) as environment:
            expected = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    except lmdb.Error as error:
        raise InputError(f"{name}: expected LMDB; {error}") from None
    if size < expected:
        raise InputError(f"{name}: the file is cut short: it has {size:,} of {expected:,} bytes")


def _files(folder: Path) -> list[Path]:
    """LMDB files in a folder and in its folders, such as train and val, in order."""
    return sorted(file for pattern in (f"*{_LMDB}", f"*/*{_LMDB}") for file in folder.glob(pattern) if file.is_file())
