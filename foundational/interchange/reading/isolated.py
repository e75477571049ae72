"""Files on which the library of their format can crash or loop for ever: another process reads them first."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from foundational.errors import InputError

#: s of processor time, and bytes of a file for each second more.
_SECONDS: Final = 5
_RATE: Final = 20_000_000
#: s of the clock for each second of processor time, on a machine with much other work.
_PATIENCE: Final = 24
_LIMITS: Final = """
import os, sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[2]), int(sys.argv[2]) + 1))
except (ImportError, ValueError, OSError):
    pass
"""
#: Reads all texts of variable length.
_HDF5: Final = """
import h5py
def look(name, item):
    if isinstance(item, h5py.Dataset) and item.dtype.hasobject:
        item[()]
with h5py.File(sys.argv[1]) as file:
    file.visititems(look)
"""
#: Reads all values.
_LMDB: Final = """
import lmdb
options = {"readonly": True, "lock": False, "create": False, "subdir": os.path.isdir(sys.argv[1])}
with lmdb.open(sys.argv[1], **options) as environment, environment.begin() as transaction:
    for _ in transaction.cursor():
        pass
"""


@contextmanager
def opened_hdf5(path: Path) -> Iterator[Any]:
    """The open file, for reading; texts of variable length, which lie apart, were read once before.

    Raises
    ------
    InputError
        The library crashes or never ends where it reads them.
    """
    import h5py  # noqa: PLC0415 - an extra

    with h5py.File(path) as file:
        found: list[str] = []

        def look(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and item.dtype.hasobject:
                found.append(name)

        file.visititems(look)
        if found:
            _require_survival(path, path.stat().st_size, "HDF5", _HDF5)
        yield file


def require_lmdb(path: Path, size: int) -> None:
    """Read all of an LMDB file of ``size`` bytes once.

    Raises
    ------
    InputError
        The library crashes or never ends.
    """
    _require_survival(path, size, "LMDB", _LMDB)


def _require_survival(path: Path, size: int, kind: str, program: str) -> None:
    seconds = _SECONDS + size // _RATE
    command = [sys.executable, "-I", "-c", _LIMITS + program, str(path), str(seconds)]
    try:
        status = subprocess.run(command, capture_output=True, timeout=_PATIENCE * seconds, check=False).returncode
    except subprocess.TimeoutExpired:
        status = -1
    if status < 0:  # what Python raises there is raised again by the reader
        raise InputError(f"{path.name}: expected {kind}; its library crashes or never ends where it reads this file")
