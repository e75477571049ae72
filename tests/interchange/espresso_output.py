"""Outputs of pw.x for any structure, out of one that pw.x 6.7 wrote: its layout, its digits, other numbers."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

REAL = Path(__file__).parent / "returned" / "files" / "pw.out"
BOHR, RY = 0.529177210903, 13.605693122994


@dataclass
class PwOutput:
    """What an output says; the defaults are those of the real one."""

    symbols: list[str]
    positions: np.ndarray
    cell: np.ndarray
    energy: float
    """eV."""
    forces: np.ndarray
    """eV/Å."""
    stress: np.ndarray
    """eV/Å³, tension positive."""
    cutoff: float = 12.0
    """Ry."""
    mesh: tuple[int, int, int] = (2, 2, 2)
    pseudopotential: str = "Al.pz-vbc.UPF"
    functional: str = "SLA PZ NOGX NOGC"
    converged: bool = True
    lines: list[str] = field(default_factory=list)

    def text(self) -> str:
        alat = float(np.linalg.norm(self.cell[0])) / BOHR
        text = REAL.read_text()
        head = text[: text.index("     bravais-lattice index")]
        end = text[text.index("     Writing output data file") :]
        k = np.array([[(i + 0.5) / n for i, n in zip(ijk, self.mesh, strict=True)] for ijk in np.ndindex(self.mesh)])
        k = (k - np.rint(k)) @ np.linalg.inv(self.cell).T * alat * BOHR
        steps = "convergence has been achieved in   5 iterations"
        if not self.converged:
            steps = "convergence NOT achieved after 100 iterations: stopping"
        axes = [
            f"               a({i + 1}) = ( {' '.join(f'{x:10.6f}' for x in row)} )  "
            for i, row in enumerate(self.cell / (alat * BOHR))
        ]
        sites = [
            f"         {i + 1}           {s}  tau({i + 1:4d}) = ( {' '.join(f'{x:11.7f}' for x in row)}  )"
            for i, (s, row) in enumerate(zip(self.symbols, self.positions / (alat * BOHR), strict=True))
        ]
        forces = [
            f"     atom {i + 1:4d} type  1   force = {' '.join(f'{x:13.8f}' for x in row)}"
            for i, row in enumerate(self.forces * BOHR / RY)
        ]
        stress = [
            " ".join(f"{x:13.8f}" for x in row) + "    " + " ".join(f"{x:11.2f}" for x in row * 147105.1)
            for row in -self.stress * BOHR**3 / RY
        ]
        points = [
            f"        k({i + 1:5d}) = ({' '.join(f'{x:11.7f}' for x in row)}), wk =   0.25" for i, row in enumerate(k)
        ]
        return "\n".join(
            [
                head.rstrip("\n"),
                "     bravais-lattice index     =            0",
                f"     lattice parameter (alat)  = {alat:12.4f}  a.u.",
                f"     number of atoms/cell      = {len(self.symbols):12d}",
                f"     number of atomic types    = {len(set(self.symbols)):12d}",
                f"     kinetic-energy cutoff     = {self.cutoff:12.4f}  Ry",
                f"     charge density cutoff     = {4 * self.cutoff:12.4f}  Ry",
                f"     Exchange-correlation= {self.functional}",
                "",
                f"     celldm(1)={alat:11.6f}  celldm(2)=   0.000000  celldm(3)=   0.000000",
                "",
                "     crystal axes: (cart. coord. in units of alat)",
                *axes,
                "",
                "     PseudoPot. # 1 for Al read from file:",
                f"     ./pseudo/{self.pseudopotential}",
                "     MD5 check sum: 69dcd8cd7cc1bedf536afd524f174f6a",
                "",
                "     No symmetry found",
                "",
                "     site n.     atom                  positions (alat units)",
                *sites,
                "",
                f"     number of k points={len(k):6d}  Marzari-Vanderbilt smearing, width (Ry)=  0.0200",
                "                       cart. coord. in units 2pi/alat",
                *points,
                "",
                f"!    total energy              = {self.energy / RY:17.8f} Ry",
                "     estimated scf accuracy    <          3.9E-11 Ry",
                "",
                f"     {steps}",
                "",
                "     Forces acting on atoms (cartesian axes, Ry/au):",
                "",
                *forces,
                "",
                "          total   stress  (Ry/bohr**3)                   (kbar)     P=        0.00",
                *stress,
                "",
                "",
                end,
            ]
        )
