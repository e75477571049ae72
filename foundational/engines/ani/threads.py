"""How many threads the kernels use; numba and BLAS agree on it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numba
import scipy.linalg.cython_blas  # noqa: F401  (so that the controller below finds the BLAS that numba calls)
from threadpoolctl import ThreadpoolController


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def kernel_threads(threads: int | None = None) -> Iterator[None]:
    """Run compiled kernels on ``threads`` threads (default: every processor this process may use), BLAS on one in each.

    No result depends on it: kernels cut their work into pieces whose number does not depend on the threads.
    """
    if threads is None:
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    before = numba.get_num_threads()
    numba.set_num_threads(max(1, min(threads, numba.config.NUMBA_NUM_THREADS)))
    try:
        with _blas().limit(limits=1, user_api="blas"):
            yield
    finally:
        numba.set_num_threads(before)
