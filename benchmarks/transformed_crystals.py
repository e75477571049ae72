"""The number of nickel frames that suffice with and without transformed copies (BCC and HCP) of their crystals.

    python benchmarks/transformed_crystals.py --json

Random and informative selections from ni-momt-32, with and without copies, two selections of five networks each. For
each method and number of selected frames, over networks:

configurations               selected frames and copies, for each selection
mae_meV, p99_meV, max_meV    mean, on every tenth frame of ni-momt-108, meV/atom
worst_fcc, worst_bcc, worst_hcp    largest error of a relaxed crystal, meV/atom
good                         networks with an MAE of at most 1 meV/atom and each crystal error at most 5
"""

import argparse
import json
from pathlib import Path

import numpy as np

from foundational.data.batches import take, to_configurations
from foundational.engines.ani.batch_energies import energies_per_atom
from foundational.engines.crystals.references import reference_crystals
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.evaluation.crystals import compare_crystals
from foundational.evaluation.errors import error_table
from foundational.evaluation.retraining import retrain
from foundational.labelling.session import LabellingSession
from foundational.reproduction.columns import crystal_columns
from foundational.seeds import derive
from foundational.specs.params import read_params
from foundational.stages.distill.stage import select
from foundational.stages.relabel.stage import RelabelPlan, relabel
from foundational.workspace.pools import open_pool

ROOT = Path(__file__).resolve().parents[1]
THIN = 10
SEEDS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--frames", nargs="+", type=int, default=[30, 40, 68, 150, 300])
    chosen = parser.parse_args()
    params = read_params(chosen.root / "params.yaml")
    pool = open_pool(chosen.root, "ni-momt-32")[0].load()
    test = open_pool(chosen.root, "ni-momt-108")[0]
    test = take(test, np.arange(0, test.sizes["configuration"], THIN)).load()
    truth = (test["energy"] / test["n_atoms"]).to_numpy()
    potential = potential_for("Ni", chosen.root)
    labeller = LammpsLabeller(potential)
    reference = reference_crystals(labeller, "Ni")
    ani = params.ani.scaled("recipe", float(pool.attrs["volume_per_atom"]))
    found: dict[str, dict[int, dict[str, float]]] = {}
    for method in ("random", "informative"):
        change = {"method": method, "frames": max(chosen.frames), "heldout": 0, "target": None}
        settings = params.distill[params.paper.settings].model_copy(update=change)
        orders = [
            np.array(select(settings, ani, pool, derive(params.seed, "paper", "selection", s)).chosen)
            for s in range(SEEDS)
        ]
        for crystals in ((), ("bcc", "hcp")):
            way = f"{method}{', transformed copies' if crystals else ''}"
            found[way] = {}
            for count in chosen.frames:
                rows = []
                for s, order in enumerate(orders):
                    # The name of a seed is part of the recorded numbers; it keeps its first spelling.
                    seed = derive(params.seed, "turned", f"{method}{', crystals turned' if crystals else ''}", count, s)
                    picked = take(pool, order[:count]).load()
                    plan = RelabelPlan(
                        params.translate.guard.maximum_energy, crystals, params.translate.crystal_majority
                    )
                    made = relabel(plan, picked, LabellingSession(labeller)).dataset
                    data = to_configurations(made)
                    ensemble = retrain(data, ani, ani.members, seed)
                    (predicted,) = energies_per_atom([ensemble], test)
                    errors = error_table(predicted, truth).model_dump()
                    errors |= crystal_columns(compare_crystals(ensemble, reference, params.validate_.tie))
                    rows.append(errors | {"configurations": len(data)})
                found[way][count] = summary(rows)
                if not chosen.json:
                    print(f"{way:<30}{count:>5}", json.dumps(found[way][count]), flush=True)
    if chosen.json:
        print(json.dumps(found))


def summary(rows: list[dict]) -> dict[str, float]:
    def of(key: str) -> np.ndarray:
        return np.concatenate([np.array(row[key], dtype=float) for row in rows])

    sizes = {name: np.abs(of(f"{name}_error_meV")) for name in ("fcc", "bcc", "hcp")}
    good = np.all([size <= 5 for size in sizes.values()], axis=0) & (of("mae_meV") <= 1)
    return {
        "configurations": [row["configurations"] for row in rows],
        **{key: round(float(of(key).mean()), 3) for key in ("mae_meV", "p99_meV", "max_meV")},
        **{f"worst_{name}": round(float(size.max()), 1) for name, size in sizes.items()},
        "good": int(good.sum()),
        "rank_ok": int(of("rank_ok").sum()),
        "networks": len(good),
    }


if __name__ == "__main__":
    main()
