"""Repulsion of two bare atoms and smooth steps: what no network can learn from distances that no data have."""

import numpy as np
from numpy.typing import NDArray

#: e²/(4πε₀), eV Å.
COULOMB = 14.399645
#: Å, 0.8854 times the Bohr radius: the length of the universal screening function.
SCREENING = 0.46850
#: Coefficients and exponents of the universal screening function: Ziegler, Biersack, Littmark, The Stopping and Range
#: of Ions in Solids (Pergamon 1985); the numbers are those of LAMMPS' pair_style zbl.
_COEFFICIENTS = np.array([0.02817, 0.28022, 0.50986, 0.18175])
_EXPONENTS = np.array([0.20162, 0.40290, 0.94229, 3.19980])


def zbl(distance: NDArray[np.float64], z1: int, z2: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Energy (…) eV and slope (…) eV/Å of the screened nuclear repulsion of the atomic numbers at ``distance`` (…) Å.

    >>> energy, slope = zbl(np.array([1.0]), 28, 28)
    >>> round(float(energy[0])), round(float(slope[0]))
    (129, -519)
    """
    length = SCREENING / (z1**0.23 + z2**0.23)
    r = np.asarray(distance, dtype=np.float64)
    terms = _COEFFICIENTS * np.exp(-_EXPONENTS * r[..., None] / length)
    screening, by_length = terms.sum(axis=-1), -(terms * _EXPONENTS).sum(axis=-1) / length
    strength = COULOMB * z1 * z2
    return strength * screening / r, strength * (by_length - screening / r) / r


def smooth_step(x: NDArray[np.float64], begin: float, end: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Value and slope of the step from 1 at ``begin`` to 0 at ``end``, twice continuously differentiable.

    >>> smooth_step(np.array([1.0, 1.5, 2.0]), 1.0, 2.0)[0].tolist()
    [1.0, 0.5, 0.0]
    """
    t = np.clip((np.asarray(x, dtype=np.float64) - begin) / (end - begin), 0.0, 1.0)
    value = 1.0 - t**3 * (10.0 - 15.0 * t + 6.0 * t**2)
    return value, -30.0 * t**2 * (1.0 - t) ** 2 / (end - begin)
