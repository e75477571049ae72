"""Differences of two sets of labels of the same configurations: offsets of the elements, and what is left."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Offsets:
    """One energy for each element, by least squares."""

    values: NDArray[np.float64]
    """(K,) eV per atom of each element; of the least length where compositions do not tell elements apart."""
    rest: NDArray[np.float64]
    """(C,) eV: the differences less the offsets."""
    separable: bool
    """Whether the compositions determine each of them."""


def element_offsets(counts: NDArray[np.integer], difference: NDArray[np.float64]) -> Offsets:
    """The offsets that leave the least differences per atom.

    Two theories share no zero of the energy: their pseudopotentials, cores and reference atoms differ. A sum over the
    atoms of one number for each element changes no force, and no difference of energy at equal composition.

    Parameters
    ----------
    counts
        (C, K) atoms of each element.
    difference
        (C,) eV of the cells.

    Examples
    --------
    >>> found = element_offsets(np.array([[2, 0], [1, 1], [4, 4]]), np.array([-2.0, 1.0, 4.0]))
    >>> found.values.round(6).tolist(), found.separable
    ([-1.0, 2.0], True)
    """
    atoms = counts.sum(axis=1)
    shares = counts / atoms[:, None]
    values, _, rank, _ = np.linalg.lstsq(shares, difference / atoms, rcond=None)
    return Offsets(values, difference - counts @ values, int(rank) == counts.shape[1])


@dataclass(frozen=True)
class Scatter:
    """How far numbers that should be equal lie apart."""

    mean: float
    """Of the absolute values."""
    rms: float
    largest: float
    count: int


def scatter(values: NDArray[np.float64]) -> Scatter | None:
    """Of all ``values`` that are known; None where none is."""
    known = np.abs(values[np.isfinite(values)])
    if not known.size:
        return None
    return Scatter(float(known.mean()), float(np.sqrt((known**2).mean())), float(known.max()), int(known.size))
