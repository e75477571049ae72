"""Relaxed FCC, BCC and HCP by a labeller: what retrained networks are compared with, never typed in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foundational.data.labeller import Labeller, Model
from foundational.engines.crystals.relaxation import (
    FullRelaxation,
    RelaxedCrystal,
    energies_per_atom,
    relax_fully,
    relax_isotropic,
)
from foundational.errors import InputError
from foundational.science.crystals import PUBLISHED_RATIO, STRUCTURES, Structure, build_crystal

_Scan = tuple[NDArray[np.float64], tuple[int, int, int] | None]
#: The scan that finds where to start: nearest-neighbour distances of FCC, Å, and cells along each edge. Every metal is
#: within. The relaxed crystals do not depend on it to more than rounding; the scan of an expensive labeller is coarser
#: and of the smallest cell.
_CHEAP_SCAN: Final[_Scan] = (np.geomspace(2.0, 4.6, 43), None)
_EXPENSIVE_SCAN: Final[_Scan] = (
    np.geomspace(2.2, 4.6, 15),
    (1, 1, 1),
)


@dataclass(frozen=True)
class KnownProperties:
    """Properties that were computed once and stored, for a labeller that is too expensive for each validation."""

    numbers: Mapping[str, Mapping[str, object]]
    """By property, then by the number's name: a number, or an array of a curve."""
    vacancy_cells: int
    """Conventional cells along each edge of the supercell with a vacancy."""


@dataclass(frozen=True)
class ReferenceCrystals:
    """The crystals of one element by one labeller."""

    labeller: Labeller
    element: str
    isolated_energy: float | None
    """Energy of one isolated atom, eV; None where it is unknown."""
    isotropic: dict[Structure, RelaxedCrystal]
    """Relaxed in volume only, HCP at ideal c/a: the gate."""
    published_hcp: RelaxedCrystal | None
    """HCP at c/a = √3, as in the tables of arXiv 2311.05407; None where the crystals are stored without it."""
    known: KnownProperties | None = None
    """Stored properties; None: the labeller computes them."""
    _full: dict[tuple[float, int], dict[Structure, FullRelaxation]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def relaxed_fully(self, rattle: float, seed: int) -> dict[Structure, FullRelaxation]:
        """Relaxed with atoms and cell free, from the rattled isotropic crystals; computed when first asked for.

        Parameters
        ----------
        rattle
            Standard deviation of the displacements from which the relaxations start, Å.
        seed
            Of those displacements.
        """
        if (rattle, seed) not in self._full:
            self._full[rattle, seed] = {
                name: relax_fully(self.labeller, relaxed.crystal, self.element, seed=seed, rattle=rattle)
                for name, relaxed in self.isotropic.items()
            }
        return self._full[rattle, seed]

    @property
    def ground_state(self) -> Structure:
        """The structure of lowest energy."""
        return min(self.isotropic, key=lambda name: self.isotropic[name].energy_per_atom)

    @property
    def ground_volume(self) -> float:
        """Å³ per atom of the ground state; datasets carry it, and the lengths of ANI settings follow it."""
        return self.isotropic[self.ground_state].volume_per_atom

    def cohesive_energy(self, structure: Structure) -> float:
        """Energy of an isolated atom less that of an atom of the crystal, eV; positive.

        Raises
        ------
        InputError
            If the energy of the isolated atom is unknown.
        """
        if self.isolated_energy is None:
            raise InputError(
                f"a cohesive energy needs the energy of an isolated {self.element} atom, which {self.labeller.id} does "
                "not state; give it with --isolated-energy"
            )
        return self.isolated_energy - self.isotropic[structure].energy_per_atom


def reference_crystals(labeller: Labeller, element: str, *, session: Model | None = None) -> ReferenceCrystals:
    """Relax the three crystals of ``element``; a scan over FCC's volume finds where to start.

    Parameters
    ----------
    session
        Labels the single points in place of ``labeller``, with the same labels: a labelling session that keeps them.

    Raises
    ------
    InputError
        If the labeller lacks the element.
    EngineError
        If a crystal has no minimum.
    """
    model: Model = labeller if session is None else session
    distances, repeats = _EXPENSIVE_SCAN if labeller.expensive else _CHEAP_SCAN
    scan = [build_crystal("fcc", d**3 / 2**0.5, repeats) for d in distances.tolist()]
    volume = scan[int(np.argmin(energies_per_atom(model, scan, element)))].volume_per_atom
    return ReferenceCrystals(
        labeller=labeller,
        element=element,
        isolated_energy=labeller.isolated_energy(element),
        isotropic={s: relax_isotropic(model, build_crystal(s, volume), element) for s in STRUCTURES},
        published_hcp=relax_isotropic(model, build_crystal("hcp", volume, ratio=PUBLISHED_RATIO), element),
    )
