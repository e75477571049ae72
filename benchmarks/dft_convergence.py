"""How well a mesh of k-points and a smearing width converge GPAW's labels of a metal, in cells of four atoms.

The mesh of such a cell with 2n points an edge is that of its 2×2×2 repetition, 32 atoms, with n: what is measured is
the error of a cell of 32 atoms that repeats itself, where errors add up. Prints one JSON object; some three minutes of
a core.

    python benchmarks/dft_convergence.py
    python benchmarks/dft_convergence.py --crystals    # primitive cells, as of a stored reference; some four minutes
    python benchmarks/dft_convergence.py --metal Mg --cutoffs 250,350
    python benchmarks/dft_convergence.py --frames al-pbe-holdout --reference 3    # stored labels of five frames

With --frames the stored labels of frames are compared, spread evenly from the liquid to the solid: with a denser mesh
of a width of 0.2 eV, and with a cutoff of 400 eV. Some three minutes of a core for a frame of 32 atoms.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import foundational as fd
from foundational.data.batches import to_configurations
from foundational.data.fingerprint import hexadecimal
from foundational.engines.gpaw.calculation import SinglePoint, single_point, version
from foundational.science.crystals import STRUCTURES, primitive_cell

#: Fractional coordinates of FCC's cubic cell.
FCC = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
#: Atomic number, name of the PAW data set and volume, Å³ per atom, by metal.
METALS = {"Al": (13, "paw", 16.96), "Mg": (12, "2", 22.9)}
#: kbar in an eV/Å³.
KBAR = 1602.176634


def cells(metal: str) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Cell and positions, Å, by name: a perfect crystal, and two disordered cells of low and high density."""
    random = np.random.default_rng(1)
    scale = (METALS[metal][2] / METALS["Al"][2]) ** (1 / 3)
    found = {"crystal": (4.078756 * np.eye(3), 4.078756 * FCC)}
    for name, edge, displacement in (("liquid", 4.25, 0.35), ("hot liquid", 4.6, 0.5)):
        found[name] = (edge * np.eye(3), edge * FCC + random.normal(size=FCC.shape) * displacement)
    return {name: (cell * scale, positions * scale) for name, (cell, positions) in found.items()}


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


def crystals(metal: str) -> list[dict[str, Any]]:
    """Energies of FCC, BCC and HCP at one volume by meshes that contain Γ."""
    rows = []
    number, setups, volume = METALS[metal]
    volume = 16.5 if metal == "Al" else volume
    for structure in STRUCTURES:
        cell, fractional = primitive_cell(structure, volume)
        for spacing, width, ecut in MESHES:
            began = time.process_time()
            settings = {"spacing": spacing, "shift": 0.0, "width": width, "ecut": ecut, "point_group": True}
            numbers = np.full(len(fractional), number)
            found = single_point(numbers, fractional @ cell, cell, settings | {"setups": setups})
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


def labels(
    metal: str, cell: NDArray[np.float64], positions: NDArray[np.float64], points: int, **chosen: Any
) -> SinglePoint:
    """Of one cell with ``points`` k-points an edge."""
    number, setups, _ = METALS[metal]
    spacing = 2 * np.pi / cell[0, 0] / points * 1.0001
    settings = {"ecut": 200.0, "spacing": spacing, "setups": setups, **chosen}
    return single_point(np.full(len(positions), number), positions, cell, settings)


def compared(found: SinglePoint | SimpleNamespace, reference: SinglePoint) -> dict[str, float]:
    """Differences of two calculations of one cell."""
    return {
        "energy_meV_per_atom": 1e3 * (found.energy - reference.energy) / len(found.forces),
        "force_rms_meV_per_A": 1e3 * float(np.sqrt(np.mean((found.forces - reference.forces) ** 2))),
        "pressure_kbar": -KBAR * float(np.trace(found.stress - reference.stress)) / 3,
    }


def frames(name: str, count: int, points: int) -> Iterator[dict[str, Any]]:
    """Stored labels of ``count`` frames beside those of ``points`` k-points an edge, and of a higher cutoff."""
    dataset = fd.open_dataset(name).xarray
    order = np.argsort(dataset["order_parameter"].to_numpy())
    for row in order[np.linspace(0, len(order) - 1, count).round().astype(int)].tolist():
        one = to_configurations(dataset, [row])
        assert one.labels is not None
        stored = SimpleNamespace(
            energy=one.labels.energy[0], forces=one.labels.forces.astype(float), stress=one.labels.stress[0]
        )
        cell, edge = one.cell[0], float(np.linalg.norm(one.cell[0], axis=1).min())
        known = {
            "frame": hexadecimal(dataset["id"].to_numpy()[[row]])[0][:8],
            "order_parameter": round(float(dataset["order_parameter"][row]), 2),
            "force_rms_eV_per_A": round(float(np.sqrt(np.mean(stored.forces**2))), 2),
        }
        for what, chosen in (
            ("mesh and width", {"spacing": 2 * np.pi / edge / points * 1.0001, "width": 0.2}),
            ("cutoff", {"ecut": 400.0}),
        ):
            began = time.process_time()
            found = single_point(one.atomic_numbers, one.positions.astype(float), cell, chosen)
            yield known | {"compared": what, **compared(stored, found), "cpu_s": round(time.process_time() - began)}


def main() -> None:
    """Compare meshes and widths with 7 points an edge, shifted by a quarter, of width 0.2 eV."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--widths", default="0.2,0.5,0.6,0.8", help="eV")
    parser.add_argument("--reference", type=int, default=7, help="k-points an edge of the reference")
    parser.add_argument("--crystals", action="store_true", help="primitive cells in place of disordered ones")
    parser.add_argument("--metal", choices=METALS, default="Al")
    parser.add_argument("--cutoffs", help="eV: also compare these cutoffs, with the default mesh, to the last of them")
    parser.add_argument("--frames", help="a set whose stored labels are compared")
    parser.add_argument("--count", type=int, default=5, help="of its frames")
    arguments = parser.parse_args()
    metal = arguments.metal
    if arguments.frames:
        compared_frames = []
        for row in frames(arguments.frames, arguments.count, arguments.reference):
            compared_frames.append(row)
            print(json.dumps(row), file=sys.stderr, flush=True)
        print(json.dumps({"gpaw": version(), "rows": compared_frames}, indent=2))
        return
    if arguments.crystals:
        print(json.dumps({"gpaw": version(), "rows": crystals(metal)}, indent=2))
        return
    rows: list[dict[str, Any]] = []
    for name, (cell, positions) in cells(metal).items():
        if arguments.cutoffs:
            *cutoffs, last = map(float, arguments.cutoffs.split(","))
            reference = labels(metal, cell, positions, 4, ecut=last)
            for ecut in cutoffs:
                found = labels(metal, cell, positions, 4, ecut=ecut)
                rows.append({"cell": name, "ecut_eV": ecut, "reference_eV": last} | compared(found, reference))
        reference = labels(metal, cell, positions, arguments.reference, shift=0.25, width=0.2)
        for shift in (0.25, 0.5, 0.0):
            for width in map(float, arguments.widths.split(",")):
                began = time.process_time()
                found = labels(metal, cell, positions, 4, shift=shift, width=width)
                settings = {"cell": name, "points": 4, "shift": shift, "width_eV": width}
                spent = {"cpu_s": time.process_time() - began}
                rows.append(settings | compared(found, reference) | spent)
    print(json.dumps({"gpaw": version(), "reference_points": arguments.reference, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
