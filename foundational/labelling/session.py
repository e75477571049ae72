"""One labelling session: a labeller with where its tasks run, where its labels are kept, and who hears of progress."""

import atexit
import itertools
import os
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import Any

from foundational.data.configurations import Configurations, Labels
from foundational.data.labeller import REQUIRED, Labeller
from foundational.errors import InputError
from foundational.execution.executors import executor_named
from foundational.labelling.batches import SurvivingLabels
from foundational.labelling.catalogue import labeller_named
from foundational.labelling.fault_tolerance import label_all_kept, label_survivors
from foundational.labelling.journal import LabelJournal
from foundational.labelling.records import labeller_record
from foundational.progress import Progress

_SPOOLS = itertools.count()


@dataclass(frozen=True)
class LabellingSession:
    """A labeller at work; it is a `Model`, so that relaxations label through it too."""

    labeller: Labeller
    executor: Executor | None = None
    """Where tasks run; None: in this process."""
    journal: LabelJournal | None = None
    """Keeps each label of an expensive labeller until the dataset is stored."""
    progress: Progress | None = None
    batches: Path | None = None
    """A folder that keeps the batches of a cheap labeller until the dataset is stored, where there are many."""
    spool: Path | None = None
    """A folder of its own, where the labels of very many configurations go as they come; None: they stay in memory."""

    @property
    def id(self) -> str:
        """The labeller's."""
        return self.labeller.id

    def label(self, configurations: Configurations) -> Labels:
        """Labels of every configuration; of an expensive labeller through the executor and the journal.

        Raises
        ------
        InputError
            If the labeller is not fit for a configuration.
        EngineError
            If it fails on a configuration.
        """
        if not self.labeller.expensive:
            return self.labeller.label(configurations)
        return label_all_kept(self.labeller, configurations, executor=self.executor, journal=self.journal)

    def label_survivors(self, configurations: Configurations) -> SurvivingLabels:
        """Labels of every configuration on which the labeller does not fail, as `label_survivors` says."""
        return label_survivors(
            self.labeller,
            configurations,
            executor=self.executor,
            journal=self.journal,
            batches=self.batches,
            progress=self.progress,
        )


@dataclass(frozen=True)
class LabellingChoice:
    """What a user chose: the labeller of a command, and what computes its labels."""

    labeller: str | None = None
    """Its name, as `labeller_named` takes it; None: a potential of the registry."""
    potential: str | None = None
    """Which one; None: the registry's default for the element."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of an ASE factory."""
    isolated_energy: float | None = None
    """Energy of the isolated atom by such a labeller, eV, where it is known."""
    executor: str = "local"
    """``local``, ``parsl``, ``dask``, as `executor_named` takes it."""
    workers: int = 1
    """Processes on this machine."""

    def labeller_for(self, element: str, root: Path) -> Labeller:
        """The labeller for ``element`` in the project at ``root``.

        Raises
        ------
        InputError
            If a labeller and a potential are named, or the labeller does not take what was given with it.
        NotFoundError
            If there is no such labeller or potential.
        """
        if self.labeller is not None and self.potential is not None:
            raise InputError("expected --potential or --labeller, got both")
        name = self.labeller or ("lammps" if self.potential is None else f"lammps:{self.potential}")
        return labeller_named(name, root, self.arguments, element=element, isolated_energy=self.isolated_energy)

    def plan(self, work: Path, progress: Progress | None) -> "LabellingPlan":
        """Where the labels are computed; ``work`` is the project's build folder."""
        return LabellingPlan(work, self.executor, self.workers, progress)


@dataclass(frozen=True)
class LabellingPlan:
    """Where a command labels, and where it keeps labels until its dataset is stored."""

    work: Path
    """Folder of journals and logs, below the project's build folder."""
    executor: str = "local"
    """``local``, ``parsl``, ``dask``, as `executor_named` takes it."""
    workers: int = 1
    progress: Progress | None = None


@contextmanager
def labelling_session(
    labeller: Labeller,
    element: str,
    plan: LabellingPlan,
    *,
    journal: Path | None = None,
    required: Sequence[str] = REQUIRED,
) -> Iterator[LabellingSession]:
    """A session of ``labeller`` for configurations of ``element``; when the block ends, no task is begun any more.

    Parameters
    ----------
    journal
        File that keeps the labels, where the labeller is expensive. The batches of a cheap one are kept in a folder
        beside it, which ends in ``.batches``.
    required
        Labels that the labeller must give.

    Raises
    ------
    InputError
        If the labeller cannot be set up or lacks a required label, or there is no such executor.
    ConflictError
        If the journal holds labels of an interrupted run by another labeller.
    """
    if missing := [name for name in required if name not in labeller.gives]:
        raise InputError(
            f"{labeller.id} gives no {' and no '.join(missing)}; expected a calculator with {', '.join(required)}"
        )
    kept = None
    batches = None if journal is None or labeller.expensive else journal.with_suffix(".batches")
    if journal is not None and labeller.expensive:
        kept = LabelJournal.open(journal, labeller_record(labeller, element).model_dump(mode="json"))
    with executor_named(plan.executor, plan.workers, plan.work) as tasks:
        yield LabellingSession(labeller, tasks, kept, plan.progress, batches, _spool(plan.work))


def _spool(work: Path) -> Path:
    """A folder that is removed when this process ends; it is made when something is written to it."""
    start = f"spool-{platform.node() or 'here'}-"
    for leftover in (work / "work").glob(f"{escape(start)}*"):
        host, process, _ = leftover.name.rsplit("-", 2)  # the name of a host may begin with that of this one
        if f"{host}-" == start and not _is_running(process):
            shutil.rmtree(leftover, ignore_errors=True)  # of a process that was killed
    folder = work / "work" / f"{start}{os.getpid()}-{next(_SPOOLS)}"
    shutil.rmtree(folder, ignore_errors=True)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _is_running(process: str) -> bool:
    """Whether this machine has the process of that number."""
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:  # another user's
        return True
    return True
