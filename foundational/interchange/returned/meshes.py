"""The regular mesh to which a list of k-points belongs."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Most divisions along a vector that are tried.
_MOST: Final = 64
#: Largest error of a fraction; programs print them to seven digits or more.
_ERROR: Final = 2e-4


def mesh_of(fractions: NDArray[np.float64]) -> str | None:
    """Divisions such as ``4x4x2`` of the coarsest Monkhorst-Pack mesh that has all points; None where none has.

    Parameters
    ----------
    fractions
        (K, 3) of the reciprocal lattice vectors. Points that symmetry removed must not be all of one plane of the mesh:
        without symmetry, or with inversion alone, none is.

    Examples
    --------
    >>> mesh_of(np.array([[0.25, 0.25, 0.0], [-0.25, 0.25, 0.0]]))
    '2x2x1'
    """
    divisions = [_along(fractions[:, axis]) for axis in range(3)]
    return None if None in divisions else "x".join(map(str, divisions))


def _along(values: NDArray[np.float64]) -> int | None:
    """The fewest divisions n so that 2 n times each value is a whole number, all even or all odd."""
    for n in range(1, _MOST + 1):
        doubled = 2 * n * values
        whole = np.rint(doubled)
        if np.abs(doubled - whole).max() <= 2 * n * _ERROR and len(np.unique(whole.astype(np.int64) % 2)) == 1:
            return n
    return None
