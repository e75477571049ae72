"""Error of a set of several elements against its labels, for each choice of decorations and each rule of the volume.

    python benchmarks/alloys.py --json > alloys.json
    python benchmarks/alloys.py --labels 300 800 --methods informative random --rules virial

Each set is made in memory from `ni` as `foundational translate` makes it, and trained and compared as `foundational
validate` does. Progress is one line a set on stderr. Then, for each rule, method and number of labels:

formation_error_meV      largest error of a formation energy of the gated compounds by any network, meV/atom
hull_ok_networks         networks with all vertices of the reference's convex hull
order_ok_networks        networks that rank the compounds of each composition correctly
pure_error_meV           largest error of a pure crystal by any network, meV/atom
solid_mae_meV            mean over compositions of the MAE on frames of the alloy's own NPT runs, meV/atom
liquid_mae_meV           the same for the liquid
motif_divergence         of the first-shell motifs of all candidates from those that were chosen, nats
make_seconds, train_seconds     processor time
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from foundational.data.batches import to_configurations
from foundational.data.store import open_store
from foundational.engines.crystals.references import reference_crystals
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.evaluation.alloys.comparison import compare_alloy
from foundational.evaluation.alloys.frames import LabelledRun
from foundational.evaluation.alloys.reference import alloy_reference
from foundational.evaluation.alloys.report import AlloyReport
from foundational.evaluation.retraining import retrain
from foundational.labelling.records import labeller_of
from foundational.labelling.session import LabellingSession
from foundational.project import STORE, find_dataset
from foundational.provenance.record import read_record
from foundational.seeds import derive
from foundational.specs.params import read_params
from foundational.stages.decorate.command import AlloyChoice, alloy_plan
from foundational.stages.decorate.stage import decorate, joined
from foundational.stages.decorate.volumes import AlloyReferences

ROOT = Path(__file__).resolve().parents[1]


def runs(root: Path, name: str) -> list[LabelledRun]:
    """The runs of a holdout, by phase."""
    folder = find_dataset(root, name)
    data, details = open_store(folder / STORE).load(), read_record(folder).details
    batch, walker = to_configurations(data), data["walker"].to_numpy()
    return [
        LabelledRun(run["phase"], batch.take(np.flatnonzero(walker == k)), run["temperature_K"])
        for k, run in enumerate(details["runs"])
    ]


def figures(report: AlloyReport) -> dict[str, Any]:
    errors = [abs(e) for c in report.compounds if c.gated for e in c.formation_error_meV if e is not None]
    pure = [
        abs(e)
        for crystals in report.crystals.values()
        for found in crystals.values()
        for e in found.energy_meV_per_atom
        if e is not None
    ]
    phases = {"solid": ("ordered", "random"), "liquid": ("liquid",)}
    frames = {
        f"{phase}_mae_meV": mean(f.mae_meV_per_atom for f in report.frames if f.phase in names)
        for phase, names in phases.items()
        if any(f.phase in names for f in report.frames)
    }
    return {
        "formation_error_meV": max(errors),
        "hull_ok_networks": sum(not (a or b) for a, b in zip(report.missing, report.additional, strict=True)),
        "order_ok_networks": sum(report.order_ok),
        "pure_error_meV": max(pure),
        **frames,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--elements", nargs="+", default=["Al", "Ni"], help="in the order of their numbers")
    parser.add_argument("--potential", default=None)
    parser.add_argument("--labels", nargs="+", type=int, default=[100, 300, 800, 1500, 3000])
    parser.add_argument("--methods", nargs="+", default=["informative", "motifs", "random"])
    parser.add_argument("--rules", nargs="+", default=["virial"])
    parser.add_argument("--decorations", type=int, default=3)
    parser.add_argument(
        "--settings", type=json.loads, default={}, help="JSON: other settings than those of params.yaml"
    )
    parser.add_argument("--networks", type=int, default=5)
    parser.add_argument("--holdout", default="ni-al-holdout", help="test frames; none: no frames")
    chosen = parser.parse_args()
    params, symbols = read_params(chosen.root / "params.yaml"), tuple(chosen.elements)
    assert params.compounds is not None
    labeller = LammpsLabeller(potential_for(joined(symbols), chosen.root, chosen.potential))
    folder = find_dataset(chosen.root, "ni")
    parent, record = open_store(folder / STORE).load(), read_record(folder)
    own = reference_crystals(labeller_of(record.labeller, chosen.root), record.element)
    references = AlloyReferences(own, tuple(reference_crystals(labeller, symbol) for symbol in symbols))
    reference = alloy_reference(labeller, symbols)
    frames = [] if chosen.holdout == "none" else runs(chosen.root, chosen.holdout)
    found: dict[str, dict[str, dict[int, Any]]] = {}
    for rule in chosen.rules:
        for method in chosen.methods:
            for labels in chosen.labels:
                began = time.process_time()
                choice = AlloyChoice(rule=rule, decorations=chosen.decorations, labels=labels, choice=method)
                plan = alloy_plan(params, symbols, choice)
                plan = replace(plan, settings=plan.settings.model_copy(update=chosen.settings))
                made = decorate(plan, parent, references, LabellingSession(labeller), params.ani)
                middle = time.process_time()
                settings = params.ani.scaled("recipe", float(made.dataset.attrs["volume_per_atom"]))
                seed = derive(params.seed, "validate", "-".join(symbols))
                ensemble = retrain(made.dataset, settings, chosen.networks, seed)
                spent = {"make_seconds": middle - began, "train_seconds": time.process_time() - middle}
                report = compare_alloy(ensemble, reference, frames, params.compounds, params.validate_.tie)
                figure = figures(report) | {"motif_divergence": made.details.choice["motif_divergence"]} | spent
                found.setdefault(rule, {}).setdefault(method, {})[labels] = figure
                shown = " ".join(f"{k}={v:.3g}" for k, v in figure.items())
                print(f"{rule} {method} {labels}: {shown}", file=sys.stderr, flush=True)
    if chosen.json:
        print(json.dumps({"networks": chosen.networks, "found": found}, indent=2))


if __name__ == "__main__":
    main()
