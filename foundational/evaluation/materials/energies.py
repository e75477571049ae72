"""Energies of configurations at rest: equation of state, Bain path, c/a of HCP, dimer and free atom."""

from typing import Final

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from foundational.evaluation.materials.engine import Engine, Metal
from foundational.science.crystals import STRUCTURES, build_crystal, primitive_cell

#: Volumes of the equation of state over that of the reference's ground state.
VOLUMES: Final = np.array([0.8, 0.83, 0.86, 0.9, 0.94, 0.97, 1.0, 1.03, 1.06, 1.1, 1.15, 1.2, 1.25])
#: Distances of the dimer, Å, for a metal of FCC nickel's size; they scale with the cube root of the volume.
DISTANCES: Final = np.array([1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 2.0, 2.2, 2.4, 2.6, 2.8, 3.0, 3.5, 4.0])
#: Where the energy of the dimer is compared.
COMPARED_DISTANCE: Final = 1.5
#: c/a along the path of Bain over that of BCC: from BCC (1) to FCC (√2) and beyond.
_BAIN: Final = np.linspace(0.9, 1.55, 14)
_RATIOS: Final = np.linspace(-0.06, 0.12, 13)
#: Largest change of c/a where each label takes minutes: the five ratios about the ideal one.
_FEW: Final = 0.031
#: Å: a cell in which atoms do not see their images.
_BOX: Final = 25.0


def crystal_at(metal: Metal, structure: str, volume: float, ratio: float | None = None) -> Atoms:
    """``structure`` at ``volume``, Å³/atom; HCP at c/a = ``ratio``, by default the ideal one."""
    options = {} if ratio is None else {"ratio": ratio}
    if metal.smallest:
        cell, fractional = primitive_cell(structure, volume, **options)  # type: ignore[arg-type]
        return Atoms([metal.number] * len(fractional), scaled_positions=fractional, cell=cell, pbc=True)
    crystal = build_crystal(structure, volume, (2, 2, 2), **options)  # type: ignore[arg-type]
    return Atoms(numbers=[metal.number] * len(crystal), positions=crystal.positions, cell=crystal.cell, pbc=True)


def equation_of_state(engine: Engine, metal: Metal) -> dict[str, NDArray[np.float64]]:
    """Energies per atom, eV, of FCC, BCC and HCP (ideal c/a) at `VOLUMES`, by structure.

    Of the ground state alone where each label takes minutes.
    """
    structures = (metal.structure,) if metal.smallest else STRUCTURES
    volumes = VOLUMES * metal.reference_volume
    cells = [crystal_at(metal, structure, volume) for structure in structures for volume in volumes]
    energies = engine.energies(cells) / [len(cell) for cell in cells]
    return dict(zip(structures, energies.reshape(len(structures), -1), strict=True))


def bain_path(engine: Engine, metal: Metal) -> NDArray[np.float64]:
    """Energies per atom, eV, of body-centred tetragonal crystals between BCC and FCC, at the reference's volume."""
    cells = []
    for ratio in _BAIN:
        edge = (2 * metal.reference_volume / ratio) ** (1 / 3)
        cell = np.diag([edge, edge, ratio * edge])
        if metal.smallest:
            half = np.array([[-0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.5, 0.5, -0.5]])
            cells.append(Atoms([metal.number], positions=[[0, 0, 0]], cell=half @ cell, pbc=True))
            continue
        cells.append(
            Atoms(numbers=[metal.number] * 2, scaled_positions=[[0, 0, 0], [0.5] * 3], cell=cell, pbc=True) * 3
        )
    return engine.energies(cells) / [len(cell) for cell in cells]


def ratio_of_hcp(engine: Engine, metal: Metal) -> float:
    """c/a of HCP at the reference's volume: the minimum of a parabola through the three lowest energies."""
    ideal = np.sqrt(8 / 3)
    ratios = ideal * (1 + (_RATIOS[np.abs(_RATIOS) < _FEW] if metal.smallest else _RATIOS))
    cells = [crystal_at(metal, "hcp", metal.reference_volume, ratio) for ratio in ratios]
    energies = engine.energies(cells)
    lowest = int(np.clip(np.argmin(energies), 1, len(ratios) - 2))
    curve = np.polyfit(ratios[lowest - 1 : lowest + 2], energies[lowest - 1 : lowest + 2], 2)
    return float(-curve[1] / (2 * curve[0]))


def dimer_distances(metal: Metal) -> NDArray[np.float64]:
    """`DISTANCES` in a metal of its size, Å."""
    return np.asarray(DISTANCES * (metal.reference_volume / 10.868) ** (1 / 3))


def dimer(engine: Engine, metal: Metal) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distances, Å, and energies, eV, of two atoms in a large cell."""
    distances = dimer_distances(metal)
    cells = [
        Atoms(numbers=[metal.number] * 2, positions=[[0, 0, 0], [d, 0, 0]], cell=np.eye(3) * _BOX, pbc=True)
        for d in distances
    ]
    return distances, engine.energies(cells)


def free_atom(engine: Engine, metal: Metal) -> float:
    """Energy, eV, of one atom in a large cell."""
    return float(engine.energies([Atoms(numbers=[metal.number], cell=np.eye(3) * _BOX, pbc=True)])[0])


def attracts_at_short_range(energies: NDArray[np.float64]) -> bool:
    """Whether the energy of a dimer falls where atoms come nearer below its minimum: atoms would fall together."""
    lowest = int(np.argmin(energies))
    return bool(lowest == 0 or (np.diff(energies[: lowest + 1]) > 0).any())
