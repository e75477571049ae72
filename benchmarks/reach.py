"""What limits the networks on labels that are harder than an embedded-atom potential: the data, or their reach.

    foundational relabel ni --labeller diep --where "round <= 5" --name local/ni-diep
    foundational distill local/ni-test --from ni-holdout --method random --frames 40 --heldout 0
    foundational relabel local/ni-test --labeller diep --name local/ni-test-diep
    python benchmarks/reach.py networks local/ni-diep local/ni-test-diep --labeller diep --json
    foundational export local/ni-diep --for sevennet -o FOLDER      # then SevenNet's own trainer: sevenn train
    python benchmarks/reach.py calculator local/ni-test-diep --labeller ase:sevenn.calculator:SevenNetCalculator \\
        --labeller-args '{"model": "FOLDER/checkpoint_best.pth"}'
    python benchmarks/reach.py locality local/ni-diep --labeller diep --json
    python benchmarks/reach.py smoothness ni-holdout --labeller diep --json

networks: `general` networks on half of the training part and on all of it, then on all of it with longer cutoffs, or
with wider layers. For each, mean over networks: mae_meV (energies, meV/atom), centred_mae_meV (the same without the
mean error of each network), force_mae_meV (meV/Å), cpu_s. With --labeller also the errors of FCC, BCC and HCP, relaxed
at constant shape by each network, meV/atom, and how many networks rank the crystals as the labeller does.

calculator: the same errors of any calculator, such as a message-passing model that was trained on the same labels.

locality: the least force error of any model with a given reach (V. L. Deringer, G. Csányi, Phys. Rev. B 95, 094203
(2017), doi 10.1103/PhysRevB.95.094203). Sampled cells of 32 atoms, with edges above 7 Å and so of little pressure, are
repeated 2×2×2. All atoms farther than the reach from one atom are displaced at random, several times; whatever this
changes in the force on that atom, no such model can see. For each reach: the mean size of these changes around their
mean, of a component, meV/Å, and the mean size of the force itself.

smoothness: what no smooth model can learn. One atom of each of some configurations moves along x by up to 0.12 Å to
both sides in 25 steps; the rms of what a polynomial of sixth degree leaves of its force, meV/Å.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

import foundational as fd
from foundational.data.batches import to_configurations
from foundational.data.configurations import Configurations
from foundational.data.labeller import Labeller
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.training import train
from foundational.engines.crystals.references import ReferenceCrystals, reference_crystals
from foundational.evaluation.crystals import compare_crystals
from foundational.evaluation.retraining import training_rows
from foundational.labelling.catalogue import labeller_named
from foundational.seeds import derive, generator
from foundational.specs.ani import AniSpec
from foundational.specs.params import read_params

ROOT = Path(__file__).resolve().parents[1]
#: For each row: share of the training part, and what differs from the settings; lengths in Å, before they are scaled.
ROWS: dict[str, tuple[float, dict[str, Any]]] = {
    "half the data": (0.5, {}),
    "all": (1.0, {}),
    "radial 8 Å": (1.0, {"radial": {"cutoff": 8.0, "last_shift": 7.74, "shifts": 24}}),
    "angular 5.5 Å": (1.0, {"angular": {"cutoff": 5.5, "last_shift": 5.17, "shifts": 6}}),
    "radial 8 Å, angular 5.5 Å": (
        1.0,
        {
            "radial": {"cutoff": 8.0, "last_shift": 7.74, "shifts": 24},
            "angular": {"cutoff": 5.5, "last_shift": 5.17, "shifts": 6},
        },
    ),
    "half the data, angular 5.5 Å": (0.5, {"angular": {"cutoff": 5.5, "last_shift": 5.17, "shifts": 6}}),
    "angular 5.5 Å, finer": (1.0, {"angular": {"cutoff": 5.5, "last_shift": 5.2, "shifts": 11, "eta": 12.0}}),
    "layers 192-128": (1.0, {"hidden": (192, 128)}),
}


def changed(spec: AniSpec, changes: dict[str, Any]) -> AniSpec:
    """``spec`` with other terms of the environment or other layers."""
    terms = {
        name: getattr(spec.aev, name).model_copy(update=changes[name])
        for name in ("radial", "angular")
        if name in changes
    }
    network = spec.network.model_copy(update={"hidden": changes["hidden"]}) if "hidden" in changes else spec.network
    return spec.model_copy(update={"aev": spec.aev.model_copy(update=terms), "network": network})


def errors(energy: NDArray[np.float64], forces: NDArray[np.float64], test: Configurations) -> dict[str, float]:
    """Of energies (M, C) and forces (M, A, 3), mean over M."""
    assert test.labels is not None
    wrong = 1e3 * (energy - test.labels.energy) / test.n_atoms
    return {
        "mae_meV": round(float(np.abs(wrong).mean()), 3),
        "centred_mae_meV": round(float(np.abs(wrong - wrong.mean(axis=1, keepdims=True)).mean()), 3),
        "force_mae_meV": round(float(1e3 * np.abs(forces - test.labels.forces).mean()), 1),
    }


def crystals(networks: Ensemble, reference: ReferenceCrystals, tie: float) -> dict[str, Any]:
    found = compare_crystals(networks, reference, tie)
    each = {
        name: [None if error is None else round(error, 1) for error in crystal.energy_meV_per_atom]
        for name, crystal in found.errors().items()
        if name in reference.isotropic
    }
    return {**each, "rank_ok": sum(found.rank_ok)}


def networks(chosen: argparse.Namespace) -> list[dict[str, Any]]:
    params = read_params(ROOT / "params.yaml")
    dataset = fd.open_dataset(chosen.dataset).xarray
    data = to_configurations(dataset).take(training_rows(dataset))
    test = to_configurations(fd.open_dataset(chosen.test).xarray)
    seed = derive(params.seed, "reach")
    order = generator(seed, "half").permutation(len(data))
    base = getattr(params.ani, chosen.settings).model_copy(update={"members": chosen.members})
    factor = (float(dataset.attrs["volume_per_atom"]) / params.ani.volume_per_atom) ** (1 / 3)
    reference = None
    if chosen.labeller is not None:
        element = chemical_symbols[int(data.atomic_numbers[0])]
        reference = reference_crystals(labeller_named(chosen.labeller, ROOT, element=element), element)
    rows = []
    for name in chosen.rows:
        share, changes = ROWS[name]
        spec = changed(base, changes)
        spec = spec.model_copy(update={"aev": spec.aev.scaled(factor)})
        used = np.sort(order[: round(share * len(data))])
        clock = time.process_time()
        trained = train(spec, data, [used] * spec.members, seed)
        cost = time.process_time() - clock
        found = trained.predict(test.with_labels(None))
        numbers = errors(found.energy, found.forces, test)
        rows.append({"row": name, "configurations": len(used), **numbers, "cpu_s": round(cost)})
        if reference is not None:
            rows[-1] |= crystals(trained, reference, params.validate_.tie)
        if not chosen.json:
            print(json.dumps(rows[-1], ensure_ascii=False), flush=True)
    return rows


def calculator(chosen: argparse.Namespace) -> list[dict[str, Any]]:
    test = to_configurations(fd.open_dataset(chosen.test).xarray)
    element = chemical_symbols[int(test.atomic_numbers[0])]
    labeller = labeller_named(chosen.labeller, ROOT, json.loads(chosen.labeller_args), element=element)
    found = labeller.label(test.with_labels(None))
    return [{"row": chosen.labeller_args, **errors(found.energy[None], found.forces[None], test)}]


def locality(chosen: argparse.Namespace) -> list[dict[str, Any]]:
    params = read_params(ROOT / "params.yaml")
    dataset = fd.open_dataset(chosen.dataset).xarray
    labeller = labeller_named(chosen.labeller, ROOT, element=chemical_symbols[int(dataset["atomic_numbers"][0])])
    random = generator(derive(params.seed, "reach"), "locality")
    order = dataset["order_parameter"].to_numpy()
    wide = np.diagonal(dataset["cell"].to_numpy(), axis1=1, axis2=2).min(axis=1) > chosen.edge
    sampled = (dataset["n_atoms"].to_numpy() == 32) & (dataset["recipe"].to_numpy() == 0)
    usable = np.flatnonzero(wide & sampled)
    rows = []
    for phase, part in (("solid", usable[order[usable] > 0.7]), ("liquid", usable[order[usable] < 0.3])):
        frames = to_configurations(dataset).take(np.sort(random.choice(part, chosen.frames, replace=False)))
        for reach in chosen.reaches:
            changes, sizes = [], []
            for c in range(len(frames)):
                forces = moved(frames, c, reach, labeller, random, chosen)
                changes.append(np.abs(forces - forces.mean(axis=0)).mean() * np.sqrt(len(forces) / (len(forces) - 1)))
                sizes.append(np.abs(forces.mean(axis=0)).mean())
            rows.append(
                {
                    "phase": phase,
                    "reach_A": reach,
                    "unseen_meV_per_A": round(1e3 * float(np.mean(changes)), 1),
                    "force_meV_per_A": round(1e3 * float(np.mean(sizes))),
                }
            )
            if not chosen.json:
                print(json.dumps(rows[-1]), flush=True)
    return rows


def moved(
    frames: Configurations,
    c: int,
    reach: float,
    labeller: Labeller,
    random: np.random.Generator,
    chosen: argparse.Namespace,
) -> NDArray[np.float64]:
    """(draws, 3) eV/Å: the force on the first atom of frame ``c``, repeated, with other positions beyond ``reach``."""
    rows = slice(int(frames.offsets[c]), int(frames.offsets[c + 1]))
    cell = frames.cell[c].astype(np.float64)
    shifts = np.stack(np.meshgrid(*[np.arange(2)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) @ cell
    positions = (shifts[:, None] + frames.positions[rows].astype(np.float64)).reshape(-1, 3)
    numbers = np.tile(frames.atomic_numbers[rows], 8)
    apart = (positions - positions[0]) @ np.linalg.inv(2 * cell)
    distances = np.linalg.norm((apart - np.rint(apart)) @ (2 * cell), axis=1)
    forces = np.empty((chosen.draws, 3))
    for draw in range(chosen.draws):
        shaken = positions + np.where(
            distances[:, None] > reach, random.normal(scale=chosen.displacement, size=positions.shape), 0.0
        )
        one = Configurations.build([2 * cell], [shaken], [numbers])
        forces[draw] = labeller.label(one).forces[0]
    return forces


def smoothness(chosen: argparse.Namespace) -> list[dict[str, Any]]:
    dataset = fd.open_dataset(chosen.dataset).xarray
    labeller = labeller_named(chosen.labeller, ROOT, element=chemical_symbols[int(dataset["atomic_numbers"][0])])
    steps = np.linspace(-0.12, 0.12, 25)
    left = []
    for row in np.linspace(0, dataset.sizes["configuration"] - 1, chosen.frames).astype(int).tolist():
        one = to_configurations(dataset, [row]).with_labels(None)
        paths = [one.positions.astype(np.float64) for _ in steps]
        for path, step in zip(paths, steps, strict=True):
            path[0, 0] += step
        moved = Configurations.build([one.cell[0]] * len(paths), paths, [one.atomic_numbers] * len(paths))
        force = labeller.label(moved).forces.reshape(len(paths), -1, 3)[:, 0, 0].astype(np.float64)
        left.append(np.sqrt(np.mean((force - np.polyval(np.polyfit(steps, force, 6), steps)) ** 2)))
    return [{"labeller": chosen.labeller, "rough_meV_per_A": round(1e3 * float(np.mean(left)), 1)}]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("networks")
    one.add_argument("dataset")
    one.add_argument("test")
    one.add_argument("--labeller", help="for the errors of crystals")
    one.add_argument("--members", type=int, default=2)
    one.add_argument("--settings", default="general")
    one.add_argument("--rows", nargs="+", default=list(ROWS), choices=list(ROWS))
    two = commands.add_parser("locality")
    two.add_argument("dataset")
    two.add_argument("--labeller", required=True)
    two.add_argument("--frames", type=int, default=4, help="of each phase")
    two.add_argument("--draws", type=int, default=5)
    two.add_argument("--reaches", nargs="+", type=float, default=[4.0, 6.0, 7.0], help="Å")
    two.add_argument("--edge", type=float, default=7.0, help="least edge of the cells, Å; above the reaches")
    two.add_argument("--displacement", type=float, default=0.15, help="of a component, Å")
    four = commands.add_parser("smoothness")
    four.add_argument("dataset")
    four.add_argument("--labeller", required=True)
    four.add_argument("--frames", type=int, default=5)
    three = commands.add_parser("calculator")
    three.add_argument("test")
    three.add_argument("--labeller", required=True)
    three.add_argument("--labeller-args", default="{}")
    for command in (one, two, three, four):
        command.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args()
    tests = {"networks": networks, "locality": locality, "calculator": calculator, "smoothness": smoothness}
    rows = tests[chosen.command](chosen)
    if chosen.json or chosen.command in {"calculator", "smoothness"}:
        print(json.dumps({"command": chosen.command, "rows": rows}, ensure_ascii=False))


if __name__ == "__main__":
    main()
