"""Labelling many configurations through an Executor."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations, Labels, joined_labels
from foundational.data.fingerprint import configuration_ids
from foundational.data.labeller import Labeller, Model
from foundational.errors import EngineError, FoundationalError
from foundational.execution.tasks import Arrays, Tasks, in_order
from foundational.progress import Progress
from foundational.source_files import digest_of, imported_modules

#: Atoms in a task, about: a tenth of a second of EAM labels. No label depends on it.
_ATOMS_PER_TASK: Final = 16_384
#: Atoms in a task whose labels are kept on disk: a second of EAM labels.
_ATOMS_PER_FILE: Final = 131_072
#: A labeller that fails on all of the first so many configurations will hardly do better on the others.
HOPELESS: Final = 3
#: How often a configuration is tried.
TRIES: Final = 2


@dataclass(frozen=True, eq=False)
class SurvivingLabels:
    """Labels of those configurations that could be labelled."""

    rows: NDArray[np.int64]
    """Which, in order."""
    labels: Labels
    failures: dict[int, str]
    """The reason for each of the others."""


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
    starts = _starts(configurations, _ATOMS_PER_TASK)
    chunks = ((labeller, a, configurations.take(slice(a, b))) for a, b in pairwise([*starts, total]))
    parts: list[Labels] = []
    done = 0
    for labels in in_order(_label, chunks, executor):
        parts.append(labels)
        done += len(labels.energy)
        if progress is not None:
            progress(done, total, "labelled")
    return joined_labels(parts)


def label_batches(
    labeller: Labeller, configurations: Configurations, executor: Executor | None, folder: Path | None
) -> Iterator[tuple[int, SurvivingLabels]]:
    """Where each batch begins, and its labels without the configurations on which the labeller fails.

    Parameters
    ----------
    folder
        Where each batch is kept as it comes, if there are several; of the batches there none is computed again.

    Raises
    ------
    EngineError
        If the labeller fails on the first three configurations.
    InputError
        If it is not fit for a configuration.
    """
    many = len(configurations.positions) > _ATOMS_PER_FILE
    tasks = Tasks(executor, folder if many else None)
    starts = _starts(configurations, _ATOMS_PER_TASK if tasks.folder is None else _ATOMS_PER_FILE)
    chunks = ((labeller, a, configurations.take(slice(a, b))) for a, b in pairwise([*starts, len(configurations)]))
    results = tasks.kept_results(_survivors, chunks, _identity(labeller, configurations))
    for start, found in zip(starts, results, strict=True):
        failures = dict(zip(found["failed"].tolist(), found["reasons"].tolist(), strict=True))
        energy, forces, stress = (found[name] for name in ("energy", "forces", "stress"))
        labels = Labels(energy, forces, stress, found.get("atomic_energies"), found.get("scf"))
        yield start, SurvivingLabels(found["rows"], labels, failures)


_LABELS: Final = ("energy", "forces", "stress", "atomic_energies", "scf")


def _identity(labeller: Labeller, configurations: Configurations) -> str:
    """All that decides the batches of labels of ``configurations``: what computes them, of what, and in which parts."""
    method = labeller.method()
    stated = [labeller.id, dict(labeller.arguments), method.version, method.sha256, dict(method.parameters)]
    ids = sha256(configuration_ids(configurations).tobytes()).hexdigest()
    code = digest_of(imported_modules(__name__).values())
    return json.dumps([stated, ids, _ATOMS_PER_FILE, code], sort_keys=True, default=str)


def _starts(configurations: Configurations, atoms_per_task: int) -> Sequence[int]:
    """Where each task begins; the first one is there even for an empty batch."""
    starts, first = [0], 0
    for c, atoms in enumerate(configurations.offsets[1:-1].tolist(), start=1):
        if atoms - first >= atoms_per_task:
            starts.append(c)
            first = atoms
    return starts


def _label(labeller: Model, start: int, chunk: Configurations) -> Labels:
    try:
        return labeller.label(chunk)
    except FoundationalError as error:
        if start == 0:
            raise
        raise type(error)(f"counting from {start}, {error}") from error


def _survivors(labeller: Model, start: int, chunk: Configurations) -> Arrays:
    """Labels of the configurations of a task on which the labeller does not fail, and why it fails on the others."""
    parts: list[Labels] = []
    failures: dict[int, str] = {}
    waiting = [(0, len(chunk), 1)]
    while waiting:
        first, stop, tries = waiting.pop()
        try:
            parts.append(_label(labeller, start + first, chunk.take(slice(first, stop))))
        except EngineError as error:
            middle = (first + stop) // 2
            if stop - first > 1:
                waiting += [(middle, stop, 1), (first, middle, 1)]
            elif tries < TRIES:
                waiting.append((first, stop, tries + 1))
            else:
                failures[first] = str(error).partition("configuration 0: ")[2] or str(error)
        if start == 0 and len(failures) == min(HOPELESS, len(chunk)) and not parts:
            raise EngineError(f"the first {len(failures)} configurations all failed; the first one: {failures[0]}")
    labels = joined_labels(parts) if parts else Labels(np.zeros(0), np.zeros((0, 3), np.float32), np.zeros((0, 3, 3)))
    arrays = {name: array for name in _LABELS if (array := getattr(labels, name)) is not None}
    failed = np.array(list(failures), dtype=np.int64)
    rows = np.setdiff1d(np.arange(len(chunk)), failed)
    return {"rows": rows, "failed": failed, "reasons": np.array(list(failures.values()), dtype=np.str_), **arrays}
