"""Selections of frames, evaluated by models that are not neural networks: SNAP by LAMMPS, a Gaussian process on SOAP.

    pip install dscribe
    python benchmarks/other_models.py --json --cache FOLDER

Each method selects from every ``--thin``-th frame of ``ni-momt-32``, and each model is fitted to the energies of what
it selected. Tested on every 20th frame of ``ni-momt-108`` and every fourth of the two pools of plain NPT, none of which
is ever selected. All models are linear in their features; leave-one-out cross validation chooses the ridge:

linear, quadratic SNAP    LAMMPS' own bispectrum (``compute sna/atom``), 2J = 6, 4 Å: 30 and 495 numbers
SOAP                      (p·p')⁴ with 1,000 environments of the pool, mean over atoms: dscribe, 5 Å, n = 7, l = 6

``informative`` is the stored set ``ni``, one selection. ``models`` is the design of ``random-and-optimal`` in features
of these models themselves. For each method, budget and model, mean over draws: mae_meV and p99_meV on ``ni-momt-108``,
their ratios to those of random frames, and the MAE on the solid and the liquid. ``all`` fits every candidate.
"""

import argparse
import ctypes
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundational.data.batches import to_configurations
from foundational.data.configurations import Configurations
from foundational.engines.ani.descriptors import configuration_features, kernel_features
from foundational.engines.lammps.library import lammps_instance, run_commands
from foundational.science.picking import pick_farthest, pick_from_grid, pick_informative
from foundational.specs.params import read_params
from foundational.workspace.sources import open_source

ROOT = Path(__file__).resolve().parents[1]
TESTS = {
    "test": ("pools/ni-momt-108", 20),
    "solid": ("pools/ni-npt-solid-32", 4),
    "liquid": ("pools/ni-npt-liquid-32", 4),
}
BISPECTRUM, SPARSE, SOAP_SCALE = 30, 1000, 300.0
Vectors = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--cache", type=Path, required=True, help="folder in which descriptors are kept")
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--thin", type=int, default=2)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--budgets", nargs="+", type=int, default=[68, 300, 1200])
    chosen = parser.parse_args()
    sets = {"pool": ("pools/ni-momt-32", chosen.thin), "ni": ("ni", 1), **TESTS}
    frames, order = {}, np.empty(0)
    for name, (source, thin) in sets.items():
        data = open_source(chosen.root, source).dataset
        rows = np.arange(0, data.sizes["configuration"], thin)
        frames[name] = to_configurations(data, rows)
        if name == "pool":
            order = data["order_parameter"].to_numpy()[rows]
    energies = {n: c.labels.energy / c.n_atoms for n, c in frames.items() if c.labels is not None}
    models = features(frames, chosen.cache / f"other_models-{chosen.thin}.npz")
    aev = read_params(chosen.root / "params.yaml").ani.recipe.aev
    spaces: dict[str, Vectors] = {
        "kernel": kernel_features(frames["pool"], aev),
        "mean": configuration_features(frames["pool"], aev).astype(np.float64),
        "models": np.hstack(
            [np.ones((len(order), 1)), *(components(models[m]["pool"]) for m in ("SOAP", "quadratic"))]
        ),
        "grid": np.column_stack([energies["pool"], order]),
    }
    everything = np.arange(len(order))
    found: dict[str, Any] = {"all": {"": errors(models, energies, "pool", everything)}}
    for budget in chosen.budgets:
        runs: dict[str, list[dict[str, Any]]] = {}
        for draw in range(chosen.draws):
            for method, picks in selections(spaces, budget, np.random.default_rng(draw)).items():
                runs.setdefault(method, []).append(errors(models, energies, "pool", picks))
        runs["informative"] = [errors(models, energies, "ni", np.arange(budget))]
        means = {method: mean(each) for method, each in runs.items()}
        for method, value in means.items():
            for model, numbers in value.items():
                base = means["random"][model]
                numbers |= {
                    f"{key}_ratio": round(numbers[f"{key}_meV"] / base[f"{key}_meV"], 2) for key in ("mae", "p99")
                }
            found.setdefault(method, {})[str(budget)] = value
    if chosen.json:
        print(json.dumps(found))
        return
    for method, budgets in found.items():
        for budget_name, value in budgets.items():
            print(f"{method:20s} {budget_name:>5s}  " + "  ".join(f"{m} {list(v.values())}" for m, v in value.items()))


