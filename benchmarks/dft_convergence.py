"""How well a mesh of k-points and a smearing width converge GPAW's labels of aluminium, in cells of four atoms.

The mesh of such a cell with 2n points an edge is that of its 2×2×2 repetition, 32 atoms, with n: what is measured is
the error of a cell of 32 atoms that repeats itself, where errors add up. Prints one JSON object; some three minutes of
a core.

    python benchmarks/dft_convergence.py
    python benchmarks/dft_convergence.py --crystals    # primitive cells, as of a stored reference; some four minutes
"""

import argparse
import json
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundational.engines.gpaw.calculation import SinglePoint, single_point, version
from foundational.science.crystals import STRUCTURES, primitive_cell

#: Fractional coordinates of FCC's cubic cell.
FCC = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
#: kbar in an eV/Å³.
KBAR = 1602.176634


def cells() -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Cell and positions, Å, by name: a perfect crystal, and two disordered cells of low and high density."""
    random = np.random.default_rng(1)
    found = {"crystal": (4.078756 * np.eye(3), 4.078756 * FCC)}
    for name, edge, displacement in (("liquid", 4.25, 0.35), ("hot liquid", 4.6, 0.5)):
        found[name] = (edge * np.eye(3), edge * FCC + random.normal(size=FCC.shape) * displacement)
    return found


#: Spacing of k-points, 1/Å, width, eV, and cutoff, eV, in primitive cells.
MESHES = (
    (0.2, 0.2, 250.0),
    (0.15, 0.2, 250.0),
    (0.12, 0.2, 250.0),
    (0.1, 0.2, 250.0),
    (0.15, 0.6, 250.0),
    (0.12, 0.6, 250.0),
    (0.1, 0.6, 250.0),
    (0.15, 0.2, 400.0),
)


def crystals(volume: float = 16.5) -> list[dict[str, Any]]:
    """Energies of FCC, BCC and HCP at one volume, Å³/atom, by meshes that contain Γ."""
    rows = []
    for structure in STRUCTURES:
        cell, fractional = primitive_cell(structure, volume)
        for spacing, width, ecut in MESHES:
            began = time.process_time()
            settings = {"spacing": spacing, "shift": 0.0, "width": width, "ecut": ecut, "point_group": True}
            found = single_point(np.full(len(fractional), 13), fractional @ cell, cell, settings)
            rows.append(
                {
                    "crystal": structure,
                    **settings,
                    "energy_meV_per_atom": 1e3 * found.energy / len(fractional),
                    "pressure_kbar": -KBAR * float(np.trace(found.stress)) / 3,
                    "cpu_s": time.process_time() - began,
                }
            )
    return rows


def labels(cell: NDArray[np.float64], positions: NDArray[np.float64], points: int, **chosen: Any) -> SinglePoint:
    """Of one cell with ``points`` k-points an edge."""
    spacing = 2 * np.pi / cell[0, 0] / points * 1.0001
    return single_point(np.full(len(positions), 13), positions, cell, {"ecut": 200.0, "spacing": spacing, **chosen})


def main() -> None:
    """Compare meshes and widths with 7 points an edge, shifted by a quarter, of width 0.2 eV."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--widths", default="0.2,0.5,0.6,0.8", help="eV")
    parser.add_argument("--reference", type=int, default=7, help="k-points an edge of the reference")
    parser.add_argument("--crystals", action="store_true", help="primitive cells in place of disordered ones")
    arguments = parser.parse_args()
    if arguments.crystals:
        print(json.dumps({"gpaw": version(), "rows": crystals()}, indent=2))
        return
    rows = []
    for name, (cell, positions) in cells().items():
        reference = labels(cell, positions, arguments.reference, shift=0.25, width=0.2)
        for shift in (0.25, 0.5, 0.0):
            for width in map(float, arguments.widths.split(",")):
                began = time.process_time()
                found = labels(cell, positions, 4, shift=shift, width=width)
                rows.append(
                    {
                        "cell": name,
                        "points": 4,
                        "shift": shift,
                        "width_eV": width,
                        "energy_meV_per_atom": 1e3 * (found.energy - reference.energy) / len(positions),
                        "force_rms_meV_per_A": 1e3 * float(np.sqrt(np.mean((found.forces - reference.forces) ** 2))),
                        "pressure_kbar": KBAR * float(np.trace(found.stress - reference.stress)) / 3,
                        "cpu_s": time.process_time() - began,
                    }
                )
    print(json.dumps({"gpaw": version(), "reference_points": arguments.reference, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
