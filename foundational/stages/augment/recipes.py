"""Recipes of configurations that a run at one pressure does not visit: each is a name, a number and a seed.

All lengths are in units of the nearest-neighbour distance of the ground state, and volumes in units of its volume per
atom, so that a recipe means the same for each metal. No recipe gives a relaxed crystal, a relaxed defect or a point of
the equation of state, because the tests use those: every crystal has random displacements, or a strain of more than
1 %. Volumes, distances and displacements are spread evenly over their ranges (one random number in each of as many
equal parts), so that a small number of configurations covers them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from ase.build import bcc100, bcc110, bcc111, fcc100, fcc110, fcc111, hcp0001
from numpy.typing import NDArray

from foundational.data.configurations import Configurations, concatenate
from foundational.science.crystals import (
    STRUCTURES,
    Structure,
    build_crystal,
    lattice_constant,
    nearest_neighbour,
    primitive_cell,
)

#: Conventional cells along each edge of the crystals: 32, 16 and 16 atoms.
_REPEATS: Final[dict[Structure, tuple[int, int, int]]] = {"fcc": (2, 2, 2), "bcc": (2, 2, 2), "hcp": (2, 1, 2)}
#: The same in the smallest cells: 4, 2 and 4 atoms.
_SMALLEST: Final = (1, 1, 1)
#: Volumes of scaled crystals: somewhat more than those of the equation of state, 0.8 to 1.25.
_SCALED: Final = (0.74, 1.3)
#: Volumes of dense crystals, at pressures of hundreds of GPa.
_DENSE: Final = (0.55, 0.8)
#: Random displacements, standard deviation along each axis.
_RATTLE: Final = (0.005, 0.06)
#: Largest component of a random strain.
_STRAIN: Final = 0.12
#: Components of the strains of distorted crystals, both signs, and their volumes.
_DISTORTION: Final = (0.012, 0.085)
_DISTORTED: Final = (0.92, 1.1)
#: Strains that keep much of a cubic crystal's symmetry: along an edge, along a diagonal of the cube, and in one plane.
#: In HCP they are c/a, a plane that contains c, and the basal plane.
_CUBIC: Final = np.array(
    [
        [[1.0, 0, 0], [0, -0.5, 0], [0, 0, -0.5]],
        [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]],
        [[0, 0.7, 0], [0.7, 0, 0], [0, 0, 0]],
        [[1.0, 0, 0], [0, 0, 0], [0, 0, 0]],
    ]
)
_HEXAGONAL: Final = np.array(
    [
        [[-0.5, 0, 0], [0, -0.5, 0], [0, 0, 1.0]],
        [[0, 0, 0], [0, 0, 0.7], [0, 0.7, 0]],
        [[0.7, 0, 0], [0, -0.7, 0], [0, 0, 0]],
        [[0, 0, 0], [0, 0, 0], [0, 0, 1.0]],
    ]
)
#: Volumes of strained cells and of crystals with defects.
_NEAR: Final = (0.88, 1.14)
#: Distances of short pairs and of dimers; a lower limit in Å is given to a recipe.
_SHORT_END: Final = 0.85
_DIMER_END: Final = 2.6
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


Recipe = Callable[[Material, int, np.random.Generator], Configurations]


def scaled(material: Material, count: int, random: np.random.Generator) -> Configurations:
    """FCC, BCC and HCP crystals, by turns, from 0.74 to 1.3 of the ground state's volume, displaced."""
    return _of_volumes(material, _SCALED, count, random)


def strained(material: Material, count: int, random: np.random.Generator) -> Configurations:
    """Crystals near the ground state's volume with a random symmetric strain of all six components, displaced."""
    cells = []
    for k, volume in enumerate(_spread(_NEAR, count, random)):
        cell, positions = _crystal(material, STRUCTURES[k % 3], volume)
        strain = random.uniform(-_STRAIN, _STRAIN, (3, 3))
        deformation = np.eye(3) + (strain + strain.T) / 2
        cells.append(_displaced((cell @ deformation, positions @ deformation), _one(_RATTLE, random), random, material))
    return _joined(cells)


