"""Ordered compounds on the sites of FCC and BCC, by their Strukturbericht symbols.

Each occupies two sublattices: one element the first, another the second. Sources of the structures: M. J. Mehl et al.,
The AFLOW Library of Crystallographic Prototypes, doi 10.1016/j.commatsci.2017.01.017.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations, product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foundational.science.alloys.sites import Cubic, Sites, crystal_coordinates

_Integers = NDArray[np.int64]
#: The 48 rotations and reflections of a cube.
_SYMMETRIES: Final = [
    np.array([[sign * (axis == column) for column in range(3)] for axis, sign in zip(order, signs, strict=True)])
    for order in permutations(range(3))
    for signs in product((1, -1), repeat=3)
]


@dataclass(frozen=True)
class Pattern:
    """One ordered compound."""

    crystal: Cubic
    share: float
    """Of the sites, in the first sublattice."""
    first: Callable[[_Integers], NDArray[np.bool_]]
    """(N,) whether sites (N, 3), in halves of the edge of the cubic cell, are of the first sublattice."""


#: Strukturbericht symbol and pattern. D0_22 becomes D0_3 on the Bain path, and L1_0 becomes B2.
PATTERNS: Final[dict[str, Pattern]] = {
    "L1_2": Pattern("fcc", 0.25, lambda p: (p % 2 == 0).all(axis=1)),
    "L1_0": Pattern("fcc", 0.5, lambda p: p[:, 2] % 2 == 0),
    "L1_1": Pattern("fcc", 0.5, lambda p: p.sum(axis=1) % 4 == 0),
    "D0_22": Pattern("fcc", 0.25, lambda p: (2 * p[:, 0] + p[:, 2]) % 4 == 0),
    "B2": Pattern("bcc", 0.5, lambda p: p[:, 0] % 2 == 0),
    "D0_3": Pattern("bcc", 0.25, lambda p: p.sum(axis=1) % 4 == 0),
    "B32": Pattern("bcc", 0.5, lambda p: p.sum(axis=1) % 4 < 2),
}


def sublattice(name: str, sites: Sites, axis: int, random: np.random.Generator) -> NDArray[np.bool_] | None:
    """(N,) whether each site is of the first sublattice of the pattern ``name``, at a random orientation and origin.

    Parameters
    ----------
    axis
        Of the Bain strain, where the crystal of the pattern is not that of the sites.
    random
        Decides orientation and origin.

    Returns
    -------
    None where no orientation of the pattern repeats with the supercell.
    """
    pattern = PATTERNS[name]
    coordinates, period = crystal_coordinates(sites, pattern.crystal, axis)
    origin = coordinates[random.integers(len(coordinates))]
    for number in random.permutation(len(_SYMMETRIES)).tolist():
        turned = (coordinates - origin) @ _SYMMETRIES[number]
        first = pattern.first(turned)
        images = ((coordinates + vector - origin) @ _SYMMETRIES[number] for vector in period)
        if all(np.array_equal(first, pattern.first(image)) for image in images):
            return first
    return None
