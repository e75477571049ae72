"""Volume of an alloy by its composition: the pure elements' volumes and an excess."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Shares of the first element of a pair at which its excess is measured.
MEASURED: Final = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class AlloyVolume:
    """Volume per atom over composition.

    V(x) = Σ xᵢ Vᵢ · (1 + Σ xᵢ eᵢ + Σᵢ<ⱼ xᵢ xⱼ Σₖ Lₖᵢⱼ (xᵢ − xⱼ)ᵏ): Vegard's straight line (L. Vegard, doi
    10.1007/BF01349680) times a Redlich–Kister polynomial (doi 10.1021/ie50458a036) through the measured compositions.
    """

    pure: tuple[float, ...]
    """(E,) Å³ per atom of the pure elements, Vᵢ."""
    own: tuple[float, ...] = ()
    """(E,) excess of the pure elements, eᵢ; empty: zero."""
    pairs: Mapping[tuple[int, int], tuple[float, ...]] = field(default_factory=dict)
    """Coefficients Lₖ of each pair of elements; none: zero."""

    def per_atom(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """(C,) Å³ at compositions (C, E)."""
        return np.asarray((shares @ np.array(self.pure)) * (1 + self.excess(shares)))

    def excess(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """(C,) relative to the straight line between the pure elements, at compositions (C, E)."""
        total = shares @ np.array(self.own) if self.own else np.zeros(len(shares))
        for (i, j), coefficients in self.pairs.items():
            difference = shares[:, i] - shares[:, j]
            series = sum(c * difference**k for k, c in enumerate(coefficients))
            total = total + shares[:, i] * shares[:, j] * series
        return np.asarray(total)


def measured_compositions(n_elements: int) -> NDArray[np.float64]:
    """(G, E) compositions at which an excess is measured: the pure elements, then three of each pair.

    >>> measured_compositions(2).tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.25, 0.75], [0.5, 0.5], [0.75, 0.25]]
    """
    rows = list(np.eye(n_elements))
    for i, j in combinations(range(n_elements), 2):
        for share in MEASURED:
            row = np.zeros(n_elements)
            row[[i, j]] = share, 1 - share
            rows.append(row)
    return np.array(rows)


def fitted_volume(pure: tuple[float, ...], excess: NDArray[np.float64]) -> AlloyVolume:
    """The volume that has the relative ``excess`` (G,) at `measured_compositions`.

    >>> volume = fitted_volume((10.0, 20.0), np.array([0.0, 0.1, -0.05, 0.0, -0.02]))
    >>> volume.excess(measured_compositions(2)).round(12).tolist()
    [0.0, 0.1, -0.05, 0.0, -0.02]
    """
    n = len(pure)
    own = excess[:n]
    shares = np.array(MEASURED)
    matrix = (shares * (1 - shares))[:, None] * (2 * shares - 1)[:, None] ** np.arange(len(shares))
    pairs = {}
    for number, (i, j) in enumerate(combinations(range(n), 2)):
        first = n + number * len(shares)
        rest = excess[first : first + len(shares)] - shares * own[i] - (1 - shares) * own[j]
        pairs[i, j] = tuple(np.linalg.solve(matrix, rest).tolist())
    return AlloyVolume(pure, tuple(own.tolist()), pairs)
