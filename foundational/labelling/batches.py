"""Labelling many configurations through an Executor."""

from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Final

from foundational.data.configurations import Configurations, Labels, joined_labels
from foundational.data.labeller import Model
from foundational.errors import FoundationalError
from foundational.progress import Progress

#: Atoms in a task, about: a tenth of a second of EAM labels. No label depends on it.
_ATOMS_PER_TASK: Final = 16_384


def label_all(
    labeller: Model,
    configurations: Configurations,
    *,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Labels:
    """Labels of every configuration, in tasks that an executor may run in other processes.

    The result is the same, bit for bit, with any executor and any number of workers.

    Parameters
    ----------
    labeller
        Must pickle, where the executor runs other processes.
    executor
        Where the tasks run; None runs them here, one after another.
    progress
        Called with (configurations done, all, a word).
    """
    total = len(configurations)
    starts = list(_starts(configurations))
    chunks = [(a, configurations.take(slice(a, b))) for a, b in zip(starts, [*starts[1:], total], strict=True)]
    jobs = map if executor is None else executor.map
    parts: list[Labels] = []
    done = 0
    for (_, chunk), labels in zip(chunks, jobs(_label, [labeller] * len(chunks), chunks), strict=True):
        parts.append(labels)
        done += len(chunk)
        if progress is not None:
            progress(done, total, "labelled")
    return joined_labels(parts)


def _starts(configurations: Configurations) -> Iterator[int]:
    """Where each task begins; the first one is there even for an empty batch."""
    yield 0
    first = 0
    for c, atoms in enumerate(configurations.offsets[1:-1].tolist(), start=1):
        if atoms - first >= _ATOMS_PER_TASK:
            yield c
            first = atoms


def _label(labeller: Model, task: tuple[int, Configurations]) -> Labels:
    start, chunk = task
    try:
        return labeller.label(chunk)
    except FoundationalError as error:
        if start == 0:
            raise
        raise type(error)(f"counting from {start}, {error}") from error
