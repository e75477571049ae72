"""The ANI engine and torchani, measured in one run: the same vectors, networks and frames.

    python benchmarks/ani.py --json

aev_atoms_per_s_1core, _2cores    environment vectors of rattled 32-atom nickel cells (16 radial terms to 6.0 Å, 8 × 4
                                  angular to 4.0 Å), by number of threads
aev_over_torchani                 the first of these divided by that of torchani's AEVComputer, one periodic cell a call
epoch_seconds_large, _small       one epoch on energies and forces of 3,400 frames, 224-192-160 and 64-64 networks, two
                                  threads
epoch_over_torchani               time of torchani for an epoch with 224-192-160 (from a batch of 64) divided by the
                                  time of this engine, both on one thread
ensemble5_seconds                 five 64-64 networks, 1,000 frames, 60 epochs, in total, two threads
evaluate_20000x108_seconds        energies and their deviation over five members for 20,000 cells of 108 atoms, read
                                  lazily from a zarr store, two threads, in a separate process
evaluate_peak_memory_GB           the largest memory of that process
forces_atoms_per_s_1core          energies, forces and stresses of one network
aev_two_elements_over_one         time of the vectors of two elements divided by that of one, one thread
epoch_two_elements_over_one       the same for an epoch with 64-64 networks
aev_two_elements_over_torchani    vectors of two elements a second, divided by those of torchani's AEVComputer
torchani_two_elements_over_one    what aev_two_elements_over_one is for torchani
largest_difference_aev_two        what largest_difference_aev is, with two elements
largest_difference_aev            between vectors of this engine in float32 and of torchani in float64
torchani_difference_aev           the same for torchani in float32

Each time is the shortest of several. Labels are zero, which changes no time.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from foundational.data.batches import iterate_batches
from foundational.data.configurations import Configurations, Labels
from foundational.data.conversion import to_dataset
from foundational.data.store import open_store, write_dataset
from foundational.engines.ani.aev import compute_aevs
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.model_file import load_model, save_model
from foundational.engines.ani.threads import kernel_threads
from foundational.engines.ani.torch.torchani_export import aev_computer, to_torchani
from foundational.engines.ani.training import train
from foundational.science.crystals import build_crystal
from foundational.specs.ani import (
    AevSpec,
    AngularSpec,
    AniSpec,
    LossSpec,
    NetworkSpec,
    OneCycle,
    OptimisationSpec,
    RadialSpec,
)

AEV = AevSpec(
    radial=RadialSpec(cutoff=6.0, eta=12.0, first_shift=1.5, last_shift=5.7, shifts=16),
    angular=AngularSpec(cutoff=4.0, eta=8.0, first_shift=1.5, last_shift=3.7, shifts=8, zeta=14.1, sections=4),
)
LARGE, SMALL = (224, 192, 160), (64, 64)


def frames(count: int, repeat: int = 2) -> Configurations:
    """Rattled cubic FCC nickel, with density and disorder between crystal and melt, and zeros as labels."""
    random = np.random.default_rng(0)
    crystal = build_crystal("fcc", 11.5)
    unit, sites = crystal.cell / 2, crystal.fractional[(crystal.fractional < 0.49).all(axis=1)] * 2
    grid = np.array(list(np.ndindex(repeat, repeat, repeat)))
    fractional = (sites[None] + grid[:, None]).reshape(-1, 3) / repeat
    cells = unit * repeat * random.uniform(0.97, 1.05, (count, 1, 1))
    positions = fractional @ cells + random.normal(scale=0.2, size=(count, len(fractional), 3))
    labels = Labels(np.zeros(count), np.zeros((count * len(fractional), 3), dtype=np.float32), np.zeros((count, 3, 3)))
    return Configurations.build(cells, positions, [np.full(len(fractional), 28)] * count).with_labels(labels)


def decorated(configurations: Configurations) -> Configurations:
    """The same cells with a random half of the atoms of another element."""
    numbers = np.random.default_rng(1).choice(np.array([13, 28], np.uint8), len(configurations.positions))
    return replace(configurations, atomic_numbers=numbers)


def settings(hidden: tuple[int, ...], members: int, epochs: int, batch: int) -> AniSpec:
    loss = LossSpec(energy_weight=1.0, energy_power=2.0, force_weight=0.03, stress_weight=0.0)
    return AniSpec(
        members=members,
        aev=AEV,
        network=NetworkSpec(hidden=hidden, activation="gelu"),
        training=OptimisationSpec(
            epochs=epochs,
            batch=batch,
            learning_rate=5e-3,
            weight_decay=1e-4,
            feature_floor=0.03,
            schedule=OneCycle(name="one_cycle", warmup=0.2),
            loss=loss,
        ),
    )


def least(run: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)


def epoch(configurations: Configurations, hidden: tuple[int, ...], threads: int, batch: int, epochs: int) -> float:
    """The shortest time between the ends of two epochs."""
    ends: list[float] = []
    train(
        settings(hidden, 1, epochs, batch),
        configurations,
        [np.arange(len(configurations))],
        1,
        threads=threads,
        progress=lambda *_: ends.append(time.perf_counter()),
    )
    return float(np.diff(ends).min())


def torchani_aevs(
    configurations: Configurations, double: bool = False, elements: tuple[int, ...] = (28,)
) -> np.ndarray:
    import torch  # noqa: PLC0415 - the process that measures memory does without

    dtype = torch.float64 if double else torch.float32
    computer, pbc = aev_computer(AEV, len(elements)).to(dtype), torch.ones(3, dtype=torch.bool)
    places = np.searchsorted(elements, configurations.atomic_numbers).reshape(len(configurations), 1, -1)
    species = torch.tensor(places, dtype=torch.long)
    cells = torch.tensor(configurations.cell, dtype=dtype)
    positions = torch.tensor(configurations.positions, dtype=dtype).reshape(len(configurations), 1, -1, 3)
    frames_of = zip(species, positions, cells, strict=True)
    return np.concatenate([computer(s, x, cell, pbc)[0] for s, x, cell in frames_of])


def torchani_batch(model: Ensemble, configurations: Configurations) -> Callable[[], None]:
    """One step of torchani: energies, forces by autograd, loss, gradient, AdamW; one cell a call."""
    import torch  # noqa: PLC0415

    network = to_torchani(model)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    n = int(configurations.n_atoms[0])
    species, pbc = torch.full((1, n), 28), torch.ones(3, dtype=torch.bool)
    cells = torch.tensor(configurations.cell, dtype=torch.float32)
    positions = torch.tensor(configurations.positions).reshape(len(configurations), 1, -1, 3)

    def step() -> None:
        optimiser.zero_grad()
        for c in range(len(configurations)):
            x = positions[c].clone().requires_grad_()
            energy = network((species, x), cells[c], pbc).energies
            (slope,) = torch.autograd.grad(energy.sum(), x, create_graph=True)
            (energy.square().sum() / n**2 + 0.03 * slope.square().sum() / n).backward()
        optimiser.step()

    return step


def evaluate_store(model: Path, store: Path) -> dict[str, float]:
    """Mean and deviation over members of every energy, batch by batch."""
    ensemble = load_model(model)
    ensemble.atomic_energies(frames(1))  # loads the compiled kernels
    began = time.perf_counter()
    dataset = open_store(store)
    energy, deviation = np.empty(dataset.sizes["configuration"]), np.empty(dataset.sizes["configuration"])
    for rows, batch in iterate_batches(dataset):
        sums = np.add.reduceat(ensemble.atomic_energies(batch, threads=2), batch.offsets[:-1], axis=1)
        energy[rows], deviation[rows] = sums.mean(axis=0), sums.std(axis=0)
    seconds = time.perf_counter() - began
    assert np.isfinite(energy).all()
    return {"evaluate_20000x108_seconds": seconds, "evaluate_peak_memory_GB": peak_memory()}


def peak_memory() -> float:
    """Largest memory of this process, GB. getrusage would include the memory of the parent process."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e9


