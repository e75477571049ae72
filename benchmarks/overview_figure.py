"""The README's picture: the nickel pool and what was kept of it, the same labels predicted, and three metals' crystals.

    python benchmarks/overview_figure.py

Needs the pool ni-momt-32, the datasets ni and ni-holdout, and metrics/validate of ni, al and nb. Left: enthalpy and
order parameter of all 20,000 frames, and of those in ``ni``. Middle: energies of the holdout by an ensemble trained on
``ni``. Right: energies of the relaxed crystals above the ground state, reference and mean over the seeds.
"""

import json
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from foundational.data.batches import to_configurations
from foundational.data.store import open_store
from foundational.specs.params import read_params
from foundational.stages.train.stage import train_ensemble
from foundational.units import MEV
from foundational.workspace.pools import open_pool

ROOT = Path(__file__).resolve().parents[1]
METALS = ("ni", "al", "nb")


def main() -> None:
    mpl.rcParams.update({"font.size": 8, "svg.hashsalt": "foundational", "axes.spines.top": False})
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(9.6, 3.0), layout="constrained")
    pool, kept = open_pool(ROOT, "ni-momt-32")[0], open_store(ROOT / "datasets" / "ni" / "data.zarr")
    for data, size, colour, label in (
        (pool, 0.6, "0.75", f"sampled: {pool.sizes['configuration']:,}"),
        (kept, 1.6, "tab:red", f"kept: {kept.sizes['configuration']:,}"),
    ):
        left.plot(
            data["order_parameter"],
            data["enthalpy"] / data["n_atoms"],
            "o",
            ms=size,
            mew=0,
            color=colour,
            label=label,
            rasterized=True,
        )
    left.set(xlabel="order parameter (0 liquid, 1 crystal)", ylabel="enthalpy, eV/atom", title="Nickel, sampled once")
    left.legend(markerscale=4, frameon=False, loc="upper right")

    configurations = to_configurations(kept)
    test = to_configurations(open_store(ROOT / "datasets" / "ni-holdout" / "data.zarr"))
    params = read_params(ROOT / "params.yaml")
    spec = params.ani.scaled("recipe", float(kept.attrs["volume_per_atom"]))
    model = train_ensemble(spec, configurations, [np.arange(len(configurations))] * spec.members, params.seed)
    assert test.labels is not None
    truth = test.labels.energy / test.n_atoms
    found = model.predict(test, forces=False).energy.mean(axis=0) / test.n_atoms
    error = float(np.abs(found - truth).mean()) * MEV
    middle.plot(truth, found, "o", ms=1.5, mew=0, color="tab:red", rasterized=True)
    ends = [truth.min(), truth.max()]
    middle.plot(ends, ends, "-", lw=0.5, color="0.3")
    middle.set(
        xlabel="energy of the reference, eV/atom",
        ylabel="of networks trained on the set, eV/atom",
        title=f"Unseen 108-atom cells: MAE {error:.2f} meV/atom",
    )

    ticks, names = [], []
    for i, metal in enumerate(METALS):
        report = json.loads((ROOT / "metrics" / "validate" / f"{metal}.json").read_text(encoding="utf-8"))
        crystals = report["seeds"][0]["structures"]
        lowest = min(c["reference_energy_per_atom"] for c in crystals.values())
        for j, (structure, crystal) in enumerate(crystals.items()):
            x = 4 * i + j
            energies = [seed["structures"][structure]["energy_per_atom"] for seed in report["seeds"]]
            right.bar(x, (crystal["reference_energy_per_atom"] - lowest) * MEV, 0.8, color="0.85")
            right.plot(x, (np.mean(energies) - lowest) * MEV, "_", ms=11, mew=2, color="tab:red")
            ticks.append(x)
            names.append(structure.upper())
        right.text(
            4 * i + 1, -0.2, report["element"], transform=right.get_xaxis_transform(), ha="center", weight="bold"
        )
    right.set_xticks(ticks, names, fontsize=6)
    right.set(ylabel="above the ground state, meV/atom", title="Crystals: reference (grey), learnt (red)")
    figure.savefig(ROOT / "docs" / "figures" / "overview.svg", dpi=200, metadata={"Date": None})


if __name__ == "__main__":
    main()
