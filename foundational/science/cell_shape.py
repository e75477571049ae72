"""What keeps a flexible cell from running away in the liquid, which resists no shear: a weak restraint of its shape.

U = κ (Σ_ij h_ij² / V^⅔ − 3) of a cell h of volume V is 0 for a cube, positive for every other cell (the means of the
squared lengths and of the volume, AM-GM), the same for a cell that is rotated or scaled, and 2κ Σ_ij e_ij² for a small
strain e of a cube at constant volume. It is a part of the biased Hamiltonian, H + ΔH(H, O) + U, and a function of the
stored cell, so that a pool under it can be reweighted; an isotropic cell has none.
"""

import numpy as np
from numpy.typing import NDArray


def shape_energy(cell: NDArray[np.float64], stiffness: float) -> NDArray[np.float64]:
    """U of cells.

    Parameters
    ----------
    cell : (..., 3, 3)
        Å, rows are lattice vectors.
    stiffness
        κ, eV.

    Returns
    -------
    (...)
        eV.

    Examples
    --------
    A cube costs nothing; a box of 1 × 1 × 8, of volume 8, costs κ (66/4 − 3).

    >>> [float(shape_energy(np.diag(edges), 2.0).round(12)) for edges in ([7.0, 7, 7], [1.0, 1, 8])]
    [0.0, 27.0]
    """
    volume = np.abs(np.linalg.det(cell))
    return np.asarray(stiffness * ((np.asarray(cell) ** 2).sum(axis=(-2, -1)) / volume ** (2 / 3) - 3.0))