def two_elements(scale: float) -> dict[str, float]:
    """What a second element costs, with the same cells and one thread."""
    many, few = frames(round(1000 * scale)), frames(max(8, round(64 * scale)))
    alloy, both = decorated(many), (13, 28)
    figures: dict[str, float] = {}
    with kernel_threads(1):
        one = least(lambda: compute_aevs(many, AEV, [28]), 5)
        two = least(lambda: compute_aevs(alloy, AEV, both), 5)
    figures["aev_two_elements_over_one"] = two / one
    epochs = [epoch(c, SMALL, 1, 32, 4) for c in (many, alloy)]
    figures["epoch_two_elements_over_one"] = epochs[1] / epochs[0]
    theirs = [
        least(lambda c=c, e=e: torchani_aevs(c, elements=e), 3) for c, e in ((few, (28,)), (decorated(few), both))
    ]
    figures["aev_two_elements_over_torchani"] = (len(alloy.positions) / two) / (len(few.positions) / theirs[1])
    figures["torchani_two_elements_over_one"] = theirs[1] / theirs[0]
    exact = torchani_aevs(decorated(few), double=True, elements=both)
    figures["largest_difference_aev_two"] = float(np.abs(compute_aevs(decorated(few), AEV, both) - exact).max())
    return figures


def measure(scale: float) -> dict[str, float]:
    """All numbers; ``scale`` below 1 takes fewer frames, for a trial."""
    import torch  # noqa: PLC0415

    torch.set_num_threads(1)
    many, few = frames(round(3400 * scale)), frames(max(8, round(64 * scale)))
    figures: dict[str, float] = {}
    compute_aevs(few, AEV, [28])
    for threads, name in ((1, "aev_atoms_per_s_1core"), (2, "aev_atoms_per_s_2cores")):
        with kernel_threads(threads):
            figures[name] = len(many.positions) / least(lambda: compute_aevs(many, AEV, [28]), 5)
    theirs = len(few.positions) / least(lambda: torchani_aevs(few), 3)
    figures["aev_over_torchani"] = figures["aev_atoms_per_s_1core"] / theirs
    exact = torchani_aevs(few, double=True)
    figures["largest_difference_aev"] = float(np.abs(compute_aevs(few, AEV, [28]) - exact).max())
    figures["torchani_difference_aev"] = float(np.abs(torchani_aevs(few) - exact).max())

    model = train(settings(LARGE, 1, 1, 64), few, [np.arange(len(few))], 1)
    figures["epoch_seconds_large"] = epoch(many, LARGE, 2, 32, 4)
    figures["epoch_seconds_small"] = epoch(many, SMALL, 2, 32, 6)
    step = torchani_batch(model, few)
    step()
    their_epoch = least(step, 2) * len(many) / len(few)
    figures["epoch_over_torchani"] = their_epoch / epoch(many, LARGE, 1, 32, 3)
    figures["torchani_epoch_seconds_large"] = their_epoch
    with kernel_threads(1):
        figures["forces_atoms_per_s_1core"] = len(few.positions) / least(lambda: model.predict(few, threads=1), 5)

    thousand = many.take(np.arange(round(1000 * scale)))
    indices = [np.arange(len(thousand))] * 5
    figures["ensemble5_seconds"] = least(lambda: train(settings(SMALL, 5, 60, 16), thousand, indices, 1, threads=2), 1)
    five = train(settings(SMALL, 5, 1, 64), few, [np.arange(len(few))] * 5, 1)
    with tempfile.TemporaryDirectory() as folder:
        model_path, store = Path(folder) / "model.safetensors", Path(folder) / "data.zarr"
        save_model(five, model_path)
        write_dataset(to_dataset(frames(round(20_000 * scale), repeat=3)), store)
        command = [sys.executable, __file__, "--evaluate", str(model_path), str(store)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return figures | two_elements(scale) | json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the frames, for a trial")
    parser.add_argument("--evaluate", nargs=2, type=Path, metavar=("MODEL", "STORE"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    figures = evaluate_store(*chosen.evaluate) if chosen.evaluate else measure(chosen.scale)
    if chosen.json or chosen.evaluate:
        json.dump(figures, sys.stdout)
        print()
    else:
        for name, value in figures.items():
            print(f"{name:<32}{value:.6g}")


if __name__ == "__main__":
    main()
