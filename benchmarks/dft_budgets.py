"""How few labels by density-functional theory are enough, where cheap labels are at hand.

    foundational pull al@1.1.0
    foundational train al@1.1.0 --settings recipe -o al.safetensors
    python benchmarks/dft_budgets.py --start al.safetensors --json

Networks of the settings `recipe` are trained on the first N labels of a set and tested on its test frames: frames in
the order of their selection, then configurations of recipes in an order drawn once. Four ways:

alone       on these labels
difference  on their difference to the cheap method, which is added again
started     networks of the cheap set, trained further (`foundational train --start-from`)
heads       two methods in one network: shared hidden layers, and one output a method. Half of each batch has labels of
            the cheap set, half those of the method. The networks of both start alike, and what their gradients say of
            the hidden layers is added up.

For each budget and way, mean over networks:

mae_meV           of energies, meV/atom
centred_mae_meV   the same without the mean error of each network
force_mae_meV     of forces, meV/Å
cpu_s             of training
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import foundational as fd
from foundational.data.batches import to_configurations
from foundational.data.configurations import Configurations, Labels, concatenate
from foundational.engines.ani.aev import species_of
from foundational.engines.ani.derivative_store import DerivativeStore
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.further_training import train_further
from foundational.engines.ani.gradients import KernelGradients, training_table
from foundational.engines.ani.model_file import load_model
from foundational.engines.ani.optimisation import Gradients, optimise
from foundational.engines.ani.training import begun, train
from foundational.evaluation.retraining import training_rows
from foundational.labelling.catalogue import labeller_named
from foundational.seeds import derive, generator
from foundational.specs.ani import AniSpec, FurtherSpec
from foundational.specs.params import read_params

ROOT = Path(__file__).resolve().parents[1]
WAYS = ("alone", "difference", "started", "heads")
#: Labels of the cheap set for each label of the other, in networks with two heads; at least, and at most.
CHEAP = (100, 400)


@dataclass(frozen=True)
class Study:
    """What all budgets share."""

    spec: AniSpec
    further: FurtherSpec
    seed: int
    labelled: Configurations
    """By density-functional theory, in the order in which budgets take them."""
    test: Configurations
    cheap_labelled: Labels
    """Of ``labelled`` by the cheap method."""
    cheap_test: Labels
    cheap: Configurations
    """The cheap set's training part."""
    cheap_networks: Ensemble | None

    def score(self, networks: Ensemble, added: Labels | None = None) -> dict[str, float]:
        """Errors on the test frames, of the networks plus ``added``."""
        found = networks.predict(self.test.with_labels(None))
        assert self.test.labels is not None
        energy, forces = self.test.labels.energy, self.test.labels.forces
        if added is not None:
            energy, forces = energy - added.energy, forces - added.forces
        errors = 1e3 * (found.energy - energy) / self.test.n_atoms
        centred = errors - errors.mean(axis=1, keepdims=True)
        return {
            "mae_meV": round(float(np.abs(errors).mean()), 2),
            "deviation_meV": round(float(np.abs(errors).mean(axis=1).std()), 2),
            "centred_mae_meV": round(float(np.abs(centred).mean()), 2),
            "force_mae_meV": round(float(1e3 * np.abs(found.forces - forces).mean()), 1),
        }


def alone(study: Study, budget: int) -> dict[str, float]:
    return study.score(train(study.spec, study.labelled.take(np.arange(budget)), everything(study, budget), study.seed))


def difference(study: Study, budget: int) -> dict[str, float]:
    own, cheap = study.labelled.labels, study.cheap_labelled
    assert own is not None
    less = Labels(own.energy - cheap.energy, own.forces - cheap.forces, own.stress - cheap.stress)
    rest = study.labelled.with_labels(less).take(np.arange(budget))
    return study.score(train(study.spec, rest, everything(study, budget), study.seed), study.cheap_test)


def started(study: Study, budget: int) -> dict[str, float]:
    assert study.cheap_networks is not None
    bare = replace(study.cheap_networks, short_range=None, extrapolation=None)
    training = study.further.applied(study.spec.training).model_copy(update={"epochs": 1})
    few = study.labelled.take(np.arange(budget))
    return study.score(train_further(bare, training, few, everything(study, budget), study.seed))


