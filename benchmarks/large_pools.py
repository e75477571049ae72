"""Selection from large pools in two steps: what the first pass over shards costs in quality, and what it saves.

``python benchmarks/large_pools.py --json`` selects from the 20,000 frames of ``ni-momt-32`` with ``informative``, from
all candidates and from those that the first pass leaves, trains five networks on each selection, and tests them on
every 10th frame of ``ni-momt-108``. It prints one object:

* ``rows``, one for each selection: ``survivors`` (null: all), ``frames``, ``seed``, ``mae_meV`` and ``p99_meV`` (energy
  per atom, of all networks together), and ``cpu_seconds`` of the selection. A smaller budget is the beginning of the
  largest one, so it costs no selection of its own and has null;
* ``loss``, of each budget and number of survivors: ``p99`` and ``mae``, the mean of
  log(error from survivors / error from all candidates) over pairs of selections of the same seed, with its standard
  error.

``--cost N`` selects from a synthetic pool of N configurations instead, and prints the seconds and the memory of it.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from foundational.data.batches import take, to_configurations
from foundational.data.store import open_store
from foundational.data.streaming.store_writer import StoreWriter
from foundational.evaluation.retraining import retrain
from foundational.execution.tasks import Execution
from foundational.seeds import derive
from foundational.specs.params import read_params
from foundational.stages.distill.candidates import SURVIVORS
from foundational.stages.distill.stage import select
from foundational.workspace.pools import open_pool

ROOT: Final = Path(__file__).resolve().parents[1]
POOL, TEST, SETTINGS = "ni-momt-32", "ni-momt-108", "ni-5pct"
_BATCH: Final = 20_000


def seconds() -> float:
    """CPU seconds of this process and of those that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def quality(budgets: list[int], survivors: list[int | None], seeds: list[int]) -> list[dict[str, Any]]:
    """Rows of the table."""
    params = read_params(ROOT / "params.yaml")
    pool, test = open_pool(ROOT, POOL)[0], open_pool(ROOT, TEST)[0]
    tested = to_configurations(take(test, np.arange(0, test.sizes["configuration"], 10)))
    assert tested.labels is not None
    ani = params.ani.scaled("recipe", float(pool.attrs["volume_per_atom"]))
    training = ani.training.model_copy(update={"epochs": params.paper.epochs, "least_steps": params.paper.least_steps})
    rows = []
    for seed in seeds:
        for count in survivors:
            spec = params.distill[SETTINGS].model_copy(
                update={"frames": max(budgets), "method": "informative", "survivors": count, "heldout": 0}
            )
            root = derive(params.seed, "large pools", seed)
            start = seconds()
            chosen = select(spec, ani, pool, root).chosen
            spent = seconds() - start
            for frames in budgets:
                picked = take(pool, np.sort(chosen[:frames])).load()
                settings = ani.model_copy(update={"training": training})
                networks = retrain(picked.drop_vars("split", errors="ignore"), settings, 5, derive(root, "test"))
                found = networks.predict(tested, forces=False).energy
                error = np.abs(found - tested.labels.energy) / tested.n_atoms * 1e3
                rows.append(
                    {
                        "survivors": count,
                        "frames": frames,
                        "seed": seed,
                        "mae_meV": round(float(error.mean()), 4),
                        "p99_meV": round(float(np.percentile(error, 99)), 4),
                        "cpu_seconds": round(spent, 1) if frames == max(budgets) else None,
                    }
                )
                sys.stderr.write(f"{rows[-1]}\n")
                sys.stderr.flush()
    return rows


def losses(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean and standard error of the logarithm of the ratio of errors, over pairs of the same seed and budget."""
    table = {(row["survivors"], row["frames"], row["seed"]): row for row in rows}
    found = []
    for count, frames in sorted({(row["survivors"], row["frames"]) for row in rows if row["survivors"] is not None}):
        pairs = [
            (row, table[None, frames, seed])
            for (left, budget, seed), row in table.items()
            if (left, budget) == (count, frames) and (None, frames, seed) in table
        ]
        of: dict[str, Any] = {"survivors": count, "frames": frames, "pairs": len(pairs)}
        for name in ("p99", "mae"):
            ratio = np.array([np.log(few[f"{name}_meV"] / every[f"{name}_meV"]) for few, every in pairs])
            of[name] = round(float(ratio.mean()), 4) if len(ratio) else None
            of[f"{name}_error"] = round(float(ratio.std(ddof=1) / len(ratio) ** 0.5), 4) if len(ratio) > 1 else None
        found.append(of)
    return found


def synthetic(folder: Path, total: int) -> xr.Dataset:
    """A pool of ``total`` configurations: those of ``ni-momt-32`` again and again, each time rattled by 0.01 Å.

    Labels are those of the frames before: they decide no cost.
    """
    pool = open_pool(ROOT, POOL)[0].load()
    writer = StoreWriter(folder / "data.zarr")
    for number, start in enumerate(range(0, total, _BATCH)):
        part = take(pool, np.arange(min(_BATCH, total - start))).load()
        moved = np.random.default_rng(number).normal(scale=0.01, size=part["positions"].shape)
        part["positions"] = part["positions"] + moved.astype(np.float32)
        part["id"] = part["id"].copy(data=np.random.default_rng([number]).integers(0, 256, part["id"].shape, np.uint8))
        part["walker"] = part["walker"] + 2 * number
        writer.append(part)
    writer.seal(dict(pool.attrs))
    return open_store(folder / "data.zarr")


def cost(total: int, survivors: int, workers: int) -> dict[str, Any]:
    """Seconds and memory of a selection of 1,200 of ``total`` configurations."""
    params = read_params(ROOT / "params.yaml")
    with tempfile.TemporaryDirectory() as folder:
        pool = synthetic(Path(folder), total)
        ani = params.ani.scaled("recipe", float(pool.attrs["volume_per_atom"]))
        spec = params.distill[SETTINGS].model_copy(
            update={"frames": 1200, "method": "informative", "survivors": survivors}
        )
        before, wall = seconds(), time.perf_counter()
        marks: list[tuple[str, float]] = []
        with Execution("local", workers).tasks(Path(folder), "cost") as tasks:
            selected = select(
                spec, ani, pool, params.seed, tasks=tasks, progress=lambda *_: marks.append((_[2], time.perf_counter()))
            )
        first = next((at for word, at in marks if word.startswith("round")), wall) - wall
        return {
            "configurations": total,
            "survivors": survivors,
            "selected": len(selected.chosen),
            "workers": workers,
            "wall_seconds": round(time.perf_counter() - wall, 1),
            "wall_seconds_first_step": round(first, 1),
            "cpu_seconds": round(seconds() - before, 1),
            "peak_memory_MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "peak_memory_MB_worker": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cost", type=lambda text: int(float(text)), help="configurations of a synthetic pool")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--budgets", type=int, nargs="+", default=[300, 675])
    parser.add_argument("--survivors", type=int, nargs="+", default=[0, 2000], help="0: all candidates")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    chosen = parser.parse_args()
    if chosen.cost:
        survivors = chosen.survivors[-1] if chosen.survivors != [0, 2000] else SURVIVORS
        figures: Any = cost(chosen.cost, survivors, chosen.workers)
    else:
        counts = [count or None for count in chosen.survivors]
        rows = quality(chosen.budgets, counts, chosen.seeds)
        figures = {"rows": rows, "loss": losses(rows)}
    sys.stdout.write(json.dumps(figures, indent=None if chosen.json else 2) + "\n")


if __name__ == "__main__":
    main()
