"""Relaxed compounds of several elements by a labeller: what networks are compared with, never typed in."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foundational.data.labeller import Labeller, Model
from foundational.engines.crystals.compounds import RelaxedCompound, at_best_volume, relax_compound
from foundational.engines.crystals.references import ReferenceCrystals, reference_crystals
from foundational.errors import EngineError
from foundational.science.compounds.building import compounds_of
from foundational.science.compounds.hull import distances_to_hull, formation_energies

#: Two relaxed compounds of one formula are one crystal below these differences: eV/atom, and share of the volume.
_SAME_ENERGY, _SAME_VOLUME = 2e-4, 1e-3


@dataclass(frozen=True)
class AlloyReference:
    """Pure crystals and compounds of some elements by one labeller."""

    labeller: Labeller
    elements: tuple[str, ...]
    crystals: dict[str, ReferenceCrystals]
    """Of each element."""
    compounds: tuple[RelaxedCompound, ...]
    """All that have a minimum of energy, each crystal once; the pure crystals are among them."""
    without_minimum: tuple[str, ...]
    """Titles of compounds that the labeller does not hold: they became another one, or found no minimum."""

    @property
    def titles(self) -> tuple[str, ...]:
        """Formula and prototype of each compound."""
        return tuple(c.compound.title for c in self.compounds)

    @property
    def shares(self) -> NDArray[np.float64]:
        """(P, K) share of each element in each compound."""
        return np.array([[c.compound.share(e) for e in self.elements] for c in self.compounds])

    @property
    def grounds(self) -> tuple[int, ...]:
        """(K,) place of the lowest crystal of each element."""
        energies = self.energies
        return tuple(int(np.argmin(np.where(share == 1, energies, np.inf))) for share in self.shares.T)

    @property
    def energies(self) -> NDArray[np.float64]:
        """(P,) eV/atom."""
        return np.array([c.energy_per_atom for c in self.compounds])

    def formation(self, energies: NDArray[np.float64]) -> NDArray[np.float64]:
        """(P,) formation energies out of (P,) energies, eV/atom; the elements are in the labeller's ground states."""
        return formation_energies(self.shares, energies, energies[list(self.grounds)].tolist())

    def hull(self, energies: NDArray[np.float64]) -> NDArray[np.float64]:
        """(P,) signed distances to the hull of the others, eV/atom; NaN where the energy is unknown."""
        known = np.flatnonzero(np.isfinite(energies))
        found = np.full(len(energies), np.nan)
        found[known] = distances_to_hull(self.shares[known], energies[known])
        return found


def alloy_reference(
    labeller: Labeller,
    elements: Sequence[str],
    *,
    prototypes: Sequence[str] | None = None,
    session: Model | None = None,
) -> AlloyReference:
    """Relax the pure crystals of ``elements`` and every compound of the table of prototypes.

    Parameters
    ----------
    elements
        Chemical symbols, two or more; compounds are those of each pair.
    prototypes
        By Strukturbericht; None: all. A1, A2 and A3 must be among them.
    session
        Labels the single points in place of ``labeller``, with the same labels.

    Raises
    ------
    InputError
        If the labeller lacks an element.
    EngineError
        If a pure crystal has no minimum.
    """
    model: Model = labeller if session is None else session
    crystals = {e: reference_crystals(labeller, e, session=session) for e in elements}
    found: list[RelaxedCompound] = []
    lost = []
    for compound in compounds_of(elements, {e: c.ground_volume for e, c in crystals.items()}, prototypes):
        try:
            relaxed = relax_compound(model, at_best_volume(model, compound))
        except EngineError:
            lost.append(compound.title)
            continue
        if not relaxed.converged or any(_same(relaxed, other) for other in found):
            lost.append(compound.title)
        else:
            found.append(relaxed)
    return AlloyReference(labeller, tuple(elements), crystals, tuple(found), tuple(lost))


def _same(one: RelaxedCompound, other: RelaxedCompound) -> bool:
    return (
        one.compound.formula == other.compound.formula
        and abs(one.energy_per_atom - other.energy_per_atom) < _SAME_ENERGY
        and abs(one.volume_per_atom / other.volume_per_atom - 1) < _SAME_VOLUME
    )
