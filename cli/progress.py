"""Progress on stderr: a bar with rate and time left on a terminal, a line every half minute elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from foundational.progress import Progress

#: Seconds between lines where stderr is no terminal.
QUIET_INTERVAL = 30.0


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

        def progress(done: int, total: int, message: str) -> None:
            speed = bars.tasks[task].speed
            rate = f"{speed:,.0f}/s" if speed else ""
            bars.update(task, completed=done, total=total, rate=rate, message=message)

        yield progress


def _lines(label: str) -> Progress:
    begin = last = time.monotonic()
    first: int | None = None

    def progress(done: int, total: int, message: str) -> None:
        nonlocal begin, first, last
        now = time.monotonic()
        if first is None or done < first:  # work that is resumed begins at what was done before, and so does its rate
            begin, first = now, done
        if now - last < QUIET_INTERVAL:
            return
        last = now
        left = f", {(now - begin) * (total - done) / (done - first):.0f} s left" if done > first else ""
        print(f"{label}: {done}/{total}{left} {message}".rstrip(), file=sys.stderr, flush=True)

    return progress
