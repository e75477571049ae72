"""Periodic cells as matrices: the lower-triangular form that LAMMPS wants, and heights.

Letters for shapes: C configurations, A atoms in all. Rows of a cell are its lattice vectors, in Å.
"""

import numpy as np
from numpy.typing import NDArray

Cells = NDArray[np.float64]


def lower_triangular(cell: Cells) -> tuple[Cells, Cells]:
    """The same lattices in LAMMPS's orientation, with short tilts.

    A cell h is written h = L·Q with L lower-triangular of positive diagonal and Q orthogonal (the QR decomposition of
    hᵀ). Multiples of earlier rows of L are then taken from later ones until every tilt is at most half the length
    that it tilts over, which changes the lattice vectors but not the lattice. A left-handed cell gives an improper Q,
    which no scalar potential notices.

    Parameters
    ----------
    cell
        (C, 3, 3) Å.

    Returns
    -------
    reduced
        (C, 3, 3) Å, lower-triangular.
    rotation
        (C, 3, 3) Q: a row vector v in LAMMPS's frame is v·Q in the frame of ``cell``.

    Examples
    --------
    >>> reduced, _ = lower_triangular(np.array([[[2.0, 0, 0], [3.0, 2, 0], [0, 0, 2]]]))
    >>> reduced[0].tolist()
    [[2.0, 0.0, 0.0], [-1.0, 2.0, 0.0], [0.0, 0.0, 2.0]]
    """
    q, r = np.linalg.qr(np.swapaxes(cell, -1, -2))
    sign = np.where(np.diagonal(r, axis1=-2, axis2=-1) < 0, -1.0, 1.0)
    lower = np.tril(np.swapaxes(r, -1, -2) * sign[:, None, :])
    rotation = sign[:, :, None] * np.swapaxes(q, -1, -2)
    for row, earlier in ((1, 0), (2, 1), (2, 0)):  # rows nearest the diagonal first: they change the later entries
        times = np.rint(lower[:, row, earlier] / lower[:, earlier, earlier])
        lower[:, row] -= times[:, None] * lower[:, earlier]
    return lower, rotation


def fractional_coordinates(cell: Cells, rotation: Cells, positions: Cells, owner: NDArray[np.int64]) -> Cells:
    """Coordinates in units of the cells that :func:`lower_triangular` gave, not wrapped.

    Parameters
    ----------
    cell, rotation
        (C, 3, 3) as returned there.
    positions
        (A, 3) Å, in the original orientation.
    owner
        (A,) the cell of each atom.
    """
    to_fractional = np.swapaxes(rotation, -1, -2) @ np.linalg.inv(cell)
    return np.asarray(np.einsum("ai,aij->aj", positions, to_fractional[owner]))


def heights(cell: Cells) -> Cells:
    """Distances between opposite faces, (C, 3) Å: the reciprocal lengths of the columns of the inverse.

    >>> heights(np.diag([2.0, 3.0, 4.0])[None]).tolist()
    [[2.0, 3.0, 4.0]]
    """
    return np.asarray(1.0 / np.linalg.norm(np.linalg.inv(cell), axis=-2), dtype=np.float64)
