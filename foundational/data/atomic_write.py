"""Files and folders that appear whole or not at all."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from foundational.errors import ConflictError

#: An unlocked leftover younger than this may belong to a process that is about to lock it, s.
_LEFTOVER_AGE = 60.0
#: The end of the name of what is being written; its start is a dot.
_PARTIAL = ".partial"


@contextmanager
def whole_folder(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """An empty folder beside ``target`` to fill, that becomes ``target`` when the block ends without an error.

    All bytes are on disk before the name is given. POSIX cannot exchange two folders in one step: with ``replace`` the
    old folder is first renamed to ``.<name>.previous``, and removed last. A process killed in between leaves the new
    or the old data whole under one of the two names, and the next call here puts the old data back. Of several
    processes that write the same ``target`` at once, one after the other gives the name: with ``replace`` the last one
    stays, without it the first one.

    Raises
    ------
    ConflictError
        ``target`` exists and ``replace`` is false, or another process made it meanwhile.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with _turn(target.parent):
        _restore(target)
    _refuse_existing(target, replace)
    _remove_leftovers(target)
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=_PARTIAL, dir=target.parent))
    try:
        with _locked(partial):
            yield partial
            partial.chmod(0o777 & ~_umask())
            _synchronise(partial)
            with _turn(target.parent):
                _restore(target)
                _refuse_existing(target, replace)
                old = previous(target)
                if old.exists():
                    shutil.rmtree(old)
                if target.exists():
                    target.rename(old)
                partial.rename(target)
                _synchronise_entry(target.parent)
                if old.exists():
                    shutil.rmtree(old)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def previous(target: Path) -> Path:
    """Where the old folder lies for an instant while ``target`` is being replaced."""
    return target.parent / f".{target.name}.previous"


def write_whole(path: Path, content: Iterable[bytes]) -> None:
    """Write a file, given in pieces, so that a reader or a kill meets the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_PARTIAL, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.writelines(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(path)
        _synchronise_entry(path.parent)
    finally:
        Path(name).unlink(missing_ok=True)


def _refuse_existing(target: Path, replace: bool) -> None:
    if target.exists() and not replace:
        raise ConflictError(f"{target} exists already; remove it, choose another name, or ask to replace it")


def _restore(target: Path) -> None:
    """Put the old folder back where a process was killed while it replaced it."""
    if not target.exists() and previous(target).exists():
        previous(target).rename(target)


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Wait until no other process or thread renames in ``folder``, and keep others from it; a killed process frees it.

    A folder that `whole_folder` fills is locked until it is whole, and waiting for its lock would never end. The turn
    is then that of the nearest folder above that nobody fills.
    """
    import fcntl  # noqa: PLC0415 - absent on Windows, where datasets can be read

    while folder.name.startswith(".") and folder.name.endswith(_PARTIAL):
        folder = folder.parent
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a lock on ``folder``, which tells others that it is no leftover; the kernel frees it with the process."""
    import fcntl  # noqa: PLC0415 - absent on Windows, where datasets can be read

    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _remove_leftovers(target: Path) -> None:
    """Remove what killed writers of ``target`` left behind."""
    for folder in target.parent.glob(f".{target.name}.*{_PARTIAL}"):
        with suppress(OSError):  # locked by a living writer, or gone already
            if time.time() - folder.stat().st_mtime > _LEFTOVER_AGE:
                with _locked(folder):
                    shutil.rmtree(folder)


def _synchronise(folder: Path) -> None:
    """Force every file and folder below, and the folder itself, to disk."""
    for path in (*folder.rglob("*"), folder):
        _synchronise_entry(path)


def _synchronise_entry(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
