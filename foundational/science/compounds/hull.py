"""Which compounds are stable at zero temperature: formation energies and the convex hull over compositions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog


@dataclass(frozen=True)
class HullComparison:
    """The hull of a model beside that of the reference, over the phases whose place the reference determines."""

    missing: tuple[int, ...]
    """Vertices of the reference that the model lacks."""
    additional: tuple[int, ...]
    """Vertices of the model that the reference does not have."""

    @property
    def ok(self) -> bool:
        """Whether all vertices are right."""
        return not self.missing and not self.additional


def formation_energies(
    shares: NDArray[np.float64], energies: NDArray[np.float64], pure: Sequence[float]
) -> NDArray[np.float64]:
    """(P,) eV/atom: energies per atom less those of the elements.

    Parameters
    ----------
    shares
        (P, K) share of each element.
    energies
        (P,) eV/atom.
    pure
        (K,) eV/atom, of the element's own reference crystal.

    >>> formation_energies(np.array([[0.75, 0.25]]), np.array([-4.0]), [-4.0, -3.0]).tolist()
    [-0.25]
    """
    result: NDArray[np.float64] = energies - shares @ np.asarray(pure)
    return result


def distances_to_hull(shares: NDArray[np.float64], energies: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P,) eV/atom: energy of each phase less that of the lowest mixture of all others at its composition.

    Negative at a vertex of the convex hull, where it says by how much the phase is more stable than its neighbours
    together. −∞ where no others can be mixed to its composition, such as for the only phase of a pure element.

    Parameters
    ----------
    shares
        (P, K) share of each element; rows sum to 1.
    energies
        (P,) eV/atom.

    >>> float(distances_to_hull(np.array([[1, 0], [0.5, 0.5], [0, 1.0]]), np.array([0.0, -0.4, 0.0]))[1])
    -0.4
    """
    found = np.full(len(energies), -np.inf)
    for p in range(len(energies)):
        others = np.arange(len(energies)) != p
        mixture = linprog(energies[others], A_eq=shares[others].T, b_eq=shares[p], method="highs")
        if mixture.success:
            found[p] = energies[p] - mixture.fun
    return found


def compare_hulls(predicted: NDArray[np.float64], reference: NDArray[np.float64], tie: float) -> HullComparison:
    """Compare two results of `distances_to_hull` of the same phases.

    A phase within ``tie`` (eV/atom) of the hull of the others is a tie of the reference and is not compared.
    """
    missing = np.flatnonzero((reference <= -tie) & (predicted >= 0))
    additional = np.flatnonzero((reference >= tie) & (predicted < 0))
    return HullComparison(tuple(missing.tolist()), tuple(additional.tolist()))


def by_composition(formulas: Sequence[str]) -> Mapping[str, tuple[int, ...]]:
    """Places of the phases of each formula that has more than one."""
    groups: dict[str, list[int]] = {}
    for place, formula in enumerate(formulas):
        groups.setdefault(formula, []).append(place)
    return {formula: tuple(places) for formula, places in groups.items() if len(places) > 1}
