"""HDF5 files of others, in which the library can loop for ever or crash where a text of variable length is damaged."""

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
#: Reads all texts of a file in a process of its own, which may take some seconds of processor time.
_PROBE: Final = """
import sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[2]), int(sys.argv[2]) + 1))
except (ImportError, ValueError, OSError):
    pass
import h5py
def look(name, item):
    if isinstance(item, h5py.Dataset) and item.dtype.hasobject:
        item[()]
with h5py.File(sys.argv[1]) as file:
    file.visititems(look)
"""


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The open file, for reading; texts of variable length were read once by another process before.

    Raises
    ------
    InputError
        The library does not end to read them, or crashes.
    """
    import h5py  # noqa: PLC0415 - an extra

    with h5py.File(path) as file:
        found: list[str] = []

        def look(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and item.dtype.hasobject:
                found.append(name)

        file.visititems(look)
        if found:
            _require_readable(path)
        yield file


def _require_readable(path: Path) -> None:
    seconds = _SECONDS + path.stat().st_size // _RATE
    command = [sys.executable, "-I", "-c", _PROBE, str(path), str(seconds)]
    try:
        status = subprocess.run(command, capture_output=True, timeout=_PATIENCE * seconds, check=False).returncode
    except subprocess.TimeoutExpired:
        status = -1
    if status < 0:  # what Python raises is raised again where the texts are read
        raise InputError(f"{path.name}: expected HDF5; the library crashes or never ends where it reads texts of it")
