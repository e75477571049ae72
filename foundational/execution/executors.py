"""Where tasks run: worker processes of this machine, or those that Parsl or Dask reach. No result depends on it."""

import math
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any, Final

from foundational.errors import InputError, MissingDependencyError, package_needed
from foundational.execution.factories import imported

#: Processes that are assumed where an executor does not say how many it has, such as Parsl's on a cluster.
_UNKNOWN: Final = 32


class LocalProcesses(Executor):
    """Worker processes on this machine. Where one of them dies, its task alone is lost; another one takes its place.

    A task that is lost has a `BrokenExecutor` as its exception.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._threads = ThreadPoolExecutor(workers)
        self._own = threading.local()
        self._pools: set[ProcessPoolExecutor] = set()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As `concurrent.futures.Executor.submit`."""
        return self._threads.submit(self._run, fn, args, kwargs)

    def _run(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a task in the process that belongs to this thread."""
        if getattr(self._own, "pool", None) is None:
            self._own.pool = _one_process(self.workers)
            self._pools.add(self._own.pool)
        try:
            return self._own.pool.submit(fn, *args, **kwargs).result()
        except BrokenExecutor:
            self._pools.discard(self._own.pool)
            self._own.pool.shutdown(wait=False)
            self._own.pool = None
            raise

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As `concurrent.futures.Executor.shutdown`."""
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
        for pool in tuple(self._pools):
            pool.shutdown(wait, cancel_futures=cancel_futures)


def _one_process(workers: int) -> ProcessPoolExecutor:
    """One process that starts clean (spawn: a forked child must not inherit LAMMPS or OpenMP threads)."""
    return ProcessPoolExecutor(
        1, mp_context=get_context("spawn"), initializer=_begin, initargs=(max(1, _processors() // workers),)
    )


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _begin(threads: int) -> None:
    """Share the processors with the other workers; end where the parent was killed.

    The executor alone would leave a worker waiting for tasks for ever.
    """
    os.environ.setdefault("NUMBA_NUM_THREADS", str(threads))

    def watch() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def parallelism(executor: Executor | None) -> int:
    """How many tasks an executor can run at a time, at least one."""
    if executor is None:
        return 1
    client = getattr(executor, "_client", None)  # of Dask; its workers may come and go
    if client is not None:
        return max(1, sum(int(threads) for threads in client.nthreads().values()))
    return int(getattr(executor, "workers", 0) or getattr(executor, "_max_workers", 0) or _UNKNOWN)


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
    executor.workers = sum(map(_workers_of, chosen.executors))  # type: ignore[attr-defined]
    try:
        yield executor
    finally:
        executor.shutdown(wait=False)


def _workers_of(executor: Any) -> int:
    """How many workers an executor of Parsl has when all its jobs run."""
    provider = getattr(executor, "provider", None)
    blocks = (getattr(provider, name, 1) or 1 for name in ("max_blocks", "nodes_per_block"))
    workers = math.prod(blocks) * (getattr(executor, "max_workers_per_node", 0) or 1)
    return int(workers) if math.isfinite(workers) else _UNKNOWN


@contextmanager
def _dask(address: str, workers: int) -> Iterator[Executor]:
    try:
        dask, distributed = import_module("dask"), import_module("distributed")
    except ImportError as error:
        raise MissingDependencyError(package_needed("distributed")) from error
    local: dict[str, Any] = {
        "n_workers": workers,
        "threads_per_worker": 1,
        "dashboard_address": ":0",
        "env": {"NUMBA_NUM_THREADS": str(max(1, _processors() // workers))},
    }
    # A task carries its own configurations, some megabytes: no worker needs the files of this machine. On a busy one
    # a worker starts slowly, and is silent for minutes while it is in a long task.
    settings = {
        "distributed.admin.large-graph-warning-threshold": "1GB",
        "distributed.comm.timeouts.connect": "300s",
        "distributed.scheduler.worker-ttl": None,
    }
    with dask.config.set(settings), distributed.Client(**({"address": address} if address else local)) as client:
        yield client.get_executor(pure=False)
