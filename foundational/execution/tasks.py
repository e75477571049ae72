"""Tasks of a command: they run wherever an executor runs them, and their results come in order.

A task is a function of its arguments alone, so its result is the same wherever it runs. It takes seconds to minutes,
never milliseconds: sending it costs a few milliseconds. A task whose worker dies is sent again, alone. Results that are
kept on disk as they come outlive the command itself: repeated, it does the other tasks only.
"""

import io
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from foundational.data.atomic_write import write_whole
from foundational.errors import EngineError
from foundational.execution.executors import executor_named, parallelism

T = TypeVar("T")
#: What a task may give where its result is kept: arrays by name.
Arrays = dict[str, NDArray[Any]]

#: Tasks in memory, for each that can run at a time.
AHEAD: Final = 3
#: How often a task is sent whose worker dies. A job that reaches its time limit is no fault of the task.
_TRIES: Final = 5
#: Exceptions of Parsl that say that a worker was lost, by name.
_LOST: Final = frozenset({"ManagerLost", "WorkerLost"})


@dataclass(frozen=True)
class Tasks:
    """Where a command runs its tasks, and where it keeps their results until it has stored its own."""

    executor: Executor | None = None
    """None: in this process, one after another."""
    folder: Path | None = None
    """Folder of kept results; None: nothing is kept."""

    @property
    def parallelism(self) -> int:
        """How many tasks can run at a time."""
        return parallelism(self.executor)

    def results(self, function: Callable[..., T], tasks: Iterable[tuple[Any, ...]]) -> Iterator[T]:
        """``function(*task)`` of each task, in order. Few tasks are in memory at a time.

        Parameters
        ----------
        function
            A function of a module, which workers import.

        Raises
        ------
        EngineError
            If workers die of a task again and again.
        """
        return in_order(function, tasks, self.executor)

    def kept_results(
        self, function: Callable[..., Arrays], tasks: Iterable[tuple[Any, ...]], identity: str
    ) -> Iterator[Arrays]:
        """The same, with each result on disk as it comes; one that is there already is not computed again.

        Parameters
        ----------
        identity
            Everything that decides the results, of this version of the code.
        """
        if self.folder is None:
            return self.results(function, tasks)
        place = self.folder / sha256(identity.encode()).hexdigest()[:24]
        return in_order(function, tasks, self.executor, place)


@dataclass(frozen=True)
class Execution:
    """What a user chose: where the tasks of a command run. It changes no result."""

    executor: str = "local"
    """``local``, ``parsl``, ``dask``, as `executor_named` takes it."""
    workers: int = 1
    """Processes on this machine; one ``local`` process is that of the command."""

    @contextmanager
    def tasks(self, build: Path, name: str) -> Iterator[Tasks]:
        """Tasks of the command ``name``; what is kept of them is removed when the block ends without an error.

        Parameters
        ----------
        build
            The project's build folder.

        Raises
        ------
        InputError, MissingDependencyError
            As `executor_named`.
        """
        folder = build / "work" / f"tasks-{name.replace('/', '--')}"
        with executor_named(self.executor, self.workers, build) as found:
            yield Tasks(found, folder)
        shutil.rmtree(folder, ignore_errors=True)


#: In the process of the command.
HERE: Final = Execution()


@dataclass(frozen=True)
class _Sent:
    number: int
    task: tuple[Any, ...]
    tries: int = 1


def in_order(
    function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]], executor: Executor | None, kept: Path | None = None
) -> Iterator[Any]:
    """See `Tasks.results` and, with the folder ``kept``, `Tasks.kept_results`."""
    numbered = enumerate(tasks)
    if executor is None:
        yield from (_kept(kept, n) or _keep(kept, n, function(*task)) for n, task in numbered)
        return
    running: dict[Future[Any], _Sent] = {}
    finished: dict[int, Any] = {}
    following, more = 0, True
    try:
        while more or running or finished:
            room = AHEAD * parallelism(executor) - len(running) - len(finished)
            while more and room > 0:
                room -= 1
                number, task = next(numbered, (-1, ()))
                if number < 0:
                    more = False
                elif (found := _kept(kept, number)) is not None:
                    finished[number] = found
                else:
                    sent = _Sent(number, task)
                    running[_submitted(executor, function, sent)] = sent
            if following not in finished and running:
                done = {future: running.pop(future) for future in wait(running, return_when=FIRST_COMPLETED).done}
                for future, sent in done.items():
                    try:
                        result = future.result()
                    except Exception as error:
                        again = _again(sent, error)
                        running[_submitted(executor, function, again)] = again
                    else:
                        finished[sent.number] = _keep(kept, sent.number, result)
            while following in finished:
                yield finished.pop(following)
                following += 1
    finally:
        cancel(running)


def cancel(futures: Iterable[Future[Any]]) -> None:
    """Begin none of ``futures`` that has not begun."""
    for future in futures:
        with suppress(NotImplementedError):  # Parsl's cannot be cancelled
            future.cancel()


def _submitted(executor: Executor, function: Callable[..., Any], sent: _Sent) -> Future[Any]:
    try:
        return executor.submit(function, *sent.task)
    except BrokenExecutor as error:
        raise _died(sent) from error


def _again(sent: _Sent, error: Exception) -> _Sent:
    """The task once more if its worker was lost; else its error is raised."""
    if not is_lost(error):
        if is_death(error):  # Dask sent it again already, as often as its settings say
            raise _died(sent) from error
        raise error
    if sent.tries >= _TRIES:
        raise _died(sent) from error
    return _Sent(sent.number, sent.task, sent.tries + 1)


def is_lost(error: Exception) -> bool:
    """Whether a task has no result because its worker was lost."""
    return isinstance(error, BrokenExecutor) or type(error).__name__ in _LOST


def is_death(error: Exception) -> bool:
    """Whether workers died of a task: one was lost, or Dask gave up sending it again."""
    return is_lost(error) or type(error).__name__ == "KilledWorker"


def _died(sent: _Sent) -> EngineError:
    return EngineError(
        f"the workers died of task {sent.number + 1} (out of memory, a crash, or the end of a job); what was finished "
        "is kept where the command keeps it: repeat it to resume"
    )


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:08d}.npz"


def _kept(folder: Path | None, number: int) -> Arrays | None:
    if folder is None or not _path(folder, number).exists():
        return None
    with np.load(_path(folder, number), allow_pickle=False) as stored:
        return dict(stored)


def _keep(folder: Path | None, number: int, result: Any) -> Any:
    if folder is not None:
        content = io.BytesIO()
        np.savez(content, **result)
        write_whole(_path(folder, number), [content.getvalue()])
    return result
