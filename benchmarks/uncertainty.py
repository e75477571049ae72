"""How well a model's own estimate finds configurations with large errors: python benchmarks/uncertainty.py MODEL.

Test data are a pool, a holdout, and cells that no pool has: compressed and stretched crystals and frames, vacancies,
surfaces, frames with one short pair, and dimers. All are labelled by the potential. A configuration is positive where
the error of its energy is above 5 meV/atom; the number is the area under the curve of the estimate (1 is perfect, 0.5
is chance). ``--json`` gives it for each group.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from ase.build import bcc100, bcc110, bcc111, fcc100, fcc110, fcc111
from ase.data import atomic_numbers, chemical_symbols

from foundational.data.batches import take, to_configurations
from foundational.data.configurations import Configurations
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.extrapolation import energy_uncertainty, posterior_variance
from foundational.engines.ani.model_file import load_model
from foundational.engines.crystals.references import reference_crystals
from foundational.engines.geometry.distances import shortest_distances
from foundational.engines.lammps.labeller import OVERLAP, LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.science.calibration import area_under_curve
from foundational.science.crystals import STRUCTURES, build_crystal
from foundational.workspace.sources import open_source

ROOT = Path(__file__).resolve().parents[1]
POOLS = {"Ni": "ni-momt-108", "Al": "al-momt-108", "Nb": "nb-momt-54"}
GROUND = {"Ni": "fcc", "Al": "fcc", "Nb": "bcc"}
SURFACES = {"fcc": (fcc100, fcc110, fcc111), "bcc": (bcc100, bcc110, bcc111)}
#: meV/atom, above which an error is to be found.
LARGE = 5.0


class Cells:
    """Configurations of one element, collected."""

    def __init__(self, number: int) -> None:
        self._number, self._cells, self._positions = number, [], []

    def add(self, cell: np.ndarray, positions: np.ndarray) -> None:
        self._cells.append(cell)
        self._positions.append(positions)

    def all(self) -> Configurations:
        """Those that the potential can label."""
        numbers = [np.full(len(x), self._number) for x in self._positions]
        batch = Configurations.build(self._cells, self._positions, numbers)
        return batch.take(np.flatnonzero(shortest_distances(batch) > OVERLAP))


def with_short_pair(frame: Configurations, atom: int, distance: float) -> np.ndarray:
    """Positions of ``frame`` with the nearest neighbour of ``atom`` moved to ``distance`` Å."""
    x, cell = frame.positions.astype(np.float64), frame.cell[0]
    scaled = (x - x[atom]) @ np.linalg.inv(cell)
    vectors = (scaled - np.rint(scaled)) @ cell
    length = np.linalg.norm(vectors, axis=1)
    length[atom] = np.inf
    nearest = int(np.argmin(length))
    x[nearest] = x[atom] + vectors[nearest] / length[nearest] * distance
    return x


def groups(element: str, labeller: LammpsLabeller) -> dict[str, Configurations]:
    """Test configurations by group, without labels."""
    rng, ground = np.random.default_rng(7), GROUND[element]
    pool = open_source(ROOT, f"pools/{POOLS[element]}").dataset
    frames = to_configurations(take(pool, np.arange(0, pool.sizes["configuration"], 50)))
    holdout = to_configurations(open_source(ROOT, f"{element.lower()}-holdout").dataset)
    volume = reference_crystals(labeller, element).isotropic[ground].volume_per_atom
    names = ("compressed crystals", "compressed frames", "vacancies", "surfaces", "short pairs", "dimers")
    made = {name: Cells(atomic_numbers[element]) for name in names}
    for structure in STRUCTURES:
        for part in np.linspace(0.6, 1.25, 27):
            crystal = build_crystal(structure, volume * part, (2, 2, 2))
            shift = rng.normal(0, rng.choice([0, 0.05, 0.1]), (len(crystal), 3))
            made["compressed crystals"].add(crystal.cell, crystal.positions + shift)
    for k in range(0, len(frames), 8):
        frame = frames.take([k])
        factor = (rng.uniform(0.6, 1.25) * volume * frame.n_atoms[0] / frame.volume[0]) ** (1 / 3)
        made["compressed frames"].add(frame.cell[0] * factor, frame.positions * factor)
    for k in range(30):
        crystal = build_crystal(ground, volume, (3, 3, 3))
        kept = np.delete(np.arange(len(crystal)), rng.choice(len(crystal), 1 + k % 3, replace=False))
        made["vacancies"].add(crystal.cell, crystal.positions[kept] + rng.normal(0, 0.02 * (k % 4), (len(kept), 3)))
    edge = ({"fcc": 4, "bcc": 2}[ground] * volume) ** (1 / 3)
    for surface in SURFACES[ground]:
        slab = surface(element, size=(1, 1, 12), a=edge, vacuum=8.0)
        for k in range(8):
            made["surfaces"].add(slab.cell.array, slab.positions + rng.normal(0, 0.02 * (k % 4), slab.positions.shape))
    for k in range(0, len(frames), 5):
        frame = frames.take([k])
        atom, distance = int(rng.integers(frame.n_atoms[0])), rng.uniform(1.05, 2.1)
        made["short pairs"].add(frame.cell[0], with_short_pair(frame, atom, distance))
    for distance in np.linspace(1.01, 5.5, 40):
        made["dimers"].add(20 * np.eye(3), np.array([[10.0, 10, 10], [10 + distance, 10, 10]]))
    return {"pool": frames, "holdout": holdout} | {name: cells.all() for name, cells in made.items()}


def measure(ensemble: Ensemble) -> dict[str, object]:
    """The table by group, and the areas over all groups and over those that are no pools."""
    (number,) = ensemble.elements
    labeller = LammpsLabeller(potential_for(chemical_symbols[number], ROOT))
    table, found = {}, {}
    for name, labelled in groups(chemical_symbols[number], labeller).items():
        cells = labelled.with_labels(None)
        predicted = ensemble.predict(cells, forces=False).energy
        error = np.abs(predicted.mean(axis=0) - labeller.label(cells).energy) / cells.n_atoms * 1e3
        estimated, outside = energy_uncertainty(ensemble, cells)
        estimated = estimated / cells.n_atoms * 1e3
        spread = predicted.std(axis=0, ddof=1) / cells.n_atoms * 1e3
        q = np.sqrt(np.maximum.reduceat(posterior_variance(ensemble, cells), cells.offsets[:-1]))
        large = error > LARGE
        found[name] = {"large": large, "estimate": estimated, "deviation": spread, "extrapolation": q}
        table[name] = {
            "configurations": len(cells),
            "large": int(large.sum()),
            "auc": area_under_curve(estimated, large),
            "median_error_meV_per_atom": float(np.median(error)),
            "median_estimate_meV_per_atom": float(np.median(estimated)),
            "rms_of_error_over_estimate": _ratio(error, estimated),
            "outside_of_training_data": int(outside.sum()),
        }
    areas = {}
    for title, chosen in (("all", list(found)), ("without_pools", list(found)[2:])):
        large = np.concatenate([found[name]["large"] for name in chosen])
        areas[title] = {
            score: area_under_curve(np.concatenate([found[name][score] for name in chosen]), large)
            for score in ("estimate", "deviation", "extrapolation")
        }
    return {"element": chemical_symbols[number], "auc": areas, "groups": table}


def _ratio(error: np.ndarray, estimated: np.ndarray) -> float | None:
    """Root mean square of error over estimate; None where no network counts, as of dimers."""
    some = estimated > 0
    return float(np.sqrt(np.mean((error[some] / estimated[some]) ** 2))) if some.any() else None


def main() -> None:
    """Print the table of one model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="as foundational train writes it")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    result = measure(load_model(arguments.model))
    if arguments.json:
        print(json.dumps(result, indent=2))
        return
    print(f"{'':<22}{'cells':>7}{'large':>7}{'AUC':>8}{'error':>9}{'estimate':>10}{'e/u':>7}{'outside':>9}")
    for name, row in result["groups"].items():
        n, large, auc, error, estimate, ratio, outside = row.values()
        area = "–" if auc is None else f"{auc:.3f}"
        shown = "–" if ratio is None else f"{ratio:.2f}"
        print(f"{name:<22}{n:>7}{large:>7}{area:>8}{error:>9.3f}{estimate:>10.3f}{shown:>7}{outside:>9}")
    for title, scores in result["auc"].items():
        print(f"AUC {title}: " + ", ".join(f"{score} {value:.4f}" for score, value in scores.items()))


if __name__ == "__main__":
    main()
