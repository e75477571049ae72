"""Tasks give the same results, in order, wherever they run; a kill costs the tasks that were running."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from foundational.errors import EngineError, InputError
from foundational.execution.executors import executor_named, parallelism
from foundational.execution.tasks import Execution, Tasks, in_order


def squared(number: int, folder: Path, kills: int) -> dict[str, np.ndarray]:
    """The square of ``number``; the process is killed at the number ``kills``, at the first try alone if it is even."""
    tried = len(list(folder.glob(f"{number}-*")))
    (folder / f"{number}-{tried}").touch()
    if number == kills and (tried == 0 or number % 2):
        os.kill(os.getpid(), signal.SIGKILL)
    return {"square": np.array(number**2)}


def marks(folder: Path) -> dict[int, int]:
    """How often each task was begun."""
    numbers = [int(path.name.partition("-")[0]) for path in folder.iterdir()]
    return {number: numbers.count(number) for number in sorted(set(numbers))}


def test_a_killed_worker_costs_its_own_task_and_results_come_in_order(tmp_path: Path):
    (tmp_path / "marks").mkdir()
    with Execution("local", 2).tasks(tmp_path, "x") as tasks:
        found = tasks.results(squared, ((number, tmp_path / "marks", 4) for number in range(12)))
        assert [int(result["square"]) for result in found] == [number**2 for number in range(12)]
        assert marks(tmp_path / "marks") == {number: 1 + (number == 4) for number in range(12)}
        with pytest.raises(EngineError, match=r"died of task 1 .*repeat it to resume"):
            list(tasks.results(squared, [(13, tmp_path / "marks", 13)]))


def test_a_repeated_command_does_what_is_missing_alone(tmp_path: Path):
    """What was kept is removed when the command has ended, and not where it failed."""
    (tmp_path / "marks").mkdir()
    sent = [(number, tmp_path / "marks", -1) for number in range(4)]

    def interrupted() -> None:
        with Execution().tasks(tmp_path, "local/x") as tasks:
            found = tasks.kept_results(squared, sent, "same")
            assert [int(next(found)["square"]) for _ in range(3)] == [0, 1, 4]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with Execution().tasks(tmp_path, "local/x") as tasks:
        assert [int(result["square"]) for result in tasks.kept_results(squared, sent, "same")] == [0, 1, 4, 9]
        assert marks(tmp_path / "marks") == dict.fromkeys(range(4), 1)
        assert len(list(tasks.kept_results(squared, sent, "other"))) == 4
        assert marks(tmp_path / "marks") == dict.fromkeys(range(4), 2)
    assert list((tmp_path / "work").iterdir()) == []


def test_few_tasks_are_in_memory_at_a_time(tmp_path: Path):
    made: list[int] = []

    def sent():
        for number in range(100):
            made.append(number)
            yield number, tmp_path, -1

    found = Tasks().results(squared, sent())
    next(found)
    assert len(made) == 1


def test_workers_compute_only_what_is_not_kept(tmp_path: Path):
    begun: list[int] = []

    def cube(number: int) -> dict[str, np.ndarray]:
        begun.append(number)
        return {"cube": np.array(number**3)}

    for numbers in ([0, 1], [0, 1], [0, 1, 2]):
        with ThreadPoolExecutor(2) as pool:
            found = in_order(cube, [(number,) for number in numbers], pool, tmp_path)
            assert [int(result["cube"]) for result in found] == [number**3 for number in numbers]
    assert sorted(begun) == [0, 1, 2]


class KilledWorker(Exception):  # noqa: N818 - the name by which Dask's is recognised
    """As Dask raises it."""


def failing(error: Exception) -> Callable[[int], dict[str, np.ndarray]]:
    def task(number: int) -> dict[str, np.ndarray]:
        if number == 1:
            raise error
        return {}

    return task


@pytest.mark.parametrize(
    ("error", "seen", "message"),
    [
        (ValueError("no convergence"), ValueError, "^no convergence$"),
        (KilledWorker("task", None), EngineError, "the workers died of task 2 "),
        (BrokenExecutor("lost"), EngineError, "the workers died of task 2 .*: repeat it to resume"),
    ],
)
def test_an_error_of_a_task_is_raised_as_it_is_and_a_death_is_named(error: Exception, seen: type, message: str):
    with ThreadPoolExecutor(1) as pool, pytest.raises(seen, match=message):
        list(in_order(failing(error), [(number,) for number in range(3)], pool))


def test_an_executor_that_is_broken_before_a_task_begins_is_one_that_died():
    class Broken(ThreadPoolExecutor):
        def submit(self, *_: object, **__: object) -> None:  # type: ignore[override]
            raise BrokenExecutor

    with Broken(1) as pool, pytest.raises(EngineError, match="the workers died of task 1 "):
        list(in_order(failing(ValueError()), [(0,)], pool))


def test_one_process_and_executors_of_an_unknown_size_run_some_tasks_at_a_time():
    assert parallelism(None) == 1
    assert parallelism(SimpleNamespace(workers=3)) == 3
    assert parallelism(SimpleNamespace(_max_workers=5)) == 5
    assert parallelism(SimpleNamespace(_client=SimpleNamespace(nthreads=lambda: {"a": 2, "b": 4}))) == 6
    assert parallelism(SimpleNamespace(_client=SimpleNamespace(nthreads=dict))) == 1
    assert parallelism(SimpleNamespace()) > 1


def test_an_executor_of_another_name_and_a_configuration_of_another_kind_are_refused(tmp_path: Path, monkeypatch):
    with (
        pytest.raises(InputError, match="expected an executor among local, parsl and dask, got 'slurm'"),
        executor_named("slurm", 1, tmp_path),
    ):
        pass
    pytest.importorskip("parsl")
    (tmp_path / "cluster.py").write_text("def mine():\n    return {}\n")
    monkeypatch.syspath_prepend(tmp_path)
    with (
        pytest.raises(InputError, match=r"'cluster:mine' made a dict; expected a parsl\.Config"),
        executor_named("parsl:cluster:mine", 1, tmp_path),
    ):
        pass
