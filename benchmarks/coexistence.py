"""The melting temperature of nickel from a crystal and a liquid in contact, for the potential of the pools.

    python benchmarks/coexistence.py --json [--start 1850 1950]

A slab of 1,400 atoms, half crystal along z and half melt, evolves at constant enthalpy and 1 bar (J. R. Morris et al.,
Phys. Rev. B 49, 3109 (1994)). Below melting the crystal grows and releases heat; above melting it shrinks and takes up
heat. The temperature therefore converges to melting. Starts are below and above it. For each start the benchmark prints
the mean over the second half of the run, its standard error from blocks of 10 ps, and the share of crystalline atoms.
The share shows whether both phases lasted; only such runs are valid.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.engines.geometry.local_structure import structure_shares
from foundational.engines.lammps.library import lammps_instance
from foundational.engines.lammps.potentials import ResolvedPotential, potential_for
from foundational.seeds import derive

ROOT = Path(__file__).resolve().parents[1]
CELLS = (5, 5, 14)
SEED = 0
LATTICE = 3.60  # Å, of the hot crystal, before its pressure is relaxed
TIMESTEP = 2e-3  # ps
PREPARE = 2_000  # steps
STRIDE = 500  # steps between two evaluations
BOTH = 0.1, 0.9  # shares of crystalline atoms between which both phases exist


def crystalline(lmp: Any) -> float:
    """Share of crystalline atoms."""
    lo, hi, *_ = lmp.extract_box()
    n = lmp.get_natoms()
    x = np.array(lmp.numpy.extract_atom("x"))[:n] - lo
    cell = np.diag(np.subtract(hi, lo))
    shares = structure_shares(Configurations.build([cell], [x % np.diag(cell)], [np.full(n, 28)]))
    return float(1 - shares[0, 0])


def half_molten(potential: ResolvedPotential, temperature: float) -> Any:
    """A LAMMPS instance with a crystal below and a melt above, both near ``temperature`` K and 1 bar."""
    lmp = lammps_instance()
    draws = [derive(SEED, name) % 899_999_999 + 1 for name in ("crystal", "melt", "both")]
    box = "x 1 1 1 y 1 1 1 z 1 1 1 couple xy"
    lmp.commands_list(
        [
            "units metal",
            "atom_modify map yes",
            f"lattice fcc {LATTICE}",
            f"region box block 0 {CELLS[0]} 0 {CELLS[1]} 0 {CELLS[2]}",
            "create_box 1 box",
            "create_atoms 1 box",
            "mass 1 58.6934",
            *potential.pair_commands(["Ni"]),
            "neighbor 1.0 bin",
            "neigh_modify every 1 delay 0 check yes",
            f"timestep {TIMESTEP}",
            f"velocity all create {2 * temperature} {draws[0]}",
            f"fix 1 all npt temp {temperature} {temperature} 0.1 {box}",
            f"run {PREPARE}",
            "unfix 1",
            # The lower half is fixed while the upper half melts; the height of the upper half adjusts the pressure.
            f"region upper block INF INF INF INF {CELLS[2] / 2} INF",
            "group upper region upper",
            f"velocity upper create 3000 {draws[1]}",
            "fix 1 upper npt temp 3000 3000 0.1 z 1 1 1 drag 1 dilate upper",
            f"run {PREPARE}",
            f"fix 1 upper npt temp 3000 {temperature} 0.1 z 1 1 1 drag 1 dilate upper",
            f"run {PREPARE}",
            "unfix 1",
            f"velocity all create {temperature} {draws[2]}",
            # Drag damps the oscillation of the cell, which would become heat later.
            f"fix 1 all npt temp {temperature} {temperature} 0.1 {box} drag 1",
            f"run {2 * PREPARE}",
            "unfix 1",
            f"fix 1 all nph {box}",
        ]
    )
    return lmp


def run(potential: ResolvedPotential, start: float, picoseconds: float) -> dict[str, float | None]:
    """Constant enthalpy from ``start`` K: the temperature at the end."""
    begun = time.perf_counter()
    lmp = half_molten(potential, start)
    before = crystalline(lmp)
    looks = []
    for _ in range(int(picoseconds / TIMESTEP / STRIDE)):
        lmp.command(f"run {STRIDE} post no")
        looks.append((lmp.get_thermo("temp"), crystalline(lmp)))
    temperature, share = np.array(looks).T
    half = len(looks) // 2
    settled = temperature[half:]
    stretch = int(10 / (STRIDE * TIMESTEP))
    means: NDArray[np.float64] = settled[: len(settled) // stretch * stretch].reshape(-1, stretch).mean(axis=1)
    lmp.close()
    return {
        "start_K": start,
        "temperature_K": float(settled.mean()),
        "error_K": float(means.std(ddof=1) / len(means) ** 0.5) if len(means) > 1 else None,
        "crystalline_before": before,
        "crystalline_after": float(share[half:].mean()),
        "crystalline_least": float(share[half:].min()),
        "crystalline_most": float(share[half:].max()),
        "seconds": time.perf_counter() - begun,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--start", type=float, nargs="+", default=[1850.0, 1950.0], help="temperatures of the starts, K"
    )
    parser.add_argument("--picoseconds", type=float, default=100.0, help="of each run")
    arguments = parser.parse_args()
    potential = potential_for("Ni", ROOT, "NiNb")
    runs = []
    for start in arguments.start:
        print(f"from {start:g} K …", file=sys.stderr, flush=True)
        runs.append(run(potential, start, arguments.picoseconds))
    lasted = [r for r in runs if r["crystalline_least"] > BOTH[0] and r["crystalline_most"] < BOTH[1]]
    found = [r["temperature_K"] for r in lasted]
    result = {
        "atoms": 4 * int(np.prod(CELLS)),
        "melting_temperature_K": float(np.mean(found)) if found else None,
        "runs": runs,
    }
    print(json.dumps(result) if arguments.json else "\n".join(f"{k}: {v}" for k, v in result.items()))


if __name__ == "__main__":
    main()
