"""Tasks on two workers of Dask against two local processes, in turn, so that both meet the same load of the machine.

``python benchmarks/executors.py --json`` prints one object:

* ``sampling_dask_over_local``: steps a second on Dask over those on local processes, from the medians of rounds that
  alternate; ``sampling_same_bits``: whether both gave the same frames and bias; ``steps_per_second``: of each;
* ``task_milliseconds``: what a task costs that does nothing, with arguments of 100 kB, as of a walker;
* ``labels_dask_over_local``: the same ratio for labels of 6,000 configurations of 32 atoms by an EAM.

``--rounds 8`` takes more of them.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from foundational.data.batches import to_configurations
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.engines.momt.run import Run, advance, begin, system_of
from foundational.execution.tasks import Execution, Tasks
from foundational.labelling.batches import label_all
from foundational.specs.params import read_params
from foundational.workspace.pools import open_pool

ROOT: Final = Path(__file__).resolve().parents[1]
POOL: Final = "ni-momt-32"
#: Configurations that are labelled.
LABELS: Final = 6_000


def nothing(_: np.ndarray) -> dict[str, np.ndarray]:
    """A task that does nothing."""
    return {}


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Wall time of ``work``, and what it gives."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def in_turn(executors: dict[str, Tasks], rounds: int, work: Callable[[Tasks], Any]) -> dict[str, list[float]]:
    """Wall times of ``work`` with each executor, one after the other in every round; the first round is not counted."""
    found: dict[str, list[float]] = {name: [] for name in executors}
    for number in range(rounds + 1):
        for name, tasks in executors.items():
            spent, _ = seconds(lambda tasks=tasks: work(tasks))  # type: ignore[misc]
            if number:
                found[name].append(spent)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=6)
    chosen = parser.parse_args()
    params = read_params(ROOT / "params.yaml")
    spec, settings = params.sample.pools[POOL], params.sample.settings
    potential = potential_for(spec.element, ROOT, spec.potential)
    system = system_of(settings, spec, potential)
    frames = to_configurations(open_pool(ROOT, POOL)[0], slice(0, LABELS))
    started = begin(settings, spec, system, params.seed)
    steps = settings.walkers * settings.steps(settings.block)
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        build = Path(folder)
        with Execution("local", 2).tasks(build, "local") as local, Execution("dask", 2).tasks(build, "dask") as dask:
            executors = {"local": local, "dask": dask}
            runs: dict[str, Run] = dict.fromkeys(executors, started)

            def sample(tasks: Tasks) -> None:
                name = "local" if tasks is local else "dask"
                runs[name], _ = advance(runs[name], settings, system, params.seed, tasks.executor)

            spent = in_turn(executors, chosen.rounds, sample)
            figures["sampling_dask_over_local"] = round(median(spent["local"]) / median(spent["dask"]), 3)
            figures["steps_per_second"] = {name: round(steps / median(times)) for name, times in spent.items()}
            figures["sampling_same_bits"] = bool(
                np.array_equal(runs["local"].bias.coefficients, runs["dask"].bias.coefficients)
                and all(
                    np.array_equal(a.positions, b.positions)
                    for a, b in zip(runs["local"].walkers, runs["dask"].walkers, strict=True)
                )
            )
            argument = np.zeros(12_500)
            empty = in_turn(executors, 2, lambda tasks: list(tasks.results(nothing, [(argument,)] * 200)))
            figures["task_milliseconds"] = {name: round(min(times) / 200 * 1e3, 2) for name, times in empty.items()}
            labeller = LammpsLabeller(potential)
            labels = in_turn(executors, 2, lambda tasks: label_all(labeller, frames, executor=tasks.executor))
            figures["labels_dask_over_local"] = round(min(labels["local"]) / min(labels["dask"]), 3)
            figures["labels_per_second"] = {name: round(len(frames) / min(times)) for name, times in labels.items()}
    sys.stdout.write(json.dumps(figures, indent=None if chosen.json else 2) + "\n")


if __name__ == "__main__":
    main()
