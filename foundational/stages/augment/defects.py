"""Recipes of what is no crystal: short pairs, vacancies, surfaces, single atoms and dimers.

Lengths are in units of the nearest-neighbour distance of the ground state, and volumes in units of its volume per atom.
"""

from typing import Final

import numpy as np
from ase.build import bcc100, bcc110, bcc111, fcc100, fcc110, fcc111, hcp0001
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.science.crystals import STRUCTURES, lattice_constant
from foundational.stages.augment.building import (
    RATTLE,
    Material,
    crystal_cell,
    displaced,
    joined,
    joined_cells,
    log_uniform,
    nearest_images,
    spread,
)

#: Distances of short pairs and of dimers; a lower limit in Å is given to a recipe.
_SHORT_END: Final = 0.85
_DIMER_END: Final = 2.6
#: Largest stretch, along one edge, of crystals with a symmetric vacancy.
_STRETCH: Final = 0.04
#: Share of the sites of a crystal that vacancies take, at most.
_VACANT: Final = 0.1
#: Vacuum between the two faces of a slab, beyond the reach of any potential here.
_VACUUM: Final = 4.0
#: Layers of slabs.
_LAYERS: Final = (4, 8)
_SLABS: Final = {
    "fcc": (fcc100, fcc110, fcc111),
    "bcc": (bcc100, bcc110, bcc111),
    "hcp": (hcp0001,),
}


def short_pairs(material: Material, count: int, random: np.random.Generator) -> Configurations:
    """Sampled configurations, one atom of each moved towards a neighbour, to a distance between the shortest and 0.85.

    Distances are spread evenly in their logarithm: forces grow by powers of them.
    """
    first = np.log(material.shortest * 1.001)
    distances = np.exp(spread((first, np.log(_SHORT_END * material.distance)), count, random))
    rows = random.choice(len(material.frames), count, replace=count > len(material.frames))
    cells = []
    for row, distance in zip(rows.tolist(), distances.tolist(), strict=True):
        frame = material.frames.take([row])
        cell, positions = frame.cell[0], frame.positions.astype(np.float64)
        atom = int(random.integers(len(positions)))
        vectors = nearest_images(positions - positions[atom], cell)
        lengths = np.linalg.norm(vectors, axis=1)
        lengths[atom] = np.inf
        neighbour = int(np.argmin(lengths))
        positions[atom] += vectors[neighbour] * (1 - distance / lengths[neighbour])
        cells.append((cell, positions))
    return joined_cells(cells, material)


def vacancies(material: Material, count: int, random: np.random.Generator) -> Configurations:
    """Crystals near the ground state's volume without one to a tenth of their atoms, displaced."""
    cells = []
    for k, volume in enumerate(spread((0.94, 1.08), count, random)):
        structure = material.structure if k % 2 else STRUCTURES[k // 2 % 3]
        cell, positions = crystal_cell(material, structure, volume, 2 if structure == "fcc" else 3)
        missing = int(random.integers(1, max(2, round(_VACANT * len(positions))) + 1))
        kept = np.sort(random.permutation(len(positions))[missing:])
        cells.append(displaced((cell, positions[kept]), log_uniform(RATTLE, random), random, material))
    return joined(cells)


def symmetric_vacancies(material: Material, count: int, random: np.random.Generator) -> Configurations:
    """Crystals of the ground state with one vacancy, whose neighbours at each distance move towards it or away.

    Cells have 31 (FCC) or 15 atoms (BCC, HCP). Every second one is stretched along an edge. The point group of the
    vacancy, or of the stretch, is kept, so a dense mesh of k-points is cheap.
    """
    cells = []
    for k, volume in enumerate(spread((0.94, 1.08), count, random).tolist()):
        cell, positions = crystal_cell(material, material.structure, volume, 2)
        vectors, radial = _shells(positions[1:] - positions[0], cell)
        lengths = np.linalg.norm(vectors, axis=1).round(3)
        distances, shell = np.unique(lengths, return_inverse=True)
        moved = random.normal(scale=log_uniform(RATTLE, random) * material.distance, size=len(distances))[shell]
        positions = positions[1:] + moved[:, None] * radial / lengths[:, None]
        stretch = np.diag([1 + random.uniform(-_STRETCH, _STRETCH), 1, 1]) if k % 2 else np.eye(3)
        cells.append((cell @ stretch, positions @ stretch))
    return joined_cells(cells, material)


def surfaces(material: Material, count: int, random: np.random.Generator) -> Configurations:
    """Slabs with the low-index faces of FCC, BCC and HCP, between vacuum, displaced; two of three of the ground state.

    All directions are periodic, and the vacuum is four nearest-neighbour distances wide at least.
    """
    cells = []
    for k, volume in enumerate(spread((0.94, 1.08), count, random)):
        structure = material.structure if k % 3 else STRUCTURES[k // 3 % 3]
        builders = _SLABS[structure]
        builder = builders[k // 2 % len(builders)]
        layers = int(random.integers(_LAYERS[0], _LAYERS[1] + 1))
        a = lattice_constant(structure, volume * material.volume)
        extra = {"c": a * (8 / 3) ** 0.5} if structure == "hcp" else {}
        edge = (1, 2)[int(random.integers(2))]
        vacuum = (1 + random.random() / 2) * _VACUUM * material.distance
        slab = builder("Ni", size=(edge, 2, layers), a=a, vacuum=vacuum / 2, **extra)
        cells.append(displaced((slab.cell.array, slab.positions), log_uniform(RATTLE, random), random, material))
    return joined(cells)


def free_atoms(material: Material, count: int, random: np.random.Generator) -> Configurations:
    """One atom in a cube so large that it has no neighbour."""
    edges = spread((6.5, 8.0), count, random) * material.distance
    return joined_cells([(edge * np.eye(3), np.zeros((1, 3))) for edge in edges.tolist()], material)


def dimers(material: Material, count: int, random: np.random.Generator) -> Configurations:
    """Two atoms in a large cube, from the shortest trusted distance to beyond the reach of the potential."""
    ends = np.log(material.shortest * 1.001), np.log(_DIMER_END * material.distance)
    distances = np.exp(spread(ends, count, random))
    edge = (4 + _DIMER_END) * material.distance
    cells = []
    for distance in distances.tolist():
        direction = random.normal(size=3)
        positions = np.array([np.zeros(3), direction / np.linalg.norm(direction) * distance])
        cells.append((edge * np.eye(3), positions + edge / 2))
    return joined_cells(cells, material)


def _shells(vectors: NDArray[np.float64], cell: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``vectors`` (N, 3) to the nearest images, and without components to two images at the same distance.

    A site half a cell away has images on both sides: a symmetric vacancy cannot move it along that edge.
    """
    fractional = vectors @ np.linalg.inv(cell)
    nearest = fractional - np.rint(fractional)
    return nearest @ cell, np.where(np.abs(np.abs(nearest) - 0.5) < 1e-6, 0.0, nearest) @ cell