def dense(material: Material, count: int, random: np.random.Generator) -> Configurations:
    """FCC, BCC and HCP crystals, by turns, from 0.55 to 0.8 of the ground state's volume, displaced."""
    return _of_volumes(material, _DENSE, count, random)


def distorted(material: Material, count: int, random: np.random.Generator) -> Configurations:
    """Primitive cells of one or two atoms under strains of 1 to 8 % that keep much of their symmetry.

    Seven of nine are the ground state. A dense mesh of k-points is cheap in them: symmetry leaves a quarter to a
    sixteenth of its points. Single atoms in a cell have no forces: the energies of such crystals determine elasticity.
    """
    strains = _spread((-1, 1), count, random)
    cells = []
    for k, volume in enumerate(_spread(_DISTORTED, count, random).tolist()):
        structure = material.structure if k % 3 else STRUCTURES[k // 3 % 3]
        kinds = _HEXAGONAL if structure == "hcp" else _CUBIC
        size = _DISTORTION[0] + (_DISTORTION[1] - _DISTORTION[0]) * abs(strains[k])
        deformation = np.eye(3) + np.copysign(size, strains[k]) * kinds[k % len(kinds)]
        cell, fractional = primitive_cell(structure, volume * material.volume)
        cells.append((cell @ deformation, fractional @ cell @ deformation))
    return _joined_cells(cells, material)


def short_pairs(material: Material, count: int, random: np.random.Generator) -> Configurations:
    """Sampled configurations, one atom of each moved towards a neighbour, to a distance between the shortest and 0.85.

    Distances are spread evenly in their logarithm: forces grow by powers of them.
    """
    first = np.log(material.shortest * 1.001)
    distances = np.exp(_spread((first, np.log(_SHORT_END * material.distance)), count, random))
    rows = random.choice(len(material.frames), count, replace=count > len(material.frames))
    cells = []
    for row, distance in zip(rows.tolist(), distances.tolist(), strict=True):
        frame = material.frames.take([row])
        cell, positions = frame.cell[0], frame.positions.astype(np.float64)
        atom = int(random.integers(len(positions)))
        vectors = _nearest_images(positions - positions[atom], cell)
        lengths = np.linalg.norm(vectors, axis=1)
        lengths[atom] = np.inf
        neighbour = int(np.argmin(lengths))
        positions[atom] += vectors[neighbour] * (1 - distance / lengths[neighbour])
        cells.append((cell, positions))
    return _joined_cells(cells, material)


def vacancies(material: Material, count: int, random: np.random.Generator) -> Configurations:
    """Crystals near the ground state's volume without one to a tenth of their atoms, displaced."""
    cells = []
    for k, volume in enumerate(_spread((0.94, 1.08), count, random)):
        structure = material.structure if k % 2 else STRUCTURES[k // 2 % 3]
        cell, positions = _crystal(material, structure, volume, 2 if structure == "fcc" else 3)
        missing = int(random.integers(1, max(2, round(_VACANT * len(positions))) + 1))
        kept = np.sort(random.permutation(len(positions))[missing:])
        cells.append(_displaced((cell, positions[kept]), _one(_RATTLE, random), random, material))
    return _joined(cells)


def surfaces(material: Material, count: int, random: np.random.Generator) -> Configurations:
    """Slabs with the low-index faces of FCC, BCC and HCP, between vacuum, displaced; two of three of the ground state.

    All directions are periodic, and the vacuum is four nearest-neighbour distances wide at least.
    """
    cells = []
    for k, volume in enumerate(_spread((0.94, 1.08), count, random)):
        structure = material.structure if k % 3 else STRUCTURES[k // 3 % 3]
        builders = _SLABS[structure]
        builder = builders[k // 2 % len(builders)]
        layers = int(random.integers(_LAYERS[0], _LAYERS[1] + 1))
        a = lattice_constant(structure, volume * material.volume)
        extra = {"c": a * (8 / 3) ** 0.5} if structure == "hcp" else {}
        edge = (1, 2)[int(random.integers(2))]
        vacuum = (1 + random.random() / 2) * _VACUUM * material.distance
        slab = builder("Ni", size=(edge, 2, layers), a=a, vacuum=vacuum / 2, **extra)
        cells.append(_displaced((slab.cell.array, slab.positions), _one(_RATTLE, random), random, material))
    return _joined(cells)


def free_atoms(material: Material, count: int, random: np.random.Generator) -> Configurations:
    """One atom in a cube so large that it has no neighbour."""
    edges = _spread((6.5, 8.0), count, random) * material.distance
    return _joined_cells([(edge * np.eye(3), np.zeros((1, 3))) for edge in edges.tolist()], material)


def dimers(material: Material, count: int, random: np.random.Generator) -> Configurations:
    """Two atoms in a large cube, from the shortest trusted distance to beyond the reach of the potential."""
    ends = np.log(material.shortest * 1.001), np.log(_DIMER_END * material.distance)
    distances = np.exp(_spread(ends, count, random))
    edge = (4 + _DIMER_END) * material.distance
    cells = []
    for distance in distances.tolist():
        direction = random.normal(size=3)
        positions = np.array([np.zeros(3), direction / np.linalg.norm(direction) * distance])
        cells.append((edge * np.eye(3), positions + edge / 2))
    return _joined_cells(cells, material)


#: The recipes by name, in the order in which a set holds their configurations.
RECIPES: Final[dict[str, Recipe]] = {
    "scaled": scaled,
    "strained": strained,
    "dense": dense,
    "distorted": distorted,
    "short-pairs": short_pairs,
    "vacancies": vacancies,
    "surfaces": surfaces,
    "free-atoms": free_atoms,
    "dimers": dimers,
}

_Cell = tuple[NDArray[np.float64], NDArray[np.float64]]


def _of_volumes(
    material: Material, ends: tuple[float, float], count: int, random: np.random.Generator
) -> Configurations:
    """Displaced crystals with volumes between ``ends``, in units of the ground state's.

    A compressed crystal is stiffer: displacements follow the square of the volume, so that they are thermal ones of the
    same temperatures at each volume (a Grüneisen parameter of 2).
    """
    cells = []
    for k, volume in enumerate(_spread(ends, count, random).tolist()):
        rattle = _one(_RATTLE, random) * volume**2
        cells.append(_displaced(_crystal(material, STRUCTURES[k % 3], volume), rattle, random, material))
    return _joined(cells)


def _spread(ends: tuple[float, float], count: int, random: np.random.Generator) -> NDArray[np.float64]:
    """(count,) numbers between ``ends``, one at random in each of as many equal parts, in random order."""
    return ends[0] + (ends[1] - ends[0]) * (random.permutation(count) + random.random(count)) / count


def _one(ends: tuple[float, float], random: np.random.Generator) -> float:
    """A number between ``ends``, uniform in its logarithm."""
    return float(np.exp(random.uniform(*np.log(ends))))


def _crystal(material: Material, structure: Structure, volume: float, repeats: int | None = None) -> _Cell:
    """A cell with ``volume`` times the ground state's volume per atom; ``repeats`` is for crystals with defects."""
    if repeats is None and material.smallest:
        edges = _SMALLEST
    else:
        edges = _REPEATS[structure] if repeats is None or structure == "hcp" else (repeats,) * 3
    crystal = build_crystal(structure, volume * material.volume, edges)
    return crystal.cell, crystal.positions


def _displaced(crystal: _Cell, rattle: float, random: np.random.Generator, material: Material) -> Configurations:
    """The crystal with random displacements of standard deviation ``rattle`` nearest-neighbour distances."""
    cell, positions = crystal
    scale = rattle * material.distance
    return _joined_cells([(cell, positions + random.normal(scale=scale, size=positions.shape))], material)


def _joined_cells(cells: list[_Cell], material: Material) -> Configurations:
    numbers = [np.full(len(positions), material.number) for _, positions in cells]
    return Configurations.build([cell for cell, _ in cells], [positions for _, positions in cells], numbers)


def _joined(parts: list[Configurations]) -> Configurations:
    return concatenate(parts) if parts else Configurations.build([], [], [])


def _nearest_images(vectors: NDArray[np.float64], cell: NDArray[np.float64]) -> NDArray[np.float64]:
    """``vectors`` (N, 3) to the nearest images in a cell that is not very oblique."""
    fractional = vectors @ np.linalg.inv(cell)
    nearest: NDArray[np.float64] = (fractional - np.rint(fractional)) @ cell
    return nearest
