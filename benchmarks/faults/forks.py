"""Commands of foundational in forks of one process that has imported everything, and ways to kill them.

A fork costs milliseconds, a start of Python with torch and LAMMPS seconds. Each fork is the leader of a session of its
own, so that programs that it starts (git, DVC) are killed with it or wait for it, as the kill says.
"""

import atexit
import ctypes
import gc
import importlib
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

#: Audit events that are a change on disk; opening a file to write is another one, and so is forcing it to disk.
CHANGES = {
    "os.rename",
    "os.mkdir",
    "os.remove",
    "os.rmdir",
    "os.chmod",
    "os.truncate",
    "os.link",
    "os.symlink",
    "os.utime",
}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
#: Longest time that anything may take, s.
PATIENCE = 600.0
_SUBREAPER, _NEW_MOUNTS, _PRIVATE, _DETACH = 36, 0x20000, 0x4000 | 0x40000, 2


@dataclass(frozen=True)
class Kill:
    """How and when a fork dies."""

    kind: str
    """``change``: SIGKILL before a change on disk. ``torn``: in the middle of a write after one, by a limit of the size
    of files whose signal ends the process. ``moment``: SIGKILL from outside after some time."""
    at: float
    """Number of the change, from 1; or seconds."""
    bytes: int = 0
    """Of a file that a torn write leaves."""
    group: bool = True
    """Whether programs that the fork started die with it; a moment's kill alone can spare them."""

    def __str__(self) -> str:
        detail = {"change": f"change {self.at:.0f}", "torn": f"change {self.at:.0f}, byte {self.bytes}"}
        who = "" if self.group else ", the process alone"
        return detail.get(self.kind, f"{self.at:.3f} s{who}")


@dataclass(frozen=True)
class Ended:
    """What became of a fork."""

    status: int
    """Exit status, or minus the signal."""
    said: str
    """The last of what it printed."""
    seconds: float
    changes: int
    """Changes on disk, where it was not killed."""

    @property
    def killed(self) -> bool:
        return self.status < 0

    @property
    def traceback(self) -> bool:
        return "Traceback (most recent call last)" in self.said


def prepare_this_process() -> bool:
    """Adopt what killed forks leave running, so that it can be waited for, and get a /dev/shm of our own.

    Returns
    -------
    bool
        Whether /dev/shm is private, which needs the right to mount: only then it says what these forks leave there.
    """
    libc = ctypes.CDLL(None)
    libc.prctl(_SUBREAPER, 1, 0, 0, 0)
    return (
        libc.unshare(_NEW_MOUNTS) == 0
        and libc.mount(b"none", b"/", None, _PRIVATE, None) == 0
        and libc.mount(b"tmpfs", b"/dev/shm", b"tmpfs", 0, None) == 0
    )


@contextmanager
def workplace(parent: Path | None, *, private: bool) -> Iterator[Path]:
    """An empty folder, in memory where this process may mount; it is removed at the end.

    A kill loses nothing that the kernel has, so that memory shows what a disk would show. No finalizer removes the
    folder: forks would run it too.
    """
    folder = Path(tempfile.mkdtemp(dir=parent)).resolve()
    libc = ctypes.CDLL(None)
    mounted = private and libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, None) == 0
    try:
        yield folder
    finally:
        if mounted:
            os.chdir("/")
            libc.umount2(os.fsencode(folder), _DETACH)
        shutil.rmtree(folder)


