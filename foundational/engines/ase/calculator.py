"""Any labeller as an ASE calculator, for relaxations and molecular dynamics with ASE."""

from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from foundational.data.configurations import Configurations
from foundational.data.labeller import Model
from foundational.errors import InputError


class LabellerCalculator(Calculator):  # type: ignore[misc]
    """Energy, forces and stress of one periodic cell by a labeller.

    Positions pass through float32, as everything that is labelled does: forces are smooth to about 1e-5 eV/Å, which
    suits relaxations down to 1e-4 eV/Å.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces", "stress", "energies"]

    def __init__(self, labeller: Model) -> None:
        super().__init__()
        self.labeller = labeller

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Label ``atoms``; the stress is Voigt (xx, yy, zz, yz, xz, xy) in eV/Å³."""
        super().calculate(atoms, properties or ["energy"], system_changes)
        if not self.atoms.pbc.all():
            raise InputError(
                f"a labeller needs periodic boundaries in all directions, got pbc {self.atoms.pbc.tolist()}"
            )
        positions: Any = self.atoms.get_positions()
        configurations = Configurations.build([self.atoms.cell.array], [positions], [self.atoms.numbers])
        labels = self.labeller.label(configurations)
        stress = labels.stress[0]
        energy = float(labels.energy[0])
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": labels.forces.astype(np.float64),
            "stress": np.array([stress[0, 0], stress[1, 1], stress[2, 2], stress[1, 2], stress[0, 2], stress[0, 1]]),
        }
        if labels.atomic_energies is not None:
            self.results["energies"] = labels.atomic_energies.astype(np.float64)
