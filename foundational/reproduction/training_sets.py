"""Training sets side by side: FCC, liquid, MOMT and distilled data, each tested on all (Fig. S2 and the tables)."""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import take, to_configurations
from foundational.engines.ani.batch_energies import energies_per_atom
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.training import train
from foundational.evaluation.crystals import compare_crystals
from foundational.evaluation.errors import error_table
from foundational.evaluation.retraining import EvaluationPlan, untrained_rows
from foundational.progress import Progress
from foundational.project import POOLS
from foundational.reproduction.columns import crystal_columns
from foundational.seeds import derive, generator
from foundational.specs.paper import PaperSpec


def train_on_sets(
    spec: PaperSpec,
    sources: dict[str, xr.Dataset],
    tests: dict[str, xr.Dataset],
    plan: EvaluationPlan,
    *,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train networks on each set of ``spec.sets`` and test each on everything that it was not trained on.

    Parameters
    ----------
    sources
        The dataset from which each set is taken, by the set's name.
    tests
        Pools to test on, by name.
    plan
        ANI settings, whose members are the networks of each set; relaxed crystals; the root seed.

    Returns
    -------
    dict
        ``sets``: of each set its frames, self-energies (eV), errors on each pool, crystals; ``parity``: reference and
        predicted energies per atom (eV) of frames of the largest cells, by the last set but one.
    """
    ani, seed = plan.settings, plan.seed
    models: dict[str, Ensemble] = {}
    shares: dict[str, list[set[bytes]]] = {}
    found: dict[str, dict[str, Any]] = {}
    for done, (name, wanted) in enumerate(spec.sets.items()):
        if progress is not None:
            progress(done, len(spec.sets), f"training on {name}")
        rows = np.arange(wanted.frames)
        if wanted.source.startswith(POOLS):
            total = sources[name].sizes["configuration"]
            rows = np.sort(generator(seed, "paper", name).permutation(total)[: wanted.frames])
        data = take(sources[name], rows).load()
        own = [_share(len(rows), spec.training_fraction, derive(seed, "paper", name, m)) for m in range(ani.members)]
        models[name] = train(ani, to_configurations(data), own, derive(seed, "paper", name))
        ids = [row.tobytes() for row in data["id"].to_numpy()]
        shares[name] = [{ids[i] for i in indices} for indices in own]
        found[name] = {
            "frames": len(rows),
            "trained_on": len(own[0]),
            "self_energy_eV": models[name].self_energies[:, 0].tolist(),
            "errors": {},
        }
    parity: dict[str, list[float]] = {}
    for pool_name, pool in tests.items():
        truth = (pool["energy"] / pool["n_atoms"]).to_numpy()
        for name, energies in zip(models, energies_per_atom(list(models.values()), pool), strict=True):
            unseen = [untrained_rows(pool, share) for share in shares[name]]
            errors = [error_table(e[None, u], truth[u]).model_dump() for e, u in zip(energies, unseen, strict=True)]
            found[name]["errors"][pool_name] = {key: [e[key][0] for e in errors] for key in errors[0]}
            if pool_name == spec.test and name == "distilled":
                thin = slice(None, None, max(1, len(truth) // spec.shown))
                parity = {"reference_eV": truth[thin].tolist(), "predicted_eV": energies[0, thin].tolist()}
    for name, model in models.items():
        found[name] |= crystal_columns(compare_crystals(model, plan.reference, plan.tie))
    return {"test": spec.test, "sets": found, "parity": parity}


def _share(size: int, fraction: float, seed: int) -> NDArray[np.int64]:
    return np.sort(generator(seed, "share").permutation(size)[: max(1, round(fraction * size))])