def heads(study: Study, budget: int) -> dict[str, float]:
    """Members 0, 2, … have the output of the cheap method, members 1, 3, … that of the other."""
    count = min(max(CHEAP[0], 10 * budget), CHEAP[1])
    cheap = study.cheap.take(np.sort(generator(study.seed, "cheap").permutation(len(study.cheap))[:count]))
    repeated = np.tile(np.arange(budget), -(-count // budget))[:count]
    both = concatenate([cheap, study.labelled.take(repeated)])
    members = study.spec.members
    spec = study.spec.model_copy(update={"members": 2 * members})
    rows = [np.arange(count), np.arange(count, 2 * count)] * members
    beginning = begun(spec, both, rows, study.seed)
    first = np.repeat(np.arange(0, 2 * members, 2), 2)
    start = beginning.ensemble
    networks = replace(
        start, mean=start.mean[first], deviation=start.deviation[first], parameters=start.parameters[first].copy()
    )
    model, species = networks.kernel_model(), species_of(both.atomic_numbers, networks.elements)
    store = DerivativeStore(both, spec.aev, networks.elements, 2 * spec.training.batch, None)
    table = training_table(both, species, beginning.aevs, beginning.energies, networks.scale, beginning.weights, store)
    shared = networks.parameters.shape[-1] - spec.network.hidden[-1] - 1
    training = spec.training.model_copy(update={"batch": 2 * spec.training.batch})
    gradients = tied(KernelGradients(model, table, store, training.loss), shared)
    optimise(training, model, len(both), gradients, None, study.seed, None)
    own = {
        name: np.ascontiguousarray(getattr(networks, name)[1::2])
        for name in ("self_energies", "mean", "deviation", "parameters")
    }
    return study.score(replace(networks, **own))


def tied(gradients: Gradients, shared: int) -> Gradients:
    """Pairs of members get the sum of their gradients in the first ``shared`` parameters."""

    def of(batch: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        parts, losses = gradients(batch)
        total = parts[:, 0::2, :, :shared] + parts[:, 1::2, :, :shared]
        parts[:, 0::2, :, :shared] = parts[:, 1::2, :, :shared] = total
        return parts, losses

    return of


def everything(study: Study, budget: int) -> list[NDArray[np.int64]]:
    return [np.arange(budget)] * study.spec.members


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--set", default="al-pbe")
    parser.add_argument("--test", default="al-pbe-holdout")
    parser.add_argument("--cheap-set", default="al@1.1.0")
    parser.add_argument("--cheap", default="lammps:Al_mm", help="the method that labelled it")
    parser.add_argument("--budgets", nargs="+", type=int, default=[10, 20, 41, 80, 161])
    parser.add_argument("--ways", nargs="+", default=WAYS, choices=WAYS)
    parser.add_argument("--start", type=Path, help="networks of the cheap set; default: they are trained here")
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--settings", default="recipe")
    chosen = parser.parse_args()
    params = read_params(ROOT / "params.yaml")
    dataset, cheap_set = fd.open_dataset(chosen.set).xarray, fd.open_dataset(chosen.cheap_set).xarray
    seed = derive(params.seed, "dft-budgets")
    order = in_order(dataset["selection_round"].to_numpy(), seed)
    labelled = to_configurations(dataset).take(order)
    test = to_configurations(fd.open_dataset(chosen.test).xarray)
    cheap = labeller_named(chosen.cheap, ROOT)
    cheap_rows = to_configurations(cheap_set).take(training_rows(cheap_set))
    spec = params.ani.scaled(chosen.settings, float(dataset.attrs["volume_per_atom"]))
    spec = spec.model_copy(update={"members": chosen.members})
    networks = None if chosen.start is None else load_model(chosen.start)
    if "started" in chosen.ways and networks is None:
        rows = [np.arange(len(cheap_rows))] * spec.members
        networks = train(spec, cheap_rows, rows, derive(seed, "cheap"))
    labels = [cheap.label(configurations.with_labels(None)) for configurations in (labelled, test)]
    study = Study(spec, params.further, seed, labelled, test, *labels, cheap_rows, networks)
    ways: dict[str, Callable[[Study, int], dict[str, float]]] = {
        "alone": alone, "difference": difference, "started": started, "heads": heads
    }  # fmt: skip
    rows = []
    for budget in [min(budget, len(labelled)) for budget in chosen.budgets]:
        for way in chosen.ways:
            clock = time.process_time()
            numbers = ways[way](study, budget)
            rows.append({"labels": budget, "way": way, **numbers, "cpu_s": round(time.process_time() - clock)})
            if not chosen.json:
                print(json.dumps(rows[-1]), flush=True)
    if chosen.json:
        print(json.dumps({"set": chosen.set, "networks": chosen.members, "rows": rows}))


def in_order(rounds: NDArray[np.integer], seed: int) -> NDArray[np.int64]:
    """Rows of the selection by its rounds, then those of recipes in an order drawn once."""
    chosen, recipes = np.flatnonzero(rounds >= 0), np.flatnonzero(rounds < 0)
    drawn = generator(seed, "small").permutation(recipes)
    return np.concatenate([chosen[np.argsort(rounds[chosen], kind="stable")], drawn])


if __name__ == "__main__":
    main()
