"""Methods of selection compared: the same budgets, seeds and training, tested where nothing was chosen."""

import time
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import to_configurations
from foundational.engines.ani.batch_energies import energies_per_atom
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.crystals.references import ReferenceCrystals
from foundational.evaluation.crystals import crystal_errors, error_table, property_table
from foundational.evaluation.errors import evaluate
from foundational.progress import Progress
from foundational.seeds import derive
from foundational.specs.ani import AniSpec
from foundational.specs.distill import DistillSpec
from foundational.specs.paper import ComparedSpec, PaperSpec
from foundational.stages.distill.stage import select
from foundational.stages.train.stage import train_ensemble

#: Atoms in a frame in which budgets are counted.
_FRAME = 32


def compare(
    key: str,
    spec: PaperSpec,
    settings: DistillSpec,
    ani: AniSpec,
    pools: dict[str, xr.Dataset],
    reference: ReferenceCrystals,
    tie: float,
    seed: int,
    *,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Select by the method ``key``, train at every budget, and test.

    Parameters
    ----------
    settings
        of the selection, but for what the method's own entry says
    pools
        by name, in memory: the one to choose from, the pool of the settings, and the one to test on

    Returns
    -------
    dict
        ``rows``: for each seed and budget the frames, atoms, seconds and, of each member, its errors.
    """
    method = spec.methods[key]
    budgets = method.budgets
    source = pools[method.pool]
    training = ani.model_copy(update={"members": spec.members})
    if not method.full_training:
        short = ani.training.model_copy(update={"epochs": spec.epochs, "least_steps": spec.least_steps})
        training = training.model_copy(update={"training": short})
    atoms = int(source["n_atoms"][0])
    counts = [round(b * _FRAME / atoms) for b in budgets]
    rows: list[dict[str, Any]] = []
    ensembles: list[Ensemble] = []
    chosen: list[NDArray[np.int64]] = []
    for s in range(method.seeds):
        own = derive(seed, "paper", "selection", s)
        began = time.perf_counter()
        order = np.array(select(_selection(settings, method, counts[-1]), ani, source, own).chosen)
        selecting = time.perf_counter() - began
        for budget, count in zip(budgets, counts, strict=True):
            if progress is not None:
                progress(len(rows), method.seeds * len(budgets), f"{key}, {count} frames")
            began = time.perf_counter()
            model = _train(training, source, order[:count], derive(own, key, budget))
            rows.append(
                {
                    "budget": budget,
                    "frames": len(order[:count]),
                    "atoms": len(order[:count]) * atoms,
                    "seed": s,
                    "selection_seconds": selecting,
                    "training_seconds": time.perf_counter() - began,
                }
            )
            ensembles.append(model)
            chosen.append(order[:count])
    for name in dict.fromkeys([spec.test, settings.pool]):
        truth = (pools[name]["energy"] / pools[name]["n_atoms"]).to_numpy()
        for row, found, picks in zip(rows, energies_per_atom(ensembles, pools[name]), chosen, strict=True):
            # What was chosen from the pool itself is no test; Fig. 2a counts it, as the paper does.
            rest = np.setdiff1d(np.arange(len(truth)), picks) if name == method.pool == spec.test else slice(None)
            row[name] = error_table(found[:, rest], truth[rest])
    thinned = to_configurations(pools[spec.test], slice(0, None, spec.thin))
    for row, model in zip(rows, ensembles, strict=True):
        members = [evaluate(model.member(m), thinned) for m in range(model.members)]
        row["force_mae_meV_per_A"] = [found["force_mae_meV_per_A"] for found in members]
        row.update(crystal_errors(model, reference, tie))
        if row["budget"] in spec.properties:
            row.update(property_table(model, reference))
    return {
        "method": key,
        "pool": method.pool,
        "test": spec.test,
        "epochs": training.training.epochs,
        "full_training": method.full_training,
        "rows": rows,
    }


def _selection(settings: DistillSpec, method: ComparedSpec, frames: int) -> DistillSpec:
    """The settings of one method; rounds go on until the budget is full, and none is tested on its way."""
    change = {"method": method.method, "pool": method.pool, "chunk": method.chunk, "frames": frames}
    initial = min(settings.initial, frames)
    return settings.model_copy(update={**change, "initial": initial, "heldout": 0, "target": None})


def _train(ani: AniSpec, pool: xr.Dataset, rows: NDArray[np.int64], seed: int) -> Ensemble:
    return train_ensemble(ani, to_configurations(pool, rows), [np.arange(len(rows))] * ani.members, seed)
