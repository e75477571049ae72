"""Labels a second on one core, beside ASE's own LAMMPSlib calculator kept alive over the same frames.

    python benchmarks/labels.py --json

frames_per_s           32-atom frames of rattled cubic FCC nickel, as MOMT makes them, labelled by LammpsLabeller
tilted_frames_per_s    the same in sheared cells
over_ase_lammpslib     that rate over LAMMPSlib's in the same process, interleaved, best of the rounds of each
largest_difference_*   between the two sets of labels, eV, eV/Å and eV/Å³
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from ase import Atoms
from ase.calculators.lammpslib import LAMMPSlib

from foundational.data.configurations import Configurations
from foundational.engines.labeller import LammpsLabeller
from foundational.engines.lammps_library import lammps_instance
from foundational.engines.potentials import potential_for
from foundational.science.crystals import build_crystal

ROOT = Path(__file__).resolve().parents[1]


def frames(count: int, *, tilted: bool) -> Configurations:
    random = np.random.default_rng(0)
    crystal = build_crystal("fcc", 11.5)
    strain = random.normal(scale=0.04, size=(count, 3, 3) if tilted else (count, 1, 1))
    cells = crystal.cell @ (np.eye(3) + strain * (1 if tilted else np.eye(3)))
    positions = crystal.fractional @ cells + random.normal(scale=0.15, size=(count, len(crystal), 3))
    return Configurations.build(cells, positions, [np.full(len(crystal), 28)] * count)


def measure(count: int, peers: int, rounds: int) -> dict[str, float]:
    potential = potential_for("Ni", ROOT)
    labeller = LammpsLabeller(potential)
    batch, sheared, few = frames(count, tilted=False), frames(count, tilted=True), frames(peers, tilted=False)
    lammps_instance().close()  # loads MPI, which ASE does not
    calculator = LAMMPSlib(lmpcmds=potential.pair_commands(["Ni"]), atom_types={"Ni": 1}, keep_alive=True)
    atoms = [
        Atoms(numbers=np.full(32, 28), cell=few.cell[i], positions=few.positions[32 * i : 32 * i + 32], pbc=True)
        for i in range(peers)
    ]
    for one in atoms:
        one.calc = calculator
    for each in (batch, sheared):  # starts LAMMPS and loads the compiled kernel
        labeller.label(each.take(slice(0, 10)))
    energies, forces, stresses = np.empty(peers), np.empty((peers, 32, 3)), np.empty((peers, 3, 3))
    ours, tilted, theirs = [], [], []
    for _ in range(rounds):
        for times, chosen in ((ours, batch), (tilted, sheared)):
            began = time.perf_counter()
            labeller.label(chosen)
            times.append((time.perf_counter() - began) / count)
        began = time.perf_counter()
        for i, one in enumerate(atoms):
            energies[i], forces[i] = one.get_potential_energy(), one.get_forces()
            stresses[i] = one.get_stress(voigt=False)
        theirs.append((time.perf_counter() - began) / peers)
    labels = labeller.label(few)
    return {
        "frames_per_s": 1 / min(ours),
        "tilted_frames_per_s": 1 / min(tilted),
        "over_ase_lammpslib": min(theirs) / min(ours),
        "ase_lammpslib_frames_per_s": 1 / min(theirs),
        "largest_difference_energy": float(np.abs(labels.energy - energies).max()),
        "largest_difference_forces": float(np.abs(labels.forces.reshape(peers, 32, 3) - forces).max()),
        "largest_difference_stress": float(np.abs(labels.stress - stresses).max()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):  # one core, whatever the machine has
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    figures = measure(count=2000, peers=60, rounds=3)
    if chosen.json:
        json.dump(figures, sys.stdout)
        print()
    else:
        for name, value in figures.items():
            print(f"{name:<28}{value:.6g}")


if __name__ == "__main__":
    main()
