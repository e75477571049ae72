"""Labelling whatever can be labelled: cheap labellers in batches, expensive ones configuration by configuration."""

from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations, Labels, joined_labels
from foundational.data.fingerprint import configuration_ids, hexadecimal
from foundational.data.labeller import Labeller
from foundational.errors import EngineError
from foundational.execution.executors import LocalProcesses, parallelism
from foundational.execution.tasks import AHEAD, cancel, is_death, is_lost
from foundational.labelling.batches import HOPELESS, TRIES, SurvivingLabels, label_batches
from foundational.labelling.journal import LabelJournal, Outcome
from foundational.progress import Progress


def label_survivors(
    labeller: Labeller,
    configurations: Configurations,
    *,
    executor: Executor | None = None,
    journal: LabelJournal | None = None,
    batches: Path | None = None,
    progress: Progress | None = None,
) -> SurvivingLabels:
    """Labels of every configuration on which the labeller does not fail, bit for bit the same with any executor.

    A cheap labeller, such as a potential of the registry, labels in batches. A batch that fails is halved until the
    configurations that fail are alone. An expensive one labels each by itself from the start: each result goes to the
    journal as it comes. A configuration that fails is tried twice.

    Parameters
    ----------
    journal
        What it holds already is not computed again.
    batches
        Folder that keeps each batch of a cheap labeller as it comes; of the batches there none is computed again.
    progress
        Called with (configurations done, all, a word).

    Raises
    ------
    InputError
        If the labeller is not fit for any configuration.
    EngineError
        If it fails on the first three configurations, or on all, or if the workers die.
    """
    if not labeller.expensive:
        return _of_batches(labeller, configurations, executor, batches, progress)
    identities = hexadecimal(configuration_ids(configurations))
    known: dict[str, Outcome] = {} if journal is None else dict(journal.outcomes)
    outcomes = {c: known[identity] for c, identity in enumerate(identities) if identity in known}
    first = range(min(HOPELESS, len(configurations)))
    for c, outcome in _computed(
        labeller, configurations, [c for c in range(len(identities)) if c not in outcomes], executor
    ):
        outcomes[c] = outcome
        if journal is not None:
            journal.append(identities[c], outcome)
        if all(isinstance(outcomes.get(i), str) for i in first):
            raise EngineError(f"the first {len(first)} configurations all failed; the first one: {outcomes[0]}")
        if progress is not None:
            failed = sum(isinstance(o, str) for o in outcomes.values())
            progress(len(outcomes), len(configurations), f"labelled, {failed} failed" if failed else "labelled")
    failures = {c: o for c, o in sorted(outcomes.items()) if isinstance(o, str)}
    rows = np.array([c for c in range(len(configurations)) if c not in failures], dtype=np.int64)
    if not len(rows):
        raise EngineError(f"all {len(configurations)} configurations failed; the first one: {failures[0]}")
    return SurvivingLabels(
        rows, joined_labels([o for _, o in sorted(outcomes.items()) if not isinstance(o, str)]), failures
    )


def _of_batches(
    labeller: Labeller,
    configurations: Configurations,
    executor: Executor | None,
    batches: Path | None,
    progress: Progress | None,
) -> SurvivingLabels:
    """`label_survivors` of a cheap labeller."""
    total, done = len(configurations), 0
    rows: list[NDArray[np.int64]] = []
    parts: list[Labels] = []
    failures: dict[int, str] = {}
    for start, found in label_batches(labeller, configurations, executor, batches):
        rows.append(start + found.rows)
        parts.append(found.labels)
        failures |= {start + c: reason for c, reason in found.failures.items()}
        done = start + len(found.rows) + len(found.failures)
        if progress is not None:
            progress(done, total, f"labelled, {len(failures)} failed" if failures else "labelled")
    return SurvivingLabels(np.concatenate(rows), joined_labels(parts), failures)


def label_all_kept(
    labeller: Labeller,
    configurations: Configurations,
    *,
    executor: Executor | None = None,
    journal: LabelJournal | None = None,
) -> Labels:
    """Labels of every configuration, each a task of its own and kept in the journal; a failure is not kept.

    Raises
    ------
    InputError
        If the labeller is not fit for a configuration.
    EngineError
        If it fails on a configuration, after as many tries as `label_survivors` makes.
    """
    identities = hexadecimal(configuration_ids(configurations))
    known: dict[str, Outcome] = {} if journal is None else dict(journal.outcomes)
    labels = {c: kept for c, i in enumerate(identities) if isinstance(kept := known.get(i), Labels)}
    missing = [c for c in range(len(identities)) if c not in labels]
    for c, outcome in _computed(labeller, configurations, missing, executor):
        if isinstance(outcome, str):
            raise EngineError(f"configuration {c}: {outcome}")
        labels[c] = outcome
        if journal is not None:
            journal.append(identities[c], outcome)
    return joined_labels([kept for _, kept in sorted(labels.items())])


def _computed(
    labeller: Labeller, configurations: Configurations, rows: list[int], executor: Executor | None
) -> Iterator[tuple[int, Outcome]]:
    """Outcomes as they come. A configuration of which a process of this machine dies twice has failed."""
    if executor is None:
        for c in rows:
            yield c, _outcome(labeller, configurations.take([c]))
        return
    waiting, running, sent = deque(rows), dict[Future[Outcome], int](), Counter[int]()
    try:
        while waiting or running:
            while waiting and len(running) < AHEAD * parallelism(executor):
                c = waiting.popleft()
                sent[c] += 1
                running[executor.submit(_outcome, labeller, configurations.take([c]))] = c
            done = {future: running.pop(future) for future in wait(running, return_when=FIRST_COMPLETED).done}
            for future, c in done.items():
                outcome = _received(future, executor, last=sent[c] >= TRIES)
                if outcome is None:
                    waiting.appendleft(c)
                else:
                    yield c, outcome
    except Exception as error:
        if not is_death(error):
            raise
        raise EngineError(
            "the workers died (out of memory, or the calculator crashed); "
            "labels that were finished are kept: repeat the command to resume"
        ) from error
    finally:
        cancel(running)


def _received(future: Future[Outcome], executor: Executor, *, last: bool) -> Outcome | None:
    """The outcome of a configuration; None where its worker was lost, and this was not the ``last`` try."""
    try:
        return future.result()
    except Exception as error:
        if not is_lost(error) or (last and not isinstance(executor, LocalProcesses)):
            raise
    return "the process that labelled it died (out of memory, or the calculator crashed)" if last else None


def _outcome(labeller: Labeller, one: Configurations) -> Outcome:
    """The labels of one configuration, or why it has none after the last try."""
    reason = ""
    for _ in range(TRIES):
        try:
            return labeller.label(one)
        except EngineError as error:
            reason = str(error).removeprefix("configuration 0: ")  # it is alone
    return reason
