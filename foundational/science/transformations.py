"""From one crystal to another without diffusion: what turns a hot configuration of FCC into one of BCC or HCP.

Positions (N, 3) and cells (3, 3) in Å; crystals lie along x, y and z.
"""

from itertools import product
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

#: Height over edge of FCC's cell, seen as a body-centred tetragonal one; that of BCC is 1.
_FCC_RATIO: Final = 2.0**0.5
#: Normals of the four families of close-packed planes of FCC, not normalised.
_NORMALS: Final = np.array([(1, *signs) for signs in product((1, -1), repeat=2)], dtype=np.float64)
#: How clearly atoms must lie in planes: the structure factor of these, over its value in the perfect crystal.
_IN_PLANES: Final = 0.3


def bain_strain(axis: int, crystal: Literal["fcc", "bcc"]) -> NDArray[np.float64]:
    """The stretch along x, y and z, (3,), that turns ``crystal`` into the other of the two.

    FCC is a body-centred tetragonal crystal √2 times as high as wide; BCC one as high as wide. Squeezing FCC along
    ``axis``, or drawing BCC out, at constant volume leads from one to the other (E. C. Bain, Trans. AIME 70, 25
    (1924)).

    >>> bain_strain(2, "fcc").round(4).tolist()
    [1.1225, 1.1225, 0.7937]
    """
    ratio = 1 / _FCC_RATIO if crystal == "fcc" else _FCC_RATIO
    stretch = np.full(3, ratio ** (-1 / 3))
    stretch[axis] = ratio ** (2 / 3)
    return stretch


def fcc_to_hcp_shear(
    cell: NDArray[np.float64], positions: NDArray[np.float64], family: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """An FCC configuration in a cubic cell whose close-packed planes have slipped, two by two, to those of HCP.

    Planes are stacked ABCABC… in FCC and ABABAB… in HCP. Each pair of planes slips by one Shockley partial more than
    the pair below, and the cell with them; every atom keeps its displacement from its plane (J. W. Christian, Proc. R.
    Soc. A 206, 51 (1951)).

    Parameters
    ----------
    family
        Which of the four families of planes, modulo 4.

    Returns
    -------
    Cell and positions; None where an odd number of planes lies between an atom and its image, or the atoms do not lie
    in such planes.
    """
    edge = float(np.abs(np.linalg.det(cell))) ** (1 / 3)
    cells = round((len(positions) / 4) ** (1 / 3))
    if cells % 2 or 4 * cells**3 != len(positions) or not np.allclose(cell, np.eye(3) * edge, atol=1e-3 * edge):
        return None
    a, normal = edge / cells, _NORMALS[family % 4]
    height = positions @ normal / a  # in planes: their distance is a/√3, and |normal| is √3
    wave = np.exp(2j * np.pi * height).mean()
    if abs(wave) < _IN_PLANES:
        return None
    plane = np.rint(height - np.angle(wave) / (2 * np.pi))
    partial = a / 6 * normal * (-2, 1, 1)  # from an atom to the hollow below its neighbour in the next plane
    pairs = 2 * np.floor(plane / 2)
    return cell - np.outer(cells * normal, partial), positions - pairs[:, None] * partial