def selections(spaces: dict[str, Vectors], budget: int, random: np.random.Generator) -> dict[str, NDArray[np.int64]]:
    """What each method selects, from candidates in one random order."""
    order = random.permutation(len(spaces["grid"]))
    none = order[:0]

    def optimal(space: Vectors) -> NDArray[np.int64]:
        return order[pick_informative(space[order], space[none], budget, 1e-4, alternate=True)]

    return {
        "random": order[:budget],
        "random-and-optimal": optimal(spaces["kernel"]),
        "models": optimal(spaces["models"]),
        "farthest-point": order[pick_farthest(spaces["mean"][order], spaces["mean"][none], budget)],
        "grid": pick_from_grid(spaces["grid"], order, none, budget, 20, random),
    }


def errors(
    models: dict[str, Any], energies: dict[str, Vectors], source: str, picks: NDArray[np.int64]
) -> dict[str, Any]:
    """Errors of each model that is fitted to ``picks``, meV/atom."""
    found = {}
    for name, model in models.items():
        weights, constant = fit(model[source][picks], energies[source][picks])
        wrong = {test: 1e3 * np.abs(model[test] @ weights + constant - energies[test]) for test in TESTS}
        found[name] = {"mae_meV": wrong["test"].mean(), "p99_meV": np.percentile(wrong["test"], 99)}
        found[name] |= {f"{test}_mae_meV": wrong[test].mean() for test in ("solid", "liquid")}
    return mean([found])


