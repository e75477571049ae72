"""Methods of selection compared: the same budgets, seeds and training, tested where nothing was chosen."""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import to_configurations
from foundational.engines.ani.batch_energies import energies_per_atom
from foundational.engines.ani.ensemble import Ensemble
from foundational.evaluation.crystals import compare_crystals
from foundational.evaluation.errors import error_table, evaluate
from foundational.evaluation.properties import member_properties
from foundational.evaluation.retraining import EvaluationPlan, retrain
from foundational.progress import Progress
from foundational.reproduction.columns import crystal_columns, property_columns
from foundational.seeds import derive
from foundational.specs.distill import DistillSpec
from foundational.specs.paper import ComparedSpec, PaperSpec
from foundational.stages.distill.stage import select


def compare(
    key: str,
    spec: PaperSpec,
    settings: DistillSpec,
    pools: dict[str, xr.Dataset],
    plan: EvaluationPlan,
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
    plan
        ANI settings of the selection and of full training, relaxed crystals, the root seed

    Returns
    -------
    dict
        ``rows``: for each selection and budget the frames, the atoms and, of each network, its errors.
    """
    method = spec.methods[key]
    budgets = method.budgets
    source = pools[method.pool]
    training = plan.settings
    if not method.full_training:
        short = training.training.model_copy(update={"epochs": spec.epochs, "least_steps": spec.least_steps})
        training = training.model_copy(update={"training": short})
    atoms = int(source["n_atoms"][0])
    counts = [round(b * spec.frame_atoms / atoms) for b in budgets]
    rows: list[dict[str, Any]] = []
    ensembles: list[Ensemble] = []
    chosen: list[NDArray[np.int64]] = []
    for s in range(method.seeds):
        seed = derive(plan.seed, "paper", "selection", s)
        order = np.array(select(_selection(settings, method, counts[-1]), plan.settings, source, seed).chosen)
        for budget, count in zip(budgets, counts, strict=True):
            if progress is not None:
                progress(len(rows), method.seeds * len(budgets), f"{key}, {count} frames")
            picked = to_configurations(source, order[:count])
            model = retrain(picked, training, spec.members, derive(seed, key, budget))
            rows.append(
                {
                    "budget": budget,
                    "frames": len(order[:count]),
                    "atoms": len(order[:count]) * atoms,
                    "seed": s,
                }
            )
            ensembles.append(model)
            chosen.append(order[:count])
    for name in dict.fromkeys([spec.test, settings.pool]):
        truth = (pools[name]["energy"] / pools[name]["n_atoms"]).to_numpy()
        for row, predicted, picks in zip(rows, energies_per_atom(ensembles, pools[name]), chosen, strict=True):
            # What was chosen from the pool itself is no test; Fig. 2a counts it, as the paper does.
            rest = np.setdiff1d(np.arange(len(truth)), picks) if name == method.pool == spec.test else slice(None)
            row[name] = error_table(predicted[:, rest], truth[rest]).model_dump(mode="json")
    thinned = to_configurations(pools[spec.test], slice(0, None, spec.thin))
    for row, model in zip(rows, ensembles, strict=True):
        members = [evaluate(model.member(m), thinned) for m in range(model.members)]
        row["force_mae_meV_per_A"] = [errors.force_mae_meV_per_A for errors in members]
        crystals = compare_crystals(model, plan.reference, plan.tie)
        row.update(crystal_columns(crystals))
        if row["budget"] in spec.properties:
            row.update(property_columns(member_properties(model, crystals, plan.reference)))
    return {
        "method": key,
        "pool": method.pool,
        "test": spec.test,
        "epochs": training.training.epochs,
        "full_training": method.full_training,
        "rows": rows,
    }


def _selection(settings: DistillSpec, method: ComparedSpec, frames: int) -> DistillSpec:
    """The settings of one method; rounds continue until the budget is full, and none is tested."""
    change = {"method": method.method, "pool": method.pool, "chunk": method.chunk, "frames": frames}
    initial = min(settings.initial, frames)
    return settings.model_copy(update={**change, "initial": initial, "heldout": 0, "target": None})
