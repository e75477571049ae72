"""Files and folders that appear whole or not at all."""

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from foundational.data.integrity.exchange import exchange
from foundational.errors import ConflictError

#: An unlocked leftover younger than this may belong to a process that is about to lock it, s.
_LEFTOVER_AGE = 60.0
#: The same on a file system without locks, where a living writer cannot be seen.
_AGE_WITHOUT_LOCKS = 86_400.0
#: The end of the name of what is being written; its start is a dot.
_PARTIAL = ".partial"
#: The start of the names of temporary folders.
_TEMPORARY = ".foundational."
#: File systems without locks, and those that cannot force a folder to disk, say one of these.
_UNABLE = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF}


@contextmanager
def whole_folder(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """An empty folder beside ``target`` to fill, that becomes ``target`` when the block ends without an error.

    All bytes are on disk before the name is given. With ``replace`` the old folder and the new one exchange their names
    in one step, and the old one is removed. Where the system cannot do that, the old folder is first renamed to
    ``.<name>.previous``. A process killed in between leaves the new or the old data whole under one of the two names,
    and the next call here puts the old data back. Of several processes that write the same ``target`` at once, one
    after the other gives the name: with ``replace`` the last one stays, without it the first one.

    Raises
    ------
    ConflictError
        ``target`` exists and ``replace`` is false, or another process made it meanwhile.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(target)
    _refuse_existing(target, replace)
    partial = Path(tempfile.mkdtemp(prefix=_start(target), suffix=_PARTIAL, dir=target.parent))
    try:
        with _locked(partial):
            yield partial
            partial.chmod(0o777 & ~_umask())
            _synchronise(partial)
            with _turn(target.parent):
                _restore(target)
                _refuse_existing(target, replace)
                _give_name(partial, target)
                _synchronise_entry(target.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def previous(target: Path) -> Path:
    """Where the old folder lies for an instant while ``target`` is replaced on a system that cannot exchange names."""
    return target.parent / f".{target.name}.previous"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """An empty file beside ``path`` to fill, that becomes ``path`` when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path)
    handle, name = tempfile.mkstemp(prefix=_start(path), suffix=_PARTIAL, dir=path.parent)
    partial = Path(name)
    try:
        lock(handle)
        yield partial
        _synchronise_entry(partial)
        partial.chmod(0o666 & ~_umask())
        partial.replace(path)
        _synchronise_entry(path.parent)
    finally:
        os.close(handle)
        partial.unlink(missing_ok=True)


def write_whole(path: Path, content: Iterable[bytes]) -> None:
    """Write a file, given in pieces, so that a reader or a kill meets the old content or the new, never a part."""
    with whole_file(path) as partial, partial.open("wb") as stream:
        stream.writelines(content)


def remove_whole(folder: Path) -> None:
    """Remove a folder so that a kill leaves it whole, or as a leftover that nothing takes for it."""
    partial = Path(tempfile.mkdtemp(prefix=_start(folder), suffix=_PARTIAL, dir=folder.parent))
    with suppress(FileNotFoundError):
        folder.rename(partial)
    shutil.rmtree(partial, ignore_errors=True)


def remove_leftovers(target: Path) -> None:
    """Remove what killed writers of ``target`` left, and put the old folder back where one was killed between names."""
    if not target.parent.is_dir():
        return
    if previous(target).exists():
        with _turn(target.parent):
            _restore(target)
    _remove_dead(target.parent, _start(target))


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """An empty folder in the system's temporary folder, for the block; those of killed processes are removed."""
    base = Path(tempfile.gettempdir())
    _remove_dead(base, _TEMPORARY)
    folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY, suffix=_PARTIAL, dir=base))
    try:
        with _locked(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_dead(folder: Path, start: str) -> None:
    """Remove what this user's killed processes left in ``folder`` under names that begin with ``start``."""
    with os.scandir(folder) as entries:
        found = [Path(e.path) for e in entries if e.name.startswith(start) and e.name.endswith(_PARTIAL)]
    for path in found:
        with suppress(OSError):  # locked by a living writer, or gone already
            status = path.lstat()
            age = abs(time.time() - status.st_mtime)
            if age > _LEFTOVER_AGE and status.st_uid == os.geteuid():
                with _locked(path) as has_locks:
                    if has_locks or age > _AGE_WITHOUT_LOCKS:
                        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _give_name(partial: Path, target: Path) -> None:
    """Let ``partial`` be ``target``; what ``target`` was has the name of ``partial`` then, to be removed."""
    if not target.exists():
        try:
            partial.rename(target)
        except OSError as error:  # made meanwhile, on a file system without locks
            if error.errno not in {errno.EEXIST, errno.ENOTEMPTY}:
                raise
            _refuse_existing(target, replace=False)
    elif not exchange(partial, target):
        old = previous(target)
        target.rename(old)
        partial.rename(target)
        old.rename(partial)


def _start(target: Path) -> str:
    """How the name of what is written for ``target`` begins; a long name leaves room for the rest of 255 bytes."""
    return f".{os.fsencode(target.name)[:200].decode(errors='ignore')}."


def _refuse_existing(target: Path, replace: bool) -> None:
    if target.exists() and not replace:
        raise ConflictError(f"{target} exists already; remove it, choose another name, or ask to replace it")


def _restore(target: Path) -> None:
    """Put the old folder back where a process was killed while it replaced it; remove it where that was done."""
    old = previous(target)
    if not old.exists():
        return
    if target.exists():
        remove_whole(old)
    else:
        old.rename(target)


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Wait until no other process or thread renames in ``folder``, and keep others from it; a killed process frees it.

    A folder that `whole_folder` fills is locked until it is whole, and waiting for its lock would never end. The turn
    is then that of the nearest folder above that nobody fills.
    """
    while folder.name.startswith(".") and folder.name.endswith(_PARTIAL):
        folder = folder.parent
    handle = os.open(folder, os.O_RDONLY)
    try:
        lock(handle, wait=True)
        yield
    finally:
        os.close(handle)


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Hold a lock on a file or folder, which tells others that it is no leftover; whether there are locks at all.

    The kernel frees it with the process.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        yield lock(handle)
    finally:
        os.close(handle)


def lock(handle: int, *, wait: bool = False) -> bool:
    """Lock an open file or folder; False where the file system has no locks, as on some clusters."""
    import fcntl  # noqa: PLC0415 - absent on Windows, where datasets can be read

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if error.errno not in _UNABLE:
            raise
        return False
    return True


def _synchronise(folder: Path) -> None:
    """Force every file and folder below, and the folder itself, to disk."""
    for path in (*folder.rglob("*"), folder):
        _synchronise_entry(path)


def _synchronise_entry(path: Path) -> None:
    """Force one file or folder to disk, as far as the file system can."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _UNABLE:
            raise
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
