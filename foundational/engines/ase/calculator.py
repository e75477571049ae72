"""Any labeller as an ASE calculator, for relaxations and molecular dynamics with ASE."""

from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from foundational.data.configurations import Configurations
from foundational.data.conversion import from_atoms
from foundational.data.labeller import Model


class LabellerCalculator(Calculator):  # type: ignore[misc]
    """Energy, forces and stress of one configuration by a labeller, with any boundary conditions that it takes.

    Positions in periodic cells pass through float32, as everything that is sampled does: forces are smooth to about
    1e-5 eV/Å, which suits relaxations down to 1e-4 eV/Å. Those of clusters and slabs stay as they are. Without a volume
    there is no stress.
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
        positions: Any = self.atoms.get_positions()
        if self.atoms.pbc.all():
            configurations = Configurations.build([self.atoms.cell.array], [positions], [self.atoms.numbers])
        else:
            configurations = from_atoms([self.atoms])
        labels = self.labeller.label(configurations.with_labels(None))
        stress = labels.stress[0]
        energy = float(labels.energy[0])
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": labels.forces.astype(np.float64),
        }
        if np.isfinite(stress).all():
            voigt = [stress[0, 0], stress[1, 1], stress[2, 2], stress[1, 2], stress[0, 2], stress[0, 1]]
            self.results["stress"] = np.array(voigt)
        if labels.atomic_energies is not None:
            self.results["energies"] = labels.atomic_energies.astype(np.float64)
