"""FCC, BCC and HCP of aluminium by ABINIT, PBE, with a pseudopotential of PseudoDojo, beside stored values of GPAW.

Five volumes of each crystal are fitted as `foundational reference` fits them. Each energy is written to the standard
error as it comes, and kept in the file of `--journal`, from which a killed run resumes. Prints one JSON object.
Debian: abinit, abinit-data.

    python benchmarks/dft_second_code.py metrics/reference/al-pbe.json
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foundational.evaluation.materials.bulk import LENGTHS, birch_murnaghan
from foundational.evaluation.materials.stored import StoredReference
from foundational.science.crystals import STRUCTURES, Structure, primitive_cell
from foundational.units import GPA, MEV

PSEUDOPOTENTIAL = "/usr/share/abinit/psp/Pseudodojo_nc_sr_04_pbe_standard_psp8/Al.psp8"
BOHR, HARTREE = 0.529177210903, 27.211386245988
#: Divisions along the reciprocal lattice vectors, and shifts.
MESHES: dict[Structure, tuple[str, str]] = {
    "fcc": ("10 10 10", "4  0.5 0.5 0.5  0.5 0 0  0 0.5 0  0 0 0.5"),
    "bcc": ("16 16 16", "1  0.5 0.5 0.5"),
    "hcp": ("18 18 10", "1  0 0 0.5"),
}
INPUT = """pp_dirpath "{folder}"
pseudos "{name}"
ntypat 1
znucl 13
natom {natom}
typat {natom}*1
acell 1 1 1
rprim {cell}
xred {fractional}
ecut {ecut}
kptopt 1
ngkpt {mesh}
nshiftk {shifts}
occopt 4
tsmear {width}
nband {bands}
nstep 60
toldfe 1e-9
prtden 0
prtwf 0
prteig 0
"""


def energy(
    cell: NDArray[np.float64], fractional: NDArray[np.float64], structure: Structure, settings: argparse.Namespace
) -> float:
    """eV of one cell, the free energy with cold smearing."""
    pseudopotential = Path(settings.pseudopotential)
    mesh, shifts = MESHES[structure]
    text = INPUT.format(
        folder=pseudopotential.parent,
        name=pseudopotential.name,
        natom=len(fractional),
        cell=" ".join(f"{x:.12f}" for x in (cell / BOHR).ravel()),
        fractional=" ".join(f"{x:.14f}" for x in fractional.ravel()),
        ecut=settings.ecut,
        mesh=mesh,
        shifts=shifts.replace("  ", "\nshiftk ", 1),
        width=settings.width / HARTREE,
        bands=8 * len(fractional),
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "run.abi").write_text(text)
        run = subprocess.run(["abinit", "run.abi"], cwd=folder, capture_output=True, text=True, check=True)
        output = (Path(folder) / "run.abo").read_text()
    if "Calculation completed" not in output:
        raise SystemExit(run.stdout[-2000:])
    return float(re.findall(r"etotal\d*\s+(-?[\d.E+-]+)", output)[-1]) * HARTREE


def main() -> None:
    """Relax the three crystals in volume and print them beside the stored ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reference", type=Path, help="stored values of GPAW")
    parser.add_argument("--pseudopotential", default=PSEUDOPOTENTIAL)
    parser.add_argument("--ecut", type=float, default=20.0, help="Hartree")
    parser.add_argument("--journal", type=Path, help="file that keeps each energy; by default none is kept")
    parser.add_argument("--width", type=float, default=0.6, help="eV, of the cold smearing, as GPAW's")
    settings = parser.parse_args()
    stored = StoredReference.model_validate_json(settings.reference.read_text())
    journal: Path | None = settings.journal
    kept: dict[str, float] = json.loads(journal.read_text()) if journal and journal.is_file() else {}
    fits = {}
    for structure in STRUCTURES:
        start = stored.crystals[structure].volume_per_atom
        volumes = start * LENGTHS**3
        energies = []
        for volume in volumes.tolist():
            cell, fractional = primitive_cell(structure, volume)
            key = f"{structure} {volume:.6f} {MESHES[structure][0]} {settings.ecut} {settings.width}"
            if key not in kept:
                kept[key] = energy(cell, fractional, structure, settings) / len(fractional)
                if journal:
                    journal.write_text(json.dumps(kept))
            print(key, kept[key], file=sys.stderr, flush=True)
            energies.append(kept[key])
        fits[structure] = birch_murnaghan(volumes, np.array(energies))
    rows = {}
    for structure, fit in fits.items():
        own = stored.crystals[structure]
        rows[structure] = {
            "abinit_volume_A3": fit.volume,
            "gpaw_volume_A3": own.volume_per_atom,
            "abinit_B_GPa": fit.bulk_modulus * GPA,
            "gpaw_B_GPa": own.bulk_modulus_GPa,
            "abinit_above_fcc_meV": (fit.energy - fits["fcc"].energy) * MEV,
            "gpaw_above_fcc_meV": (own.energy_per_atom - stored.crystals["fcc"].energy_per_atom) * MEV,
        }
    version = subprocess.run(["abinit", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print(json.dumps({"abinit": version, "ecut_Ha": settings.ecut, "meshes": MESHES, "crystals": rows}, indent=2))


if __name__ == "__main__":
    main()
