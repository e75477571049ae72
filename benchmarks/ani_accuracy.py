"""Accuracy of the ANI recipe of params.yaml on random frames of a pool, tested on a pool of larger cells.

    python benchmarks/ani_accuracy.py --json [--figure docs/figures]

The benchmark needs the pools ni-momt-32 (training) and ni-momt-108 (test: all frames; forces of one in forty). Each
number of frames has three networks, each with its own frames and initial weights; mean and deviation over them.

mae_meV_per_atom_N, _spread     mean absolute error of the energy
force_mae_meV_per_A_N           mean absolute error of the force components
FCC_, BCC_, HCP_error_meV_N     errors of the energy per atom of relaxed crystals (isotropic), _spread over networks
seconds_N                       training time of one network
uncertainty_*                   five networks on 300 frames: correlation of the deviation between them and their error

``--figure`` writes the learning curve and the calibration as SVG into a folder.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import iterate_batches, to_configurations
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.training import train
from foundational.engines.crystals.references import ReferenceCrystals, reference_crystals
from foundational.engines.crystals.relaxation import relax_isotropic
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.evaluation.errors import calibrate, evaluate
from foundational.science.error_metrics import energy_errors
from foundational.seeds import generator
from foundational.specs.ani import AniSpec
from foundational.specs.params import read_params
from foundational.units import MEV
from foundational.workspace.pools import open_pool

ROOT = Path(__file__).resolve().parents[1]
FRAMES = (68, 100, 300, 675, 1000, 3400)
SEEDS = 3
#: One in this number of test frames is used for forces and calibration.
THIN = 40


def trained(spec: AniSpec, pool: xr.Dataset, frames: int, seed: int, members: int = 1) -> Ensemble:
    """Networks on ``frames`` random frames of the pool."""
    rows = generator(seed, "benchmark", frames).permutation(pool.sizes["configuration"])[:frames]
    configurations = to_configurations(pool, np.sort(rows))
    spec = spec.model_copy(update={"members": members})
    return train(spec, configurations, [np.arange(frames)] * members, seed)


def energies(model: Ensemble, pool: xr.Dataset) -> NDArray[np.float64]:
    return np.concatenate([model.predict(batch, forces=False).energy[0] for _, batch in iterate_batches(pool)])


def crystal_errors(model: Ensemble, reference: ReferenceCrystals) -> dict[str, float]:
    """meV per atom."""
    return {
        name.upper(): (relax_isotropic(model, crystal.crystal, "Ni").energy_per_atom - crystal.energy_per_atom) * MEV
        for name, crystal in reference.isotropic.items()
    }


def learning_curve(spec: AniSpec, pool: xr.Dataset, test: xr.Dataset, reference: ReferenceCrystals) -> dict[str, float]:
    figures: dict[str, float] = {}
    thinned = to_configurations(test, slice(0, None, THIN))
    truth, n_atoms = test["energy"].to_numpy(), test["n_atoms"].to_numpy()
    for frames in FRAMES:
        found: dict[str, list[float]] = {}
        for seed in range(SEEDS):
            began = time.perf_counter()
            model = trained(spec, pool, frames, seed)
            row = {"seconds": time.perf_counter() - began, **energy_errors(energies(model, test), truth, n_atoms)}
            row["force_mae_meV_per_A"] = evaluate(model, thinned).force_mae_meV_per_A
            row |= {f"{name}_error_meV": error for name, error in crystal_errors(model, reference).items()}
            for name, value in row.items():
                found.setdefault(name, []).append(value)
        print(frames, {name: round(float(np.mean(values)), 3) for name, values in found.items()}, file=sys.stderr)
        for name, values in found.items():
            figures[f"{name}_{frames}"] = float(np.mean(values))
            figures[f"{name}_{frames}_spread"] = float(np.std(values))
    return figures


def draw(figures: dict[str, float], model: Ensemble, test: xr.Dataset, folder: Path) -> None:
    """The learning curve, and error against uncertainty, as SVG without a date."""
    import matplotlib as mpl  # noqa: PLC0415 - only here

    mpl.use("agg")
    mpl.rcParams["svg.hashsalt"] = "foundational"
    import matplotlib.pyplot as plt  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for axes, key, unit in (
        (left, "mae_meV_per_atom", "energy error, meV/atom"),
        (right, "force_mae_meV_per_A", "force error, meV/Å"),
    ):
        mean = [figures[f"{key}_{n}"] for n in FRAMES]
        axes.errorbar(FRAMES, mean, [figures[f"{key}_{n}_spread"] for n in FRAMES], marker="o", capsize=3)
        axes.set(xscale="log", yscale="log", xlabel="training frames of 32 atoms", ylabel=unit)
        axes.grid(which="both", alpha=0.3)
    figure.suptitle("Random frames of ni-momt-32, tested on ni-momt-108; three networks")
    figure.savefig(folder / "ani_learning_curve.svg", metadata={"Date": None})
    found = model.predict(to_configurations(test, slice(0, None, THIN)))
    truth = test["energy"].to_numpy()[::THIN]
    n_atoms = test["n_atoms"].to_numpy()[::THIN]
    figure, axes = plt.subplots(figsize=(4.6, 3.8), layout="constrained")
    deviation = found.energy.std(axis=0, ddof=1) / n_atoms * MEV
    error = np.abs(found.energy.mean(axis=0) - truth) / n_atoms * MEV
    axes.plot(deviation, error, ".", markersize=3)
    axes.plot([deviation.min(), deviation.max()], [deviation.min(), deviation.max()], "k--", linewidth=1)
    axes.set(xscale="log", yscale="log", xlabel="deviation between members, meV/atom", ylabel="error, meV/atom")
    axes.set_title("Five networks on 300 frames, tested on ni-momt-108")
    figure.savefig(folder / "ani_calibration.svg", metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--figure", type=Path, metavar="FOLDER", help="write the figures there")
    chosen = parser.parse_args()
    spec = read_params(ROOT / "params.yaml").ani.recipe
    pool, _ = open_pool(ROOT, "ni-momt-32")
    test, _ = open_pool(ROOT, "ni-momt-108")
    reference = reference_crystals(LammpsLabeller(potential_for("Ni", ROOT)), "Ni")
    figures = learning_curve(spec, pool, test, reference)
    five = trained(spec, pool, 300, 0, members=5)
    for kind, values in calibrate(five, to_configurations(test, slice(0, None, THIN))).items():
        figures |= {f"uncertainty_{kind}_{name}": value for name, value in values.items() if value is not None}
    if chosen.figure:
        draw(figures, five, test, chosen.figure)
    if chosen.json:
        json.dump(figures, sys.stdout)
        print()
    else:
        for name, value in figures.items():
            print(f"{name:<44}{value:.6g}")


if __name__ == "__main__":
    main()
