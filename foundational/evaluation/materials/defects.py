"""Vacancy, surfaces and stacking fault."""

from typing import Final

import ase.build
import numpy as np
from ase import Atoms

from foundational.evaluation.materials.engine import Engine, Metal
from foundational.science.crystals import Crystal, build_crystal
from foundational.units import MJ_PER_M2

#: Cells along each edge of the supercell with a vacancy: 108 (FCC), 54 (BCC) and 96 (HCP) sites.
_REPEATS: Final = {"fcc": (3, 3, 3), "bcc": (3, 3, 3), "hcp": (4, 3, 2)}
#: Layers of a slab, by face; the interior is bulk-like and both surfaces are equal.
_LAYERS: Final = {"100": 12, "110": 12, "111": 12}
_VACUUM: Final = 9.0  # Å on each side, beyond any cutoff
#: Close-packed layers between two stacking faults; 12 × 2 Å are beyond any cutoff.
_FAULT_LAYERS: Final = 12
FACES: Final = ("100", "110", "111")


def vacancy_energy(engine: Engine, metal: Metal) -> float:
    """E(N − 1) − (N − 1)/N · E(N), eV: the atoms around the vacancy relaxed, the cell kept.

    Raises
    ------
    EngineError
        If the atoms do not come to rest.
    """
    atoms = with_vacancy(metal)
    return engine.relaxed_energy(atoms, force=metal.force) - len(atoms) * metal.energy


def with_vacancy(metal: Metal) -> Atoms:
    """The supercell without one atom, not relaxed."""
    crystal = vacancy_supercell(metal)
    numbers = [metal.number] * (len(crystal) - 1)
    return Atoms(numbers=numbers, positions=crystal.positions[1:], cell=crystal.cell, pbc=True)


def vacancy_supercell(metal: Metal) -> Crystal:
    """The supercell with all its atoms."""
    cells = metal.vacancy_cells
    return build_crystal(metal.structure, metal.volume, _REPEATS[metal.structure] if cells is None else (cells,) * 3)


def slab(metal: Metal, face: str) -> Atoms:
    """A slab of FCC or BCC with two faces, not relaxed."""
    layers = _LAYERS[face] * (3 if (metal.structure, face) == ("bcc", "111") else 1)
    builder = getattr(ase.build, f"{metal.structure}{face}")
    atoms: Atoms = builder(metal.element, size=(1, 1, layers), a=metal.lattice_constant, vacuum=_VACUUM)
    atoms.pbc = True
    return atoms


def surface_energies(engine: Engine, metal: Metal) -> dict[str, float]:
    """Energies of the faces 100, 110 and 111 of FCC or BCC, mJ/m², the atoms of the slabs relaxed.

    Raises
    ------
    EngineError
        If the atoms do not come to rest.
    """
    energies = {}
    for face in FACES:
        atoms = slab(metal, face)
        area = float(np.linalg.norm(np.cross(atoms.cell[0], atoms.cell[1])))
        energy = engine.relaxed_energy(atoms, force=metal.force) - len(atoms) * metal.energy
        energies[face] = energy / (2 * area) * MJ_PER_M2
    return energies


def stacking_fault_energy(engine: Engine, metal: Metal) -> float:
    """Energy of an intrinsic stacking fault of FCC, mJ/m²; the layers keep their distance.

    A column of close-packed layers ABCABC… is periodic along the sum of their steps. One partial step less, a/6⟨112⟩
    along the layers, makes its last layer and the first of the next column follow each other as in HCP.
    """
    a = metal.lattice_constant
    edge, height = a / np.sqrt(2), a / np.sqrt(3)
    first, second = np.array([edge, 0, 0]), np.array([edge / 2, edge * np.sqrt(3) / 2, 0])
    step = (first + second) / 3
    up = np.array([0, 0, height])
    positions = np.arange(_FAULT_LAYERS)[:, None] * (up + step)
    columns = [_FAULT_LAYERS * (up + step), _FAULT_LAYERS * (up + step) + step]
    numbers = [metal.number] * _FAULT_LAYERS
    cells = [
        Atoms(numbers=numbers, positions=positions, cell=[first, second, c], pbc=True) * (2, 2, 1) for c in columns
    ]
    perfect, faulted = engine.energies(cells)
    return float(faulted - perfect) / (4 * float(edge * second[1])) * MJ_PER_M2
