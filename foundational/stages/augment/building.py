"""What recipes build with: the metal, its crystals, and random numbers that cover a range evenly."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations, concatenate
from foundational.science.crystals import Structure, build_crystal, nearest_neighbour

#: Conventional cells along each edge of the crystals: 32, 16 and 16 atoms.
_REPEATS: Final[dict[Structure, tuple[int, int, int]]] = {"fcc": (2, 2, 2), "bcc": (2, 2, 2), "hcp": (2, 1, 2)}
#: The same in the smallest cells: 4, 2 and 4 atoms.
_SMALLEST: Final = (1, 1, 1)
#: Random displacements, standard deviation along each axis.
RATTLE: Final = (0.005, 0.06)

Cell = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Lattice vectors (3, 3) and positions (N, 3), Å."""


@dataclass(frozen=True, eq=False)
class Material:
    """What a recipe knows of the metal."""

    number: int
    """Atomic number."""
    volume: float
    """Å³ per atom of the ground state."""
    structure: Structure
    """The ground state."""
    shortest: float
    """Å, the shortest distance of two atoms that a recipe gives: down to it the labeller is trusted."""
    frames: Configurations
    """Sampled configurations, from which short pairs start."""
    smallest: bool = False
    """Crystals without defects have the smallest cells, for a labeller whose cost grows faster than the cell."""

    @property
    def distance(self) -> float:
        """Å between nearest neighbours in the ground state."""
        return nearest_neighbour(self.structure, self.volume)


def spread(ends: tuple[float, float], count: int, random: np.random.Generator) -> NDArray[np.float64]:
    """(count,) numbers between ``ends``, one at random in each of as many equal parts, in random order."""
    return ends[0] + (ends[1] - ends[0]) * (random.permutation(count) + random.random(count)) / count


def log_uniform(ends: tuple[float, float], random: np.random.Generator) -> float:
    """A number between ``ends``, uniform in its logarithm."""
    return float(np.exp(random.uniform(*np.log(ends))))


def crystal_cell(material: Material, structure: Structure, volume: float, repeats: int | None = None) -> Cell:
    """A cell with ``volume`` times the ground state's volume per atom; ``repeats`` is for crystals with defects."""
    if repeats is None and material.smallest:
        edges = _SMALLEST
    else:
        edges = _REPEATS[structure] if repeats is None or structure == "hcp" else (repeats,) * 3
    crystal = build_crystal(structure, volume * material.volume, edges)
    return crystal.cell, crystal.positions


def displaced(crystal: Cell, rattle: float, random: np.random.Generator, material: Material) -> Configurations:
    """The crystal with random displacements of standard deviation ``rattle`` nearest-neighbour distances."""
    cell, positions = crystal
    scale = rattle * material.distance
    return joined_cells([(cell, positions + random.normal(scale=scale, size=positions.shape))], material)


def joined_cells(cells: list[Cell], material: Material) -> Configurations:
    """All ``cells`` as configurations of the metal."""
    numbers = [np.full(len(positions), material.number) for _, positions in cells]
    return Configurations.build([cell for cell, _ in cells], [positions for _, positions in cells], numbers)


def joined(parts: list[Configurations]) -> Configurations:
    """All ``parts``, of which there may be none."""
    return concatenate(parts) if parts else Configurations.build([], [], [])


def nearest_images(vectors: NDArray[np.float64], cell: NDArray[np.float64]) -> NDArray[np.float64]:
    """``vectors`` (N, 3) to the nearest images in a cell that is not very oblique."""
    fractional = vectors @ np.linalg.inv(cell)
    nearest: NDArray[np.float64] = (fractional - np.rint(fractional)) @ cell
    return nearest
