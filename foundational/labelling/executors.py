"""Where tasks run: worker processes here, or those that Parsl or Dask reach. No result depends on it."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

from foundational.engines.ase.labeller import imported
from foundational.errors import InputError, MissingDependencyError, package_needed


def process_pool(workers: int) -> ProcessPoolExecutor:
    """Worker processes that start clean (spawn: a forked child must not inherit LAMMPS or OpenMP threads)."""
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_die_with_parent)


class LocalProcesses(Executor):
    """Worker processes on this machine that can be started again where one of them died."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool = process_pool(workers)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As `concurrent.futures.Executor.submit`."""
        return self._pool.submit(fn, *args, **kwargs)

    def renew(self) -> None:
        """Take other processes; what was submitted is lost."""
        self._pool.shutdown(cancel_futures=True)
        self._pool = process_pool(self.workers)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As `concurrent.futures.Executor.shutdown`."""
        self._pool.shutdown(wait, cancel_futures=cancel_futures)


def _die_with_parent() -> None:
    """A worker whose parent was killed ends too; the executor alone would leave it waiting for work for ever."""

    def watch() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def executor_named(name: str, workers: int, folder: Path) -> Iterator[Executor | None]:
    """The executor called ``name``, None for this very process; when the block ends, no task is begun any more.

    Parameters
    ----------
    name
        ``local``; ``parsl`` for its workers on this machine, ``parsl:<module>:<factory>`` for the parsl.Config that a
        function of yours returns; ``dask`` for a cluster on this machine, ``dask:<address>`` for a scheduler that
        runs, such as ``dask:tcp://10.0.0.1:8786``.
    workers
        Processes on this machine, one being this process; where workers are elsewhere, the configuration says how many.
    folder
        For the logs of Parsl.

    Raises
    ------
    InputError
        If there is no such executor.
    MissingDependencyError
        If Parsl or Dask is not installed.
    """
    kind, _, rest = name.partition(":")
    if name == "local" and workers == 1:
        yield None
    elif name == "local":
        pool = LocalProcesses(workers)
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)
    elif kind == "parsl":
        with _parsl(rest, workers, folder) as executor:
            yield executor
    elif kind == "dask":
        with _dask(rest, workers) as executor:
            yield executor
    else:
        raise InputError(f"expected an executor among local, parsl and dask, got {name!r}")


@contextmanager
def _parsl(config: str, workers: int, folder: Path) -> Iterator[Executor]:
    try:
        parsl, pools = import_module("parsl"), import_module("parsl.concurrent")
    except ImportError as error:
        raise MissingDependencyError(package_needed("parsl")) from error
    if config:
        module, _, factory = config.partition(":")
        chosen: Any = imported(module, factory)()
        if not isinstance(chosen, parsl.Config):
            raise InputError(f"{config!r} made a {type(chosen).__name__}; expected a parsl.Config")
    else:
        here = parsl.HighThroughputExecutor(label="local", max_workers_per_node=workers, address="127.0.0.1")
        chosen = parsl.Config(executors=[here], run_dir=str(folder / "parsl"))
    # Parsl finds its own programs by the path, where those of a virtual environment need not be.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    executor: Executor = pools.ParslPoolExecutor(chosen)
    try:
        yield executor
    finally:
        executor.shutdown(wait=False)


@contextmanager
def _dask(address: str, workers: int) -> Iterator[Executor]:
    try:
        distributed = import_module("distributed")
    except ImportError as error:
        raise MissingDependencyError(package_needed("distributed")) from error
    options: dict[str, Any] = (
        {"address": address} if address else {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
    )
    with distributed.Client(**options) as client:
        yield client.get_executor(pure=False)
