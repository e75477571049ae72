"""Lattices of configurations with any boundaries: complete cells, equal lattices in other bases or orientations."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations

Cells = NDArray[np.float64]


def complete_cells(configurations: Configurations) -> Cells:
    """(C, 3, 3) Å: the periodic vectors, with orthogonal unit vectors along directions without periods.

    So vacuum vectors, which some programs write and others do not, take no part.
    """
    c, pbc = configurations, configurations.pbc
    cells = np.array(c.cell)
    cells[~pbc.any(axis=1)] = np.eye(3)
    mixed = np.flatnonzero(pbc.any(axis=1) & ~pbc.all(axis=1))
    if mixed.size:
        few = c.with_labels(None).take(mixed)
        few = replace(few, cell=np.where(few.pbc[:, :, None], few.cell, 0.0))
        cells[mixed] = few.complete_cell
    return cells


def heights_along(cells: Cells) -> NDArray[np.float64]:
    """(C, 3) Å: the distance between opposite faces of each cell."""
    heights: NDArray[np.float64] = 1 / np.linalg.norm(np.linalg.inv(cells), axis=1)
    return heights


def same_lattice(a: Cells, b: Cells, pbc: NDArray[np.bool_], tolerance: float) -> NDArray[np.bool_]:
    """(P,) whether ``b`` spans the lattice of ``a``, in whatever basis.

    Each periodic vector of ``b`` must lie within ``tolerance`` Å of a sum of whole vectors of ``a``, and the whole
    numbers must have the determinant ±1.
    """
    whole = np.rint(b @ np.linalg.inv(a))
    both = pbc[:, :, None] & pbc[:, None, :]
    whole = np.where(both, whole, np.eye(3))
    away = np.where(pbc, np.linalg.norm(b - whole @ a, axis=2), 0.0).max(axis=1)
    same: NDArray[np.bool_] = (away <= tolerance) & (np.abs(np.abs(np.linalg.det(whole)) - 1) < 0.5)
    return same


def rotation_between(a: Cells, b: Cells, tolerance: float) -> Cells | None:
    """(3, 3) proper rotation ``r`` with ``a @ r`` within ``tolerance`` Å of ``b``, vector by vector; None for none.

    The best rotation follows from a singular value decomposition (Kabsch, 10.1107/S0567739476001873).
    """
    left, _, right = np.linalg.svd(a.T @ b)
    rotation: Cells = left @ right
    if np.linalg.det(rotation) < 0 or np.linalg.norm(a @ rotation - b, axis=1).max() > tolerance:
        return None
    return rotation
