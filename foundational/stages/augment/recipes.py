"""Recipes of configurations that a run at one pressure does not visit: each is a name, a number and a seed.

All lengths are in units of the nearest-neighbour distance of the ground state, and volumes in units of its volume per
atom, so that a recipe means the same for each metal. No recipe gives a relaxed crystal, a relaxed defect or a point of
the equation of state, because the tests use those: every crystal has random displacements, or a strain of more than
1 %. Volumes, distances and displacements are spread evenly over their ranges (one random number in each of as many
equal parts), so that a small number of configurations covers them.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from foundational.data.configurations import Configurations
from foundational.science.crystals import STRUCTURES, primitive_cell
from foundational.stages.augment.building import (
    RATTLE,
    Material,
    crystal_cell,
    displaced,
    joined,
    joined_cells,
    log_uniform,
    spread,
)
from foundational.stages.augment.defects import (
    dimers,
    free_atoms,
    short_pairs,
    surfaces,
    symmetric_vacancies,
    vacancies,
)

#: Volumes of scaled crystals: somewhat more than those of the equation of state, 0.8 to 1.25.
_SCALED: Final = (0.74, 1.3)
#: Volumes of dense crystals, at pressures of hundreds of GPa.
_DENSE: Final = (0.55, 0.8)
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
#: Volumes of strained cells, in those of the ground state.
_NEAR: Final = (0.88, 1.14)
Recipe = Callable[[Material, int, np.random.Generator], Configurations]


def scaled(material: Material, count: int, random: np.random.Generator) -> Configurations:
    """FCC, BCC and HCP crystals, by turns, from 0.74 to 1.3 of the ground state's volume, displaced."""
    return _of_volumes(material, _SCALED, count, random)


def strained(material: Material, count: int, random: np.random.Generator) -> Configurations:
    """Crystals near the ground state's volume with a random symmetric strain of all six components, displaced."""
    cells = []
    for k, volume in enumerate(spread(_NEAR, count, random)):
        cell, positions = crystal_cell(material, STRUCTURES[k % 3], volume)
        strain = random.uniform(-_STRAIN, _STRAIN, (3, 3))
        deformation = np.eye(3) + (strain + strain.T) / 2
        cells.append(
            displaced((cell @ deformation, positions @ deformation), log_uniform(RATTLE, random), random, material)
        )
    return joined(cells)


def dense(material: Material, count: int, random: np.random.Generator) -> Configurations:
    """FCC, BCC and HCP crystals, by turns, from 0.55 to 0.8 of the ground state's volume, displaced."""
    return _of_volumes(material, _DENSE, count, random)


def distorted(material: Material, count: int, random: np.random.Generator) -> Configurations:
    """Primitive cells of one or two atoms under strains of 1 to 8 % that keep much of their symmetry.

    Seven of nine are the ground state. A dense mesh of k-points is cheap in them: symmetry leaves a quarter to a
    sixteenth of its points. Single atoms in a cell have no forces: the energies of such crystals determine elasticity.
    """
    strains = spread((-1, 1), count, random)
    cells = []
    for k, volume in enumerate(spread(_DISTORTED, count, random).tolist()):
        structure = material.structure if k % 3 else STRUCTURES[k // 3 % 3]
        kinds = _HEXAGONAL if structure == "hcp" else _CUBIC
        deformation = np.eye(3) + _strain(strains[k]) * kinds[k % len(kinds)]
        cell, fractional = primitive_cell(structure, volume * material.volume)
        cells.append((cell @ deformation, fractional @ cell @ deformation))
    return joined_cells(cells, material)


def hcp_ratios(material: Material, count: int, random: np.random.Generator) -> Configurations:
    """Primitive cells of HCP whose c/a differs by 2 to 13 % from the ideal one, near the ground state's volume.

    For metals with another ground state, whose `distorted` crystals hold few of HCP. The point group is that of HCP.
    """
    strains = spread((-1, 1), count, random)
    cells = []
    for k, volume in enumerate(spread(_DISTORTED, count, random).tolist()):
        cell, fractional = primitive_cell("hcp", volume * material.volume)
        deformation = np.eye(3) + _strain(strains[k]) * _HEXAGONAL[0]
        cells.append((cell @ deformation, fractional @ cell @ deformation))
    return joined_cells(cells, material)


def _strain(share: float) -> float:
    """The strain at ``share``, −1 to 1, of the range of both signs."""
    smallest, largest = _DISTORTION
    return float(np.copysign(smallest + (largest - smallest) * abs(share), share))


def _of_volumes(
    material: Material, ends: tuple[float, float], count: int, random: np.random.Generator
) -> Configurations:
    """Displaced crystals with volumes between ``ends``, in units of the ground state's.

    A compressed crystal is stiffer: displacements follow the square of the volume, so that they are thermal ones of the
    same temperatures at each volume (a Grüneisen parameter of 2).
    """
    cells = []
    for k, volume in enumerate(spread(ends, count, random).tolist()):
        rattle = log_uniform(RATTLE, random) * volume**2
        cells.append(displaced(crystal_cell(material, STRUCTURES[k % 3], volume), rattle, random, material))
    return joined(cells)


#: The recipes by name, in the order in which a set holds their configurations.
RECIPES: Final[dict[str, Recipe]] = {
    "scaled": scaled,
    "strained": strained,
    "dense": dense,
    "distorted": distorted,
    "hcp-ratios": hcp_ratios,
    "short-pairs": short_pairs,
    "vacancies": vacancies,
    "symmetric-vacancies": symmetric_vacancies,
    "surfaces": surfaces,
    "free-atoms": free_atoms,
    "dimers": dimers,
}
