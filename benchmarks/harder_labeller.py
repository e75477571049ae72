"""Methods of selection, compared on the labels of a model that is harder to learn than an embedded-atom potential.

    foundational distill local/ni-random --from pools/ni-momt-32 --method random --frames 4000
    foundational relabel local/ni-random --labeller sevennet --name local/ni-random-sevennet
    python benchmarks/harder_labeller.py local/ni-random-sevennet --json

The last 500 configurations of the set are the test set. Each method selects from the others, with networks trained on
these labels only. For each method and budget, mean over selections and networks:

mae_meV, p99_meV, max_meV    errors on the 500, meV/atom
fcc, bcc, hcp                mean absolute errors of relaxed crystals, meV/atom
rank_ok                      networks with the same ranking of crystals as the labeller
"""

import argparse
import json
from pathlib import Path

import numpy as np

from foundational.data.batches import take
from foundational.data.store import open_store
from foundational.engines.crystals.references import reference_crystals
from foundational.evaluation.retraining import EvaluationPlan
from foundational.labelling.catalogue import labeller_named
from foundational.project import STORE, find_dataset
from foundational.provenance.record import read_record
from foundational.reproduction.selection_methods import compare
from foundational.specs.paper import ComparedSpec
from foundational.specs.params import read_params

ROOT = Path(__file__).resolve().parents[1]
TEST = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--methods", nargs="+", default=["random", "active", "diverse", "informative"])
    parser.add_argument("--budgets", nargs="+", type=int, default=[68, 300, 675])
    parser.add_argument("--seeds", type=int, default=2)
    chosen = parser.parse_args()
    params = read_params(chosen.root / "params.yaml")
    folder = find_dataset(chosen.root, chosen.dataset)
    dataset, record = open_store(folder / STORE).load(), read_record(folder)
    total = dataset.sizes["configuration"]
    pools = {"pool": take(dataset, np.arange(total - TEST)), "test": take(dataset, np.arange(total - TEST, total))}
    labeller = labeller_named(record.labeller.id, chosen.root, element=record.element)
    reference = reference_crystals(labeller, record.element)
    ani = params.ani.scaled("recipe", float(dataset.attrs["volume_per_atom"]))
    settings = params.distill[params.paper.settings].model_copy(update={"pool": "pool"})
    plan = EvaluationPlan(ani, reference, params.validate_.tie, params.seed)
    found: dict[str, dict[int, dict[str, float]]] = {}
    for name in chosen.methods:
        method = ComparedSpec(
            method=name, pool="pool", budgets=tuple(chosen.budgets), seeds=chosen.seeds, full_training=True
        )
        spec = params.paper.model_copy(update={"test": "test", "properties": (), "thin": 5, "methods": {name: method}})
        rows = compare(name, spec, settings, pools, plan)["rows"]
        found[name] = {budget: summary([r for r in rows if r["budget"] == budget]) for budget in chosen.budgets}
        if not chosen.json:
            for budget, numbers in found[name].items():
                print(f"{name:<12}{budget:>5}", json.dumps(numbers), flush=True)
    if chosen.json:
        print(json.dumps({"labeller": record.labeller.id, "methods": found}))


def summary(rows: list[dict]) -> dict[str, float]:
    errors = {
        key: round(float(np.mean([r["test"][key] for r in rows])), 3) for key in ("mae_meV", "p99_meV", "max_meV")
    }
    errors["mae_deviation_meV"] = round(float(np.std([r["test"]["mae_meV"] for r in rows])), 3)
    errors["force_mae_meV_per_A"] = round(float(np.mean([r["force_mae_meV_per_A"] for r in rows])), 1)
    for name in ("fcc", "bcc", "hcp"):
        known = [e for r in rows for e in r[f"{name}_error_meV"] if e is not None]
        errors[name] = round(float(np.mean(np.abs(known))), 1) if known else float("nan")
    errors["rank_ok"] = sum(ok for r in rows for ok in r["rank_ok"])
    errors["networks"] = sum(len(r["rank_ok"]) for r in rows)
    return errors


if __name__ == "__main__":
    main()
