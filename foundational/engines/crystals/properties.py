"""Elastic constants, vacancy and stacking fault of an FCC crystal by any labeller: what an energy error alone hides."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.optimize import LBFGS
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.data.labeller import Model
from foundational.engines.ase.calculator import LabellerCalculator
from foundational.engines.crystals.relaxation import crystal_configurations
from foundational.errors import EngineError
from foundational.science.crystals import Crystal, build_crystal

#: Strain of the central differences; the elastic constants of an EAM change by 0.1 % from 1e-3 to 1e-2.
_STRAIN: Final = 5e-3
#: Close-packed layers between two stacking faults; 12 × 2 Å are beyond any cutoff of ours.
_LAYERS: Final = 12
#: Cubic cells along each edge of the supercell with the vacancy: 107 atoms.
_VACANCY_REPEATS: Final = (3, 3, 3)


@dataclass(frozen=True)
class FccProperties:
    """Properties of FCC at the labeller's own volume."""

    c11: float
    """eV/Å³"""
    c12: float
    """eV/Å³"""
    c44: float
    """eV/Å³"""
    vacancy_energy: float
    """Formation energy of a vacancy in 108 sites, atoms relaxed, cell kept; eV."""
    stacking_fault_energy: float
    """Intrinsic stacking fault, not relaxed; eV/Å²."""


def fcc_properties(labeller: Model, volume_per_atom: float, element: str) -> FccProperties:
    """Properties of FCC ``element`` at ``volume_per_atom`` (Å³), the labeller's own relaxed volume.

    Raises
    ------
    EngineError
        If the vacancy does not relax.
    """
    c11, c12, c44 = elastic_constants(labeller, volume_per_atom, element)
    vacancy = vacancy_energy(labeller, volume_per_atom, element)
    return FccProperties(c11, c12, c44, vacancy, stacking_fault_energy(labeller, volume_per_atom, element))


def elastic_constants(labeller: Model, volume_per_atom: float, element: str) -> tuple[float, float, float]:
    """C11, C12 and C44 of FCC, eV/Å³, from stresses under ± strains.

    C11 = ∂σ_xx/∂ε_xx, C12 = ∂σ_yy/∂ε_xx, C44 = ∂σ_xy/∂γ_xy with γ = 2 ε_xy. Every atom of FCC is a centre of
    inversion, so that none moves under a strain and nothing needs relaxing.
    """
    crystal = build_crystal("fcc", volume_per_atom, (1, 1, 1))
    strains = np.zeros((4, 3, 3))
    strains[0, 0, 0], strains[1, 0, 0] = _STRAIN, -_STRAIN
    strains[2, 0, 1] = strains[2, 1, 0] = _STRAIN / 2
    strains[3] = -strains[2]
    stress = labeller.label(_strained(crystal, strains, element)).stress
    normal, shear = (stress[0] - stress[1]) / (2 * _STRAIN), (stress[2] - stress[3]) / (2 * _STRAIN)
    return float(normal[0, 0]), float(normal[1, 1] + normal[2, 2]) / 2, float(shear[0, 1])


def vacancy_energy(labeller: Model, volume_per_atom: float, element: str) -> float:
    """E(N − 1) − (N − 1)/N · E(N), eV: N = 108 sites, the atoms around the vacancy relaxed, the cell kept.

    Raises
    ------
    EngineError
        If forces stay above 5 meV/Å.
    """
    crystal = build_crystal("fcc", volume_per_atom, _VACANCY_REPEATS)
    n = len(crystal)
    perfect = float(labeller.label(crystal_configurations([crystal], element)).energy[0])
    atoms = Atoms(numbers=[atomic_numbers[element]] * (n - 1), positions=crystal.positions[1:], cell=crystal.cell)
    atoms.pbc = True
    atoms.calc = LabellerCalculator(labeller)
    if not LBFGS(atoms, logfile=None).run(fmax=5e-3, steps=200):
        raise EngineError(f"{labeller.id}: the atoms around a vacancy in FCC {element} do not come to rest")
    return float(atoms.get_potential_energy()) - (n - 1) / n * perfect


def stacking_fault_energy(labeller: Model, volume_per_atom: float, element: str) -> float:
    """Energy of an intrinsic stacking fault over its area, eV/Å²; the layers keep their distance.

    A column of close-packed layers ABCABC… is periodic along the sum of their steps. One partial step less, a/6⟨112⟩
    along the layers, makes its last layer and the first of the next column follow each other as in HCP.
    """
    a = (4 * volume_per_atom) ** (1 / 3)
    edge, height = a / np.sqrt(2), a / np.sqrt(3)
    first, second = np.array([edge, 0, 0]), np.array([edge / 2, edge * np.sqrt(3) / 2, 0])
    step = (first + second) / 3
    up = np.array([0, 0, height])
    positions = np.arange(_LAYERS)[:, None] * (up + step)
    columns = [_LAYERS * (up + step), _LAYERS * (up + step) + step]
    numbers = np.full(_LAYERS, atomic_numbers[element])
    cells = [np.array([first, second, column]) for column in columns]
    batch = Configurations.build(cells, [positions] * 2, [numbers] * 2)
    perfect, faulted = labeller.label(batch).energy
    return float(faulted - perfect) / float(edge * second[1])


def _strained(crystal: Crystal, strains: NDArray[np.float64], element: str) -> Configurations:
    deformations = np.eye(3) + strains
    cells = [crystal.cell @ f for f in deformations]
    numbers = [np.full(len(crystal), atomic_numbers[element])] * len(cells)
    return Configurations.build(cells, [crystal.fractional @ cell for cell in cells], numbers)
