"""Configurations as points, by the environment vectors of their atoms."""

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.engines.ani.aev import compute_aevs
from foundational.engines.ani.ensemble import runs
from foundational.seeds import generator
from foundational.specs.ani import AevSpec

#: Least deviation of a component by which it is divided: what hardly varies shall not be blown up.
_FLOOR = 0.03
_ATOMS_AT_ONCE = 65_536
#: Cosines, and the width of the kernel that they stand for, in standard deviations of the components.
_COSINES, _WIDTH = 300, 6.0
_COMPONENTS = 150


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


def kernel_features(configurations: Configurations, aev: AevSpec) -> NDArray[np.float64]:
    """(C, 1 + F) a constant, and principal components of random Fourier features, mean over each configuration's atoms.

    A model that is linear in them is a Gaussian process with a Gaussian kernel between environments, to the accuracy of
    300 cosines (A. Rahimi, B. Recht, *Random Features for Large-Scale Kernel Machines*, NIPS 2007). The components
    keep their relative sizes; the largest has a variance of one. The cosines are the same at every call.
    """
    elements = np.unique(configurations.atomic_numbers).tolist()
    n = configurations.n_atoms[:, None]
    length = aev.length(len(elements))
    sums = np.zeros((2, length))
    for part, _, _ in runs(configurations, _ATOMS_AT_ONCE):
        x = compute_aevs(part, aev, elements).astype(np.float64)
        sums += x.sum(axis=0), (x**2).sum(axis=0)
    mean, square = sums / n.sum()
    deviation = np.maximum(np.sqrt(np.maximum(square - mean**2, 0.0)), _FLOOR)
    random = generator(0, "kernel features", length)
    directions, phases = random.standard_normal((length, _COSINES)) / _WIDTH, random.uniform(0, 2 * np.pi, _COSINES)
    found = np.zeros((len(configurations), _COSINES))
    for part, rows, _ in runs(configurations, _ATOMS_AT_ONCE):
        z = (compute_aevs(part, aev, elements) - mean) / deviation
        found[rows] = np.add.reduceat(np.cos(z @ directions + phases), part.offsets[:-1]) / n[rows]
    found -= found.mean(axis=0)
    variances, vectors = np.linalg.eigh(found.T @ found / len(found))
    largest = max(float(variances[-1]), np.finfo(np.float64).tiny)
    components = found @ vectors[:, ::-1][:, :_COMPONENTS] / np.sqrt(largest)
    return np.hstack([np.ones((len(found), 1)), components])
