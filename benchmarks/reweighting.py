"""A MOMT pool, reweighted to a temperature, compared with plain NPT of the same cell: ⟨H⟩, ⟨V⟩ and C_p of both phases.

    python benchmarks/reweighting.py --json [--pool ni-momt-32] [--frames build/npt]

Both sides use the same blocks of dynamics, one with the bias of the pool, one without bias. Every frame gets its
phase in the same way, from local environments and O. Averages are over the named phase. The NPT runs take two minutes
per point on one core; ``--frames`` stores them and uses stored ones. Errors are standard errors over blocks of the
trajectories; ``z`` is the difference divided by the error of both.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.engines.geometry.local_structure import structure_shares
from foundational.engines.lammps.potentials import potential_for
from foundational.engines.momt.block import BlockSchedule, System, run_block
from foundational.engines.momt.run import system_of
from foundational.engines.momt.window import NptRun, mean_of
from foundational.science.bias import Bias
from foundational.science.phases import Phase, phases
from foundational.science.reweighting import Frames, average
from foundational.seeds import derive
from foundational.specs.params import read_params
from foundational.stages.thermo.command import read_pool
from foundational.stages.thermo.stage import PoolFrames
from foundational.units import MEV

ROOT = Path(__file__).resolve().parents[1]
#: Phase, temperature in K, nanoseconds of plain NPT, by pool.
POINTS = {
    "ni-momt-32": [("solid", 900, 1.0), ("solid", 1300, 1.5), ("liquid", 2500, 4.0), ("liquid", 3200, 4.0)],
    "ni-momt-108": [("solid", 1300, 0.6), ("solid", 1700, 0.8), ("liquid", 2500, 1.5), ("liquid", 3200, 1.5)],
}
BLOCK, STRIDE = 15_000, 100  # steps
SEED = 20231109


def plain(system: System, phase: str, temperature: int, nanoseconds: float, melt_at: float) -> NDArray[np.float64]:
    """Frames of plain NPT as `run_block` gives them."""
    seed = derive(SEED, "reweighting", system.n_atoms * 100_000 + temperature)
    state = mean_of(system, NptRun(phase, temperature, melt_at, 10_000.0, 2_000.0), seed).state
    plan = BlockSchedule(BLOCK, hill_stride=BLOCK + 1, height=0.0, width=(1.0, 1.0), frame_stride=STRIDE)
    frames = []
    for number in range(round(nanoseconds * 1e6 / (BLOCK * system.timestep))):
        block = run_block(system, state, Bias.canonical(temperature), plan, derive(seed, "block", number))
        state = block.state
        frames.append(block.frames)
    return np.concatenate(frames)


def as_pool(rows: NDArray[np.float64], temperature: float) -> tuple[Frames, NDArray[np.int8]]:
    """Plain NPT as frames of a pool without bias, and their phases."""
    count, n = len(rows), (rows.shape[1] - 9) // 3
    cell = rows[:, 3:6, None] * np.eye(3)
    positions = rows[:, 9:].reshape(count, n, 3) % rows[:, None, 3:6]
    shares = structure_shares(Configurations.build(cell, positions, np.full((count, n), 28)))
    walker = np.zeros(count, dtype=np.int64)
    volume = rows[:, 3:6].prod(axis=1)
    frames = Frames(rows[:, 1], volume, rows[:, 2], walker, np.arange(count), Bias.canonical(temperature))
    return frames, phases(shares, rows[:, 2])[0]


def compare(
    pool: PoolFrames, npt: tuple[Frames, NDArray[np.int8]], phase: Phase, temperature: float
) -> dict[str, float]:
    """Averages of ``phase`` on both sides, per atom."""
    n = pool.n_atoms
    there = average(npt[0], npt[1] == phase, temperature)
    here = average(pool.frames, pool.phase == phase, temperature)
    assert there is not None, "the phase did not last in plain NPT"
    assert here is not None, "too few effective frames of the pool at this temperature"
    difference = here.enthalpy.value - there.enthalpy.value
    return {
        "temperature_K": temperature,
        "npt_frames": len(npt[1]),
        "npt_share": float(np.mean(npt[1] == phase)),
        "effective_frames": here.effective_frames,
        "npt_meV_per_atom": there.enthalpy.value / n * MEV,
        "npt_error_meV_per_atom": there.enthalpy.error / n * MEV,
        "momt_meV_per_atom": here.enthalpy.value / n * MEV,
        "momt_error_meV_per_atom": here.enthalpy.error / n * MEV,
        "difference_meV_per_atom": difference / n * MEV,
        "z": difference / float(np.hypot(here.enthalpy.error, there.enthalpy.error)),
        "npt_A3_per_atom": there.volume.value / n,
        "momt_A3_per_atom": here.volume.value / n,
        "volume_difference_percent": 100 * (here.volume.value / there.volume.value - 1),
        "npt_heat_capacity_k_per_atom": there.heat_capacity.value / n + 1.5,
        "momt_heat_capacity_k_per_atom": here.heat_capacity.value / n + 1.5,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--pool", choices=POINTS, nargs="+", default=list(POINTS))
    parser.add_argument("--frames", type=Path, help="folder in which the NPT runs are kept")
    arguments = parser.parse_args()
    params = read_params(ROOT / "params.yaml").sample
    result: dict[str, dict[str, float]] = {}
    for name in arguments.pool:
        spec = params.pools[name]
        system = system_of(params.settings, spec, potential_for(spec.element, ROOT, spec.potential))
        pool = read_pool(ROOT, name)
        for phase, temperature, nanoseconds in POINTS[name]:
            key = f"npt-{system.n_atoms}-{phase}-{temperature}"
            kept = None if arguments.frames is None else arguments.frames / f"{key}.npz"
            if kept is not None and kept.exists():
                rows = np.load(kept)["frames"]
            else:
                print(f"{key} …", file=sys.stderr, flush=True)
                rows = plain(system, phase, temperature, nanoseconds, 4000.0)
                if kept is not None:
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    np.savez(kept, frames=rows)
            kind = Phase.ALIGNED if phase == "solid" else Phase.LIQUID
            result[f"{name} {phase} {temperature} K"] = compare(pool, as_pool(rows, temperature), kind, temperature)
    if arguments.json:
        print(json.dumps(result, indent=1))
        return
    for key, x in result.items():
        print(
            f"{key:<28} NPT {x['npt_meV_per_atom']:.2f} ± {x['npt_error_meV_per_atom']:.2f}, "
            f"MOMT {x['momt_meV_per_atom']:.2f} ± {x['momt_error_meV_per_atom']:.2f}, "
            f"{x['difference_meV_per_atom']:+.2f} meV/atom (z {x['z']:+.1f}), "
            f"{x['volume_difference_percent']:+.2f} % of V"
        )


if __name__ == "__main__":
    main()
