"""Long work: where its tasks run, and its progress on stderr.

Progress is a bar with rate and time left on a terminal, a line every half minute elsewhere.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from foundational.cli.options import Device, Executor, Workers
from foundational.cli.output import visible
from foundational.progress import Progress, stage_of

if TYPE_CHECKING:
    from foundational.execution.tasks import Execution as ExecutionChoice

#: Seconds between lines where stderr is no terminal.
QUIET_INTERVAL = 30.0


@dataclass(frozen=True)
class Execution:
    """Where the tasks of a command run."""

    executor: Executor = "local"
    workers: Workers = 1

    @property
    def chosen(self) -> "ExecutionChoice":
        """The same for the library."""
        from foundational.execution.tasks import Execution as ExecutionChoice

        return ExecutionChoice(self.executor, self.workers)

    @property
    def other(self) -> "ExecutionChoice | None":
        """The same; None where the process of the command does everything."""
        return None if (self.executor, self.workers) == ("local", 1) else self.chosen


@dataclass(frozen=True)
class SamplingExecution(Execution):
    """Where walkers run, and where frames are labelled."""

    workers: Workers = 2


@dataclass(frozen=True)
class TrainExecution(Execution):
    """Where networks train, and what they may take there."""

    memory: Annotated[str, typer.Option("--memory", help="Memory that training may use; changes no result.")] = "4 GiB"
    device: Device = "cpu"


@contextmanager
def progress_on_stderr(label: str) -> Iterator[Progress]:
    """A callable (done, total, message) that shows how far the work under ``label`` is."""
    if sys.stderr.isatty():
        with _bar(label) as progress:
            yield progress
    else:
        yield _lines(label)


@contextmanager
def _bar(label: str) -> Iterator[Progress]:
    # Imported here: 50 ms that only long work pays.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[message]}"),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(label, total=None, rate="", message="")
        running = ""

        def progress(done: int, total: int, message: str) -> None:
            nonlocal running
            # Each stage has its own rate and its own time left, and each part of it that counts from its own start.
            if (now := stage_of(message)) != running or done < bars.tasks[task].completed:
                bars.reset(task, total=total)
                running = now
            speed = bars.tasks[task].speed
            rate = "" if not speed else f"{speed:,.0f}/s" if speed >= 10 else f"{speed:.2g}/s"
            bars.update(task, completed=done, total=total, rate=rate, message=message)

        yield progress


def _lines(label: str) -> Progress:
    start = begin = last = time.monotonic()
    first: int | None = None
    before, running = 0, ""

    def progress(done: int, total: int, message: str) -> None:
        nonlocal begin, before, first, last, running
        now, stage = time.monotonic(), stage_of(message)
        changed = stage != running
        # Each stage has its own rate, and so has each part of it that counts from its own start; work that is resumed
        # begins at what was done before, and so does its rate.
        if first is None or done < before or changed:
            begin, first, running = now, done, stage
        before = done
        # What begins after long work is said at once: it may take long too.
        if now - last < QUIET_INTERVAL and not (changed and now - start >= QUIET_INTERVAL):
            return
        last = now
        rate = (done - first) / (now - begin) if now > begin else 0.0
        speed = f", {rate:.3g}/s, {(total - done) / rate:.0f} s left" if rate > 0 else ""
        print(visible(f"{label}: {done}/{total}{speed} {message}".rstrip()), file=sys.stderr, flush=True)

    return progress
