"""Labels per second on one core, compared with ASE's LAMMPSlib calculator kept alive over the same frames.

    python benchmarks/labels.py --json

frames_per_s           32-atom frames of rattled cubic FCC nickel, as in MOMT pools, labelled by LammpsLabeller
tilted_frames_per_s    the same in sheared cells
over_ase_lammpslib     this rate divided by that of LAMMPSlib in the same process, interleaved, best rounds of each
largest_difference_*   between the two sets of labels, eV, eV/Å and eV/Å³
translate_3400_seconds the whole command `foundational translate` to aluminium on 3,400 frames, one process per core, of
                       the set ni-5pct or the pool ni-momt-32 if one is available, otherwise rattled crystals as above
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from ase import Atoms
from ase.calculators.lammpslib import LAMMPSlib

from foundational.data.batches import take
from foundational.data.configurations import Configurations
from foundational.data.conversion import to_dataset
from foundational.data.store import open_store
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.library import lammps_instance
from foundational.engines.lammps.potentials import potential_for
from foundational.science.crystals import build_crystal
from foundational.testing.project import empty_project, store_set

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


def translation_seconds(count: int = 3400) -> float:
    """Seconds of the whole command, from the start of its process to its end."""
    labeller = LammpsLabeller(potential_for("Ni", ROOT))
    stores = [ROOT / "datasets" / name / "data.zarr" for name in ("ni-5pct", "pools/ni-momt-32")]
    here = next((store for store in stores if store.exists()), None)
    if here is None:
        batch = frames(count, tilted=False)
        parent = to_dataset(
            batch.with_labels(labeller.label(batch)),
            attrs={"element": "Ni", "labeller": labeller.id, "volume_per_atom": 10.868},
        )
    else:
        parent = take(open_store(here), slice(0, count)).load()
    with tempfile.TemporaryDirectory() as folder:
        root = empty_project(Path(folder) / "project", ROOT)
        store_set(root, "local/parent", parent, labeller)
        script = Path(sys.executable).parent / "foundational"
        command = [script, "translate", "local/parent", "--to", "Al", "--workers", str(len(os.sched_getaffinity(0)))]
        began = time.perf_counter()
        subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args()
    whole = {"translate_3400_seconds": translation_seconds()}
    if hasattr(os, "sched_setaffinity"):  # one core, whatever the machine has
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    figures = measure(count=2000, peers=60, rounds=3) | whole
    if chosen.json:
        json.dump(figures, sys.stdout)
        print()
    else:
        for name, value in figures.items():
            print(f"{name:<28}{value:.6g}")


if __name__ == "__main__":
    main()
