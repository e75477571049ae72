"""An engine for properties: labels of batches, and an ASE calculator for relaxations and dynamics."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.optimize import LBFGS
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.data.conversion import from_atoms
from foundational.data.labeller import Model
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ase.calculator import LabellerCalculator
from foundational.errors import EngineError
from foundational.model import Model as NetworkCalculator
from foundational.science.crystals import Structure


@dataclass(frozen=True)
class Metal:
    """A crystal whose properties are computed."""

    element: str
    structure: Structure
    """The ground state by the reference method."""
    volume: float
    """Å³/atom at which the engine's own energy of that structure is lowest."""
    energy: float
    """eV/atom there."""
    reference_volume: float
    """Å³/atom of the reference method; equations of state are compared at the same volumes."""
    smallest: bool = False
    """Whether crystals are primitive cells, as suits a method of which each label takes minutes. Else they are
    supercells, which hold the environments of an atom whole."""
    vacancy_cells: int | None = None
    """Conventional cells along each edge of the supercell with a vacancy; None: those of `defects`."""
    force: float = 5e-3
    """eV/Å, below which atoms are at rest."""

    @property
    def number(self) -> int:
        """Atomic number."""
        return int(atomic_numbers[self.element])

    @property
    def lattice_constant(self) -> float:
        """Å, of the cubic cell; for HCP the nearest-neighbour distance at the ideal c/a."""
        atoms = {"fcc": 4.0, "bcc": 2.0, "hcp": np.sqrt(2)}[self.structure]
        return float((atoms * self.volume) ** (1 / 3))


@dataclass(frozen=True)
class Engine:
    """One method."""

    model: Model

    @property
    def calculator(self) -> Any:
        """For ASE; of a network one that keeps its list of neighbours."""
        if isinstance(self.model, Ensemble):
            return NetworkCalculator(self.model)
        return LabellerCalculator(self.model)

    def energies(self, atoms: list[Atoms]) -> NDArray[np.float64]:
        """(C,) eV."""
        return np.asarray(self.model.label(from_atoms(atoms).with_labels(None)).energy)

    def stresses(self, configurations: Configurations) -> NDArray[np.float64]:
        """(C, 3, 3) eV/Å³."""
        return np.asarray(self.model.label(configurations).stress)

    def forces(self, atoms: Atoms) -> NDArray[np.float64]:
        """(N, 3) eV/Å."""
        return np.asarray(self.model.label(from_atoms([atoms]).with_labels(None)).forces, dtype=np.float64)

    def relaxed_energy(self, atoms: Atoms, *, force: float, steps: int = 150) -> float:
        """Energy, eV, after the atoms of a copy came to rest in a fixed cell.

        Raises
        ------
        EngineError
            If forces stay above ``force``, eV/Å, for ``steps``.
        """
        moved = atoms.copy()
        moved.calc = self.calculator
        if not LBFGS(moved, logfile=None).run(fmax=force, steps=steps):
            raise EngineError("the atoms do not come to rest")
        return float(moved.get_potential_energy())
