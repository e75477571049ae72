"""Labelling whatever can be labelled: cheap labellers in batches, expensive ones configuration by configuration."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, as_completed, wait
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations, Labels, joined_labels
from foundational.data.fingerprint import configuration_ids, hexadecimal
from foundational.data.labeller import Labeller
from foundational.errors import EngineError
from foundational.labelling.batches import label_all
from foundational.labelling.executors import LocalProcesses
from foundational.labelling.journal import LabelJournal, Outcome
from foundational.progress import Progress

#: A labeller that fails on all of the first so many configurations will hardly do better on the others.
_HOPELESS = 3
#: How often a configuration is tried.
_TRIES = 2


@dataclass(frozen=True, eq=False)
class SurvivingLabels:
    """Labels of those configurations that could be labelled."""

    rows: NDArray[np.int64]
    """Which, in order."""
    labels: Labels
    failures: dict[int, str]
    """The reason for each of the others."""


def label_survivors(
    labeller: Labeller,
    configurations: Configurations,
    *,
    executor: Executor | None = None,
    journal: LabelJournal | None = None,
    progress: Progress | None = None,
) -> SurvivingLabels:
    """Labels of every configuration on which the labeller does not fail, bit for bit the same with any executor.

    A cheap labeller, such as a potential of the registry, labels in batches; configuration by configuration only where
    a batch fails. An expensive one labels each by itself from the start: each result goes to the journal as it comes,
    and each configuration is tried twice.

    Parameters
    ----------
    journal
        What it holds already is not computed again.
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
        try:
            labels = label_all(labeller, configurations, executor=executor, progress=progress)
        except EngineError:
            pass
        else:
            return SurvivingLabels(np.arange(len(configurations)), labels, {})
    identities = hexadecimal(configuration_ids(configurations))
    known: dict[str, Outcome] = {} if journal is None else dict(journal.outcomes)
    outcomes = {c: known[identity] for c, identity in enumerate(identities) if identity in known}
    first = range(min(_HOPELESS, len(configurations)))
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
    """Outcomes as they come."""
    if executor is None:
        for c in rows:
            yield c, _outcome(labeller, configurations.take([c]))
        return
    if isinstance(executor, LocalProcesses):
        yield from _by_processes(labeller, configurations, rows, executor)
        return
    futures = {executor.submit(_outcome, labeller, configurations.take([c])): c for c in rows}
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenExecutor as error:
        raise EngineError(
            "the workers died (out of memory, or the calculator crashed); "
            "labels that were finished are kept: repeat the command to resume"
        ) from error
    finally:
        for future in futures:
            with suppress(NotImplementedError):  # Parsl's cannot be cancelled
                future.cancel()


def _by_processes(
    labeller: Labeller, configurations: Configurations, rows: list[int], pool: LocalProcesses
) -> Iterator[tuple[int, Outcome]]:
    """The same with processes of this machine. Of those that a worker was busy with when one died, each is tried alone.

    So no more are handed out than there are workers: it cannot be asked which of them a process died of.
    """
    waiting, running = deque(rows), dict[Future[Outcome], int]()
    while waiting or running:
        while waiting and len(running) < pool.workers:
            try:
                future = pool.submit(_outcome, labeller, configurations.take([waiting[0]]))
            except BrokenExecutor:  # a process has just died, of one of those that are running or of nothing
                if running:
                    break
                pool.renew()
                continue
            running[future] = waiting.popleft()
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        suspects = []
        for future in done:
            c = running.pop(future)
            try:
                yield c, future.result()
            except BrokenExecutor:
                suspects.append(c)
        if suspects:
            suspects += running.values()
            running.clear()
            pool.renew()
            for c in sorted(suspects):
                yield c, _alone(labeller, configurations.take([c]), pool)


def _alone(labeller: Labeller, one: Configurations, pool: LocalProcesses) -> Outcome:
    """The outcome of one configuration, for which worker processes may die."""
    for _ in range(_TRIES):
        try:
            found: Outcome = pool.submit(_outcome, labeller, one).result()
        except BrokenExecutor:
            pool.renew()
        else:
            return found
    return "the process that labelled it died (out of memory, or the calculator crashed)"


def _outcome(labeller: Labeller, one: Configurations) -> Outcome:
    """The labels of one configuration, or why it has none after the last try."""
    reason = ""
    for _ in range(_TRIES):
        try:
            return labeller.label(one)
        except EngineError as error:
            reason = str(error).removeprefix("configuration 0: ")  # it is alone
    return reason
