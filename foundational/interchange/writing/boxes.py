"""Clusters and slabs for programs that have periodic cells only."""

from dataclasses import replace
from typing import Final

import numpy as np

from foundational.data.configurations import Configurations

#: Å of vacuum around what is not periodic, in a file that has periodic cells only.
VACUUM: Final = 20.0


def in_boxes(configurations: Configurations, vacuum: float = VACUUM) -> Configurations:
    """The same atoms in cells that are periodic along three vectors, ``vacuum`` Å apart from their images.

    A vector along which a cell was periodic stays as it is. The product of stress and volume stays the same, which is
    the derivative of the energy by a strain.
    """
    c = configurations
    cell = np.array(c.complete_cell)
    for i in np.flatnonzero(~c.pbc.all(axis=1)):
        positions = np.asarray(c.positions[c.offsets[i] : c.offsets[i + 1]], dtype=np.float64)
        for axis in np.flatnonzero(~c.pbc[i]):
            normal = np.cross(cell[i, (axis + 1) % 3], cell[i, (axis + 2) % 3])
            normal /= np.linalg.norm(normal)
            needed = float(np.ptp(positions @ normal)) + vacuum
            if abs(float(cell[i, axis] @ normal)) < needed:
                cell[i, axis] = needed * normal
    labels = c.labels
    if labels is not None:
        new = np.abs(np.linalg.det(cell))
        ratio = np.where(c.pbc.all(axis=1), 1.0, c.volume / new)
        ratio = np.where(ratio == 0, np.nan, ratio)  # without a volume there was no stress
        labels = replace(labels, stress=labels.stress * ratio[:, None, None])
    return replace(c, cell=cell, pbc=np.ones_like(c.pbc), labels=labels)
