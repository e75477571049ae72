"""Shortest interatomic distances of periodic cells of any shape, compiled.

``foundational.data.distances`` answers the same question for whoever only reads datasets, without a compiler. Here it
is asked before every label, and takes a twentieth of the label's time instead of up to a half.
"""

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.engines.compilation import compiled
from foundational.science.cells import fractional_coordinates, heights, lower_triangular


@compiled
def _shortest(
    cell: NDArray[np.float64],
    height: NDArray[np.float64],
    fractional: NDArray[np.float64],
    offsets: NDArray[np.int64],
) -> NDArray[np.float64]:
    shortest = np.empty(len(cell))
    span = np.empty(3, np.int64)
    for c in range(len(cell)):
        first, last = offsets[c], offsets[c + 1]
        h = cell[c]
        # No packing of spheres is denser than FCC (Kepler, Hales): the shortest distance is at most (√2 V/N)^⅓.
        bound = (np.sqrt(2.0) * abs(h[0, 0] * h[1, 1] * h[2, 2]) / (last - first)) ** (1.0 / 3.0) * (1.0 + 1e-9)
        best = bound * bound
        for k in range(3):
            span[k] = int(bound / height[c, k] + 0.5)
        for i in range(first, last):
            for j in range(i, last):
                dx = fractional[j, 0] - fractional[i, 0]
                dy = fractional[j, 1] - fractional[i, 1]
                dz = fractional[j, 2] - fractional[i, 2]
                dx -= np.rint(dx)
                dy -= np.rint(dy)
                dz -= np.rint(dz)
                for nz in range(-span[2], span[2] + 1):
                    z = (dz + nz) * h[2, 2]
                    for ny in range(-span[1], span[1] + 1):
                        y = (dy + ny) * h[1, 1] + (dz + nz) * h[2, 1]
                        for nx in range(-span[0], span[0] + 1):
                            if i == j and nx == 0 and ny == 0 and nz == 0:
                                continue
                            x = (dx + nx) * h[0, 0] + (dy + ny) * h[1, 0] + (dz + nz) * h[2, 0]
                            best = min(best, x * x + y * y + z * z)
        shortest[c] = np.sqrt(best)
    return shortest


def shortest_distances(configurations: Configurations) -> NDArray[np.float64]:
    """The shortest distance between two atoms of each periodic configuration, images of one atom included.

    Returns
    -------
    (C,) Å.
    """
    cell, rotation = lower_triangular(configurations.cell)
    positions = configurations.positions.astype(np.float64)
    fractional = fractional_coordinates(cell, rotation, positions, configurations.configuration_of_atom)
    shortest: NDArray[np.float64] = _shortest(cell, heights(cell), fractional, configurations.offsets)
    return shortest