def mean(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The mean of each number over ``runs``."""
    first = runs[0]
    return {m: {k: round(float(np.mean([r[m][k] for r in runs])), 3) for k in first[m]} for m in first}


def fit(x: Vectors, y: Vectors) -> tuple[Vectors, float]:
    """Weights and constant of ridge regression; the ridge has the least leave-one-out error."""
    middle, constant = x.mean(axis=0), float(y.mean())
    u, s, v = np.linalg.svd(x - middle, full_matrices=False)
    along, best, weights = u.T @ (y - constant), np.inf, np.zeros(x.shape[1])
    for ridge in s[0] ** 2 * 10.0 ** np.arange(-12, 2):
        kept = s**2 / (s**2 + ridge)
        left_out = (y - constant - u @ (kept * along)) / np.maximum(1 - u**2 @ kept, 1e-9)
        if np.mean(left_out**2) < best:
            best, weights = float(np.mean(left_out**2)), v.T @ (s / (s**2 + ridge) * along)
    return weights, constant - float(middle @ weights)


def components(x: Vectors, count: int = 100) -> Vectors:
    """Principal components, the largest with a variance of one."""
    x = x - x.mean(axis=0)
    variances, vectors = np.linalg.eigh(x.T @ x / len(x))
    return np.asarray(x @ vectors[:, ::-1][:, :count] / np.sqrt(variances[-1]))


def features(frames: dict[str, Configurations], cache: Path) -> dict[str, dict[str, Vectors]]:
    """Features of each set for each model, standardised by the pool, from ``cache`` where they are in it."""
    if not cache.exists():
        cache.parent.mkdir(parents=True, exist_ok=True)
        made = {f"snap {name}": bispectrum(c) for name, c in frames.items()}
        made |= {f"soap {name}": x for name, x in power_spectrum(frames).items()}
        np.savez(cache, **made)  # type: ignore[arg-type]
    with np.load(cache) as stored:
        snap, soap = ({n: stored[f"{kind} {n}"] for n in frames} for kind in ("snap", "soap"))
    middle, spread = snap["pool"].mean(axis=0), snap["pool"].std(axis=0) + 1e-12
    quadratic = {n: (x - middle) / spread for n, x in snap.items()}
    constant = soap["pool"].mean(axis=0)
    return {
        "linear": {n: x[:, :BISPECTRUM] for n, x in quadratic.items()},
        "quadratic": quadratic,
        "SOAP": {n: SOAP_SCALE * (x - constant) for n, x in soap.items()},
    }


def bispectrum(frames: Configurations) -> Vectors:
    """(C, 495) mean over atoms of LAMMPS' bispectrum and of its products; cubic cells only."""
    pairs = np.triu_indices(BISPECTRUM)
    found = np.empty((len(frames), BISPECTRUM + len(pairs[0])))
    n, lammps = 0, None
    for c in range(len(frames)):
        edge = float(np.cbrt(np.linalg.det(frames.cell[c])))
        x = np.mod(frames.positions[frames.offsets[c] : frames.offsets[c + 1]].astype(np.float64), edge)
        if n != len(x):
            n, lammps = len(x), lammps_instance()
            setup = ["units metal", "atom_modify map array sort 0 0", f"region cell block 0 {edge} 0 {edge} 0 {edge}"]
            setup += ["create_box 1 cell", "mass 1 58.7", "pair_style zero 6.0", "pair_coeff * *"]
            setup += ["neighbor 0.5 bin", "neigh_modify every 1 delay 0 check no"]
            run_commands(lammps, *setup)
            lammps.create_atoms(n, list(range(1, n + 1)), [1] * n, x.ravel().tolist())
            run_commands(
                lammps,
                "compute snap all sna/atom 4.0 0.99363 6 0.5 1.0 rmin0 0.0 switchflag 1 bzeroflag 0",
                "compute mean all reduce ave c_snap[*]",
                "thermo_style custom step c_mean[1]",
            )
        assert lammps is not None
        box = f"change_box all x final 0 {edge} y final 0 {edge} z final 0 {edge}"
        run_commands(lammps, box)
        lammps.scatter_atoms("x", 1, 3, np.ascontiguousarray(x).ctypes.data_as(ctypes.POINTER(ctypes.c_double)))
        run_commands(lammps, "run 0 post no")
        b = np.array(lammps.numpy.extract_compute("snap", 1, 2))[:n]
        found[c] = np.concatenate([b.mean(axis=0), (b.T @ b / n)[pairs]])
    return found


def power_spectrum(frames: dict[str, Configurations]) -> dict[str, Vectors]:
    """Features whose products are the kernel, in the span of ``SPARSE`` environments of the pool."""
    from dscribe.descriptors import SOAP  # type: ignore[import-not-found]  # noqa: PLC0415 - needed by this alone

    soap = SOAP(species=["Ni"], r_cut=5.0, n_max=7, l_max=6, sigma=0.5, periodic=True)

    def environments(part: Configurations, c: int) -> Vectors:
        from ase import Atoms  # noqa: PLC0415

        x = part.positions[part.offsets[c] : part.offsets[c + 1]]
        p = soap.create(Atoms("Ni" * len(x), positions=x, cell=part.cell[c], pbc=True))
        return np.asarray(p / np.linalg.norm(p, axis=1, keepdims=True))

    pool, random = frames["pool"], np.random.default_rng(0)
    at = np.sort(random.choice(len(pool), SPARSE, replace=False))
    sparse = np.array([random.choice(environments(pool, c)) for c in at])
    values, vectors = np.linalg.eigh((sparse @ sparse.T) ** 4)
    kept = values > values[-1] * 1e-10
    span = vectors[:, kept] / np.sqrt(values[kept])
    return {
        name: np.array([((environments(part, c) @ sparse.T) ** 4).mean(axis=0) for c in range(len(part))]) @ span
        for name, part in frames.items()
    }


if __name__ == "__main__":
    main()
