"""Configurations as points, by the environment vectors of their atoms."""

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.engines.ani.aev import compute_aevs
from foundational.engines.ani.ensemble import runs
from foundational.specs.ani import AevSpec

#: Least deviation of a component by which it is divided: what hardly varies shall not be blown up.
_FLOOR = 0.03
_ATOMS_AT_ONCE = 65_536


def configuration_features(configurations: Configurations, aev: AevSpec) -> NDArray[np.float32]:
    """(C, 2K) mean and standard deviation over each configuration's atoms of its vectors, these standardised.

    Elements are distinguished as neighbours but not as centres. Two configurations are near each other where their
    atoms have the same local environments in the mean and vary as much: rotation, order and repetition of the cell do
    not count.
    """
    elements = np.unique(configurations.atomic_numbers).tolist()
    n = configurations.n_atoms[:, None]
    sums = np.zeros((len(configurations), 2, aev.length(len(elements))))
    for part, rows, _ in runs(configurations, _ATOMS_AT_ONCE):
        x = compute_aevs(part, aev, elements).astype(np.float64)
        starts = part.offsets[:-1]
        sums[rows, 0], sums[rows, 1] = np.add.reduceat(x, starts), np.add.reduceat(x**2, starts)
    mean = sums[:, 0] / n
    spread = np.sqrt(np.maximum(sums[:, 1] / n - mean**2, 0.0))
    over_all = sums.sum(axis=0) / n.sum()
    deviation = np.maximum(np.sqrt(np.maximum(over_all[1] - over_all[0] ** 2, 0.0)), _FLOOR)
    return np.hstack([(mean - over_all[0]) / deviation, spread / deviation]).astype(np.float32)
