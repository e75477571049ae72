"""Speed of MOMT and of LAMMPS's plain ``fix npt`` for the same cells in one process, and of two walkers.

Run as ``python benchmarks/sampling.py --json`` from a checkout. MOMT is timed as in the pipeline: whole blocks, with
the learning bias, recorded frames and all Python code around LAMMPS. Both runs start from the same solid and the same
liquid with the same settings of LAMMPS. Times are the best of several alternating repeats.
"""

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from foundational.engines.lammps.library import lammps_instance
from foundational.engines.lammps.potentials import ResolvedPotential, potential_for
from foundational.engines.momt.block import BlockSchedule, System, WalkerState, run_block
from foundational.engines.momt.run import Run, advance, begin, system_of
from foundational.specs.sample import MomtPool, SampleSettings
from foundational.units import BOLTZMANN

SETTINGS = SampleSettings.model_validate(
    {
        "pressure": "1 bar",
        "timestep": "2 fs",
        "thermostat_time": "0.2 ps",
        "barostat_time": "0.3 ps",
        "walkers": 1,
        "block": "30 ps",
        "frame_time": "0.3 ps",
        "window": {"equilibration": "5 ps", "duration": "5 ps"},
        "bias": {
            "enthalpy_bin": 0.45,
            "order_bins": 80,
            "hill_width": [1.5, 2.0],
            "hill_height": 0.02,
            "hill_time": "40 fs",
        },
        "learning": {"crossings": 10, "refinement": 4.0, "patience": "10000 ps"},
    }
)
REPEATS = 6


def nickel(supercell: int) -> MomtPool:
    return MomtPool(
        method="momt",
        element="Ni",
        potential=None,
        structure="fcc",
        supercell=supercell,
        cell="isotropic",
        frames=1,
        temperature_low=600.0,
        temperature=2000.0,
        temperature_high=4000.0,
    )


def plain_npt(system: System, state: WalkerState, temperature: float, steps: int) -> Callable[[], None]:
    """A function that runs ``steps`` of LAMMPS's thermostat and barostat from ``state``."""
    lmp = lammps_instance()
    edges = " ".join(f"0 {length!r}" for length in np.diag(state.cell).tolist())
    lmp.commands_list(
        [
            "units metal",
            "atom_modify map yes sort 0 0",
            f"region cell block {edges}",
            "create_box 1 cell",
            "mass 1 58.6934",
        ]
    )
    positions = (state.positions @ np.linalg.inv(state.cell) % 1.0) @ state.cell
    velocities = (state.velocities * 1e3).ravel().tolist()
    lmp.create_atoms(len(positions), None, [1] * len(positions), positions.ravel().tolist(), v=velocities)
    lmp.commands_list(
        [
            *system.potential.pair_commands([system.element]),
            "neighbor 1.0 bin",
            "neigh_modify every 1 delay 0 check yes",
            f"timestep {system.timestep * 1e-3}",
            "thermo 0",
            f"fix 1 all npt temp {temperature} {temperature} 0.2 iso 1 1 0.3",
        ]
    )
    return lambda: lmp.command(f"run {steps}")


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def against_npt(supercell: int, potential: ResolvedPotential, executor: ProcessPoolExecutor) -> dict[str, float]:
    """Steps per second of both, and their ratio, over a solid and a liquid."""
    system = system_of(SETTINGS, nickel(supercell), potential)
    run = begin(SETTINGS.model_copy(update={"walkers": 2}), nickel(supercell), system, 1, executor)
    steps = SETTINGS.steps(SETTINGS.block) // (2 if supercell == 2 else 5)
    plan = BlockSchedule(steps, 20, 0.002 * BOLTZMANN * 2000, SETTINGS.bias.hill_width, 150)
    npt = momt = 0.0  # seconds per step, solid and liquid in equal parts
    for temperature, state in zip((1300.0, 2000.0), run.walkers, strict=True):
        plain = plain_npt(system, state, temperature, steps)
        biased = lambda state=state: run_block(system, state, run.bias, plan, 1)  # noqa: E731
        plain(), biased()
        pairs = [(seconds(plain), seconds(biased)) for _ in range(REPEATS)]
        npt += min(a for a, _ in pairs) / steps / 2
        momt += min(b for _, b in pairs) / steps / 2
    n = system.n_atoms
    return {
        f"npt_{n}_steps_per_s": 1 / npt,
        f"momt_{n}_steps_per_s": 1 / momt,
        f"relative_to_npt_{n}": npt / momt,
    }


def two_walkers(potential: ResolvedPotential, executor: ProcessPoolExecutor) -> dict[str, float]:
    """Steps per second of two walkers in two processes divided by those of one walker in one, rounds of Ni 32."""
    pool = nickel(2)
    system = system_of(SETTINGS, pool, potential)
    settings = SETTINGS.model_copy(update={"walkers": 2})
    both = begin(settings, pool, system, 1, executor)
    alone = [replace(both, walkers=(walker,)) for walker in both.walkers]
    advance(both, settings, system, 1, executor)

    def rounds(run: Run) -> None:
        for _ in range(2):
            run, _ = advance(run, settings, system, 1, executor)

    times = [[seconds(lambda run=run: rounds(run)) for run in (*alone, both)] for _ in range(REPEATS)]
    first, second, together = (min(column) for column in zip(*times, strict=True))
    return {"two_walkers_speedup": (first + second) / together}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    as_json = parser.parse_args().json
    potential = potential_for("Ni", Path(__file__).resolve().parents[1])
    figures: dict[str, float] = {}
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as executor:
        for supercell in (2, 3):
            print(f"Ni {4 * supercell**3} …", file=sys.stderr)
            figures |= against_npt(supercell, potential, executor)
        print("two walkers …", file=sys.stderr)
        figures |= two_walkers(potential, executor)
    if as_json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:24} {value:12,.3f}")


if __name__ == "__main__":
    main()
