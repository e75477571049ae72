"""Molecular dynamics with trained networks, in LAMMPS and in ASE, beside the embedded-atom potential; one run.

    python benchmarks/dynamics.py --json

lammps_steps_per_s, _5       864 nickel atoms at 1,500 K in LAMMPS with one network, and with the mean of five
ase_steps_per_s              the same with one network in ASE (velocity Verlet)
ase_before_steps_per_s       the same in ASE with a labeller's calculator: a new list of neighbours in each step
lammps_eam_steps_per_s       the same in LAMMPS with NiNb.eam.fs, one thread
energy_difference_eV         between LAMMPS and the networks for 864 atoms
force_difference_eV_A        the largest

Run in a clone of the project, with the dataset ni. All threads of the process are used.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.build import bulk
from ase.md.velocitydistribution import thermalize_momenta
from ase.md.verlet import VelocityVerlet

import foundational
from foundational.data.conversion import from_atoms
from foundational.engines.ase.calculator import LabellerCalculator
from foundational.engines.lammps.library import lammps_instance, run_commands
from foundational.model import Model

ROOT = Path(__file__).resolve().parents[1]
CELLS = 6


def simulation() -> Any:
    """864 atoms of displaced FCC nickel."""
    lammps = lammps_instance()
    run_commands(
        lammps,
        "units metal",
        "atom_style atomic",
        "lattice fcc 3.6",
        f"region box block 0 {CELLS} 0 {CELLS} 0 {CELLS}",
        "create_box 1 box",
        "create_atoms 1 box",
        "mass 1 58.69",
        "displace_atoms all random 0.1 0.1 0.1 7",
    )
    return lammps


def lammps_rate(attach: Callable[[Any], None], steps: int) -> float:
    """Steps per second, the best of three runs."""
    lammps = simulation()
    attach(lammps)
    run_commands(lammps, "velocity all create 1500 3", "fix 1 all nvt temp 1500 1500 0.1", "run 50")
    best = 0.0
    for _ in range(3):
        begin = time.perf_counter()
        run_commands(lammps, f"run {steps}")
        best = max(best, steps / (time.perf_counter() - begin))
    lammps.close()
    return best


def ase_rate(calculator: Any, steps: int) -> float:
    atoms = bulk("Ni", cubic=True, a=3.6) * CELLS
    atoms.rattle(0.1, seed=1)
    atoms.calc = calculator
    thermalize_momenta(atoms, temperature_K=1500, rng=np.random.default_rng(3))
    dynamics = VelocityVerlet(atoms, 1.0 * units.fs)
    dynamics.run(5)
    best = 0.0
    for _ in range(3):
        begin = time.perf_counter()
        dynamics.run(steps)
        best = max(best, steps / (time.perf_counter() - begin))
    return best


def differences(model: Model) -> dict[str, float]:
    """What LAMMPS says against what the networks say of the same positions."""
    lammps = simulation()
    model.attach_to_lammps(lammps, ["Ni"])
    run_commands(lammps, "run 0")
    count = lammps.get_natoms()
    cell = np.eye(3) * 3.6 * CELLS
    atoms = Atoms("Ni" * count, lammps.numpy.extract_atom("x")[:count].copy(), cell=cell, pbc=True)
    expected = model.ensemble.label(from_atoms([atoms]))
    forces = np.abs(lammps.numpy.extract_atom("f")[:count] - expected.forces).max()
    energy = abs(lammps.get_thermo("pe") - float(expected.energy[0]))
    lammps.close()
    return {"energy_difference_eV": energy, "force_difference_eV_A": float(forces)}


def measure(steps: int) -> dict[str, float]:
    five = foundational.train(foundational.open_dataset("ni", ROOT), 300)
    one = Model(five.ensemble.member(0))
    potential = ROOT / "datasets" / "potentials" / "NiNb.eam.fs"

    def eam(lammps: Any) -> None:
        run_commands(lammps, "pair_style eam/fs", f'pair_coeff * * "{potential}" Ni')

    return {
        "lammps_steps_per_s": lammps_rate(lambda lammps: one.attach_to_lammps(lammps, ["Ni"]), steps),
        "lammps_steps_per_s_5": lammps_rate(lambda lammps: five.attach_to_lammps(lammps, ["Ni"]), steps),
        "ase_steps_per_s": ase_rate(one, steps // 4),
        "ase_before_steps_per_s": ase_rate(LabellerCalculator(one.ensemble), max(4, steps // 20)),
        "lammps_eam_steps_per_s": lammps_rate(eam, steps),
        **differences(one),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--steps", type=int, default=400, help="steps of a run in LAMMPS")
    chosen = parser.parse_args()
    figures = measure(chosen.steps)
    if chosen.json:
        json.dump(figures, sys.stdout, indent=2)
        print()
    else:
        for name, value in figures.items():
            print(f"{name:<32}{value:.6g}")


if __name__ == "__main__":
    main()
