"""What every test may rely on: the checkout, small projects, and a git identity where the machine has none.

`pytest -n 2` runs the tests in two processes. Each has its own temporary folder and its own share of the processors;
both use one copy of what is expensive: the small projects, and machine code of compiled kernels.
"""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def _take_a_share_of_the_processors() -> None:
    """Let the processes of a parallel run not compete: each has its own processors, and one thread on each of these.

    Tests that compare one thread with two still may start two; no result depends on the number.
    """
    number, count = (
        int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw")),
        int(os.environ["PYTEST_XDIST_WORKER_COUNT"]),
    )
    if not hasattr(os, "sched_setaffinity"):
        return
    processors = sorted(os.sched_getaffinity(0))
    os.environ.setdefault("NUMBA_NUM_THREADS", str(len(processors)))
    own = processors[number % len(processors) :: count]
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(len(own))
    os.sched_setaffinity(0, own)


if "PYTEST_XDIST_WORKER" in os.environ:  # before anything starts threads
    _take_a_share_of_the_processors()

from foundational.testing import project as kit  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def checkout() -> Path:
    return ROOT


@pytest.fixture(autouse=True)
def _hermetic(monkeypatch: pytest.MonkeyPatch) -> None:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A tester")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "tester@example.org")
    monkeypatch.setenv("MPLBACKEND", "agg")


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], Path]], Path]:
    """``made_once(name, make)``: a folder that ``make`` fills once for all processes of a run; for reading."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def folder(name: str, make: Callable[[Path], Path]) -> Path:
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done, place = shared / f"{name}.done", shared / f"{name}-made"
            if not done.exists():
                shutil.rmtree(place, ignore_errors=True)  # of a process that was ended meanwhile
                make(place)
                done.touch()
        return place

    return folder


@pytest.fixture(scope="session")
def tiny_project(made_once: Callable[..., Path], checkout: Path) -> Path:
    """A project whose pool ``ni-momt-32`` has 120 configurations and ``ni-momt-108`` has 20; for reading."""
    return made_once("project", lambda root: kit.small_project(root, checkout))


@pytest.fixture
def project(tiny_project: Path, tmp_path: Path) -> Path:
    """A copy of the small project that a test may change."""
    return kit.copy_project(tiny_project, tmp_path / "project")


@pytest.fixture(scope="session")
def distilled_project(made_once: Callable[..., Path], tiny_project: Path) -> Path:
    """A copy of the small project with its holdout and its distilled set; for reading."""
    return made_once("distilled", lambda root: kit.distilled_project(root, tiny_project))