def processor_time() -> float:
    """s of processor time of this process and of all that it waited for."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def command_line(arguments: Sequence[str]) -> None:
    """Run ``foundational ARGUMENTS`` in this process, which it ends."""
    from foundational.cli.main import run

    sys.argv = ["foundational", *arguments]
    run()


@dataclass
class Running:
    """A fork at work."""

    process: int
    begun: float
    log: Path
    counter: Path
    kill: Kill | None

    def wait(self) -> Ended:
        """Wait until it and all that it started ended; kill it where that is its kill."""
        status, hung = self._first_status()
        seconds = time.monotonic() - self.begun
        hung = _wait_for_group(self.process) or hung
        said = self.log.read_text(errors="replace")[-4000:]
        if hung:
            said += "\nhung: killed by the harness"
        changes = int(self.counter.read_text() or 0) if self.counter.exists() else 0
        return Ended(os.waitstatus_to_exitcode(status), said, seconds, changes)

    def _first_status(self) -> tuple[int, bool]:
        deadline = self.begun + PATIENCE
        moment = self.begun + self.kill.at if self.kill is not None and self.kill.kind == "moment" else None
        while True:
            done, status = os.waitpid(self.process, os.WNOHANG)
            if done:
                return status, False
            now = time.monotonic()
            if moment is not None and now >= moment:
                assert self.kill is not None
                (os.killpg if self.kill.group else os.kill)(self.process, signal.SIGKILL)
                moment = None
            if now > deadline:
                os.killpg(self.process, signal.SIGKILL)
                return os.waitpid(self.process, 0)[1], True
            time.sleep(0.004 if moment is None else min(0.001, max(0.0, moment - now)))


def start(
    what: Callable[..., Any],
    *arguments: Any,
    place: Path,
    root: Path,
    environment: Mapping[str, str],
    kill: Kill | None = None,
    modules: Path | None = None,
) -> Running:
    """Do ``what`` in a fork that works in ``root``; only changes below ``place`` count.

    Parameters
    ----------
    environment
        Variables in addition to those of this process.
    modules
        A file that takes the names of all modules that the fork has imported.
    """
    number = time.monotonic_ns()
    log, counter = place.parent / f"log-{number}", place.parent / f"count-{number}"
    log.touch()
    ready, tell = os.pipe()
    process = os.fork()
    if process == 0:
        status = 70
        try:
            os.setsid()
            os.close(ready)
            os.close(tell)
            status = _child(what, arguments, place, root, environment, kill, log, counter, modules)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(tell)
    os.read(ready, 1)  # nothing comes: the session is there
    os.close(ready)
    return Running(process, time.monotonic(), log, counter, kill)


def _child(
    what: Callable[..., Any],
    arguments: Sequence[Any],
    place: Path,
    root: Path,
    environment: Mapping[str, str],
    kill: Kill | None,
    log: Path,
    counter: Path,
    modules: Path | None,
) -> int:
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    counts = os.open(counter, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (handle, 1), (handle, 2)):
        os.dup2(source, target)
    sys.stdout, sys.stderr = (open(n, "w", encoding="utf-8", buffering=1, closefd=False) for n in (1, 2))  # noqa: SIM115
    os.environ.update(environment)
    tempfile.tempdir = None
    os.chdir(root)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if kill is not None and kill.kind == "torn":
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it
    seen = _count_changes(str(place), kill)
    status = 0
    try:
        what(*arguments)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 71
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os.write(counts, str(seen()).encode())
    if modules is not None:
        modules.write_text("\n".join(sys.modules))
    return status


def _count_changes(place: str, kill: Kill | None) -> Callable[[], int]:
    """Count changes on disk below ``place``, and die at the one that ``kill`` names."""
    seen = 0

    def count() -> None:
        nonlocal seen
        seen += 1
        if kill is None or seen != kill.at:
            return
        if kill.kind == "change":
            os.killpg(0, signal.SIGKILL)
        elif kill.kind == "torn":
            resource.setrlimit(resource.RLIMIT_FSIZE, (kill.bytes, kill.bytes))

    def below(path: object) -> bool:
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        return isinstance(path, (str, Path)) and (not Path(path).is_absolute() or str(path).startswith(place))

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & _WRITES and below(path):
                count()
        elif event in CHANGES and any(map(below, arguments)):
            count()

    def synchronise(_: object) -> None:  # nothing is forced to disk: a kill loses nothing that the kernel has
        count()

    os.fsync = synchronise
    sys.addaudithook(hook)
    return lambda: seen


def _wait_for_group(leader: int) -> bool:
    """Wait until every process of a session ended; whether some had to be killed."""
    deadline, hung = time.monotonic() + 60, False
    while True:
        with suppress(ChildProcessError):
            while os.waitpid(-leader, os.WNOHANG)[0]:
                pass
        try:
            os.killpg(leader, 0)
        except ProcessLookupError:
            return hung
        if time.monotonic() > deadline:
            hung = True
            with suppress(ProcessLookupError):
                os.killpg(leader, signal.SIGKILL)
        time.sleep(0.002)


def import_all(modules: Path) -> None:
    """Import what a fork had to import, and keep the memory of it out of the collector's way."""
    names = set(modules.read_text().split()) - sys.modules.keys()
    for name in sorted(names):
        if not name.startswith(("__main__", "__mp_main__")):
            with suppress(BaseException):  # such as names that no file has
                importlib.import_module(name)
    gc.collect()
    gc.freeze()


def draw(kind: str, whole: Ended, generator: random.Random) -> Kill:
    """A kill of that kind at a drawn moment of a run that took as long, and made as many changes, as ``whole``."""
    if kind == "moment":
        return Kill(kind, generator.uniform(0, whole.seconds * 1.02), group=generator.random() < 0.5)
    kill = Kill(kind, generator.randint(1, max(1, whole.changes)))
    return replace(kill, bytes=generator.choice((0, 1, 17, 100, 512, 1500, 4096))) if kind == "torn" else kill
