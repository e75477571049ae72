"""Relaxed FCC, BCC and HCP by a reference potential: what retrained networks are compared with, never typed in."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from ase.data import atomic_numbers

from foundational.data.configurations import Configurations
from foundational.engines.crystals.relaxation import (
    FullRelaxation,
    RelaxedCrystal,
    energies_per_atom,
    relax_fully,
    relax_isotropic,
)
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import ResolvedPotential
from foundational.science.crystals import PUBLISHED_RATIO, STRUCTURES, Structure, build_crystal

#: Nearest-neighbour distances among which the first minimum is looked for, Å: every metal is within.
_DISTANCES: Final = np.geomspace(2.0, 4.6, 43)


@dataclass(frozen=True)
class ReferenceCrystals:
    """The crystals of one element by its reference potential."""

    labeller: LammpsLabeller
    element: str
    isolated_energy: float
    """Energy of one atom alone, eV."""
    isotropic: dict[Structure, RelaxedCrystal]
    """Relaxed in volume only, HCP at ideal c/a: the gate."""
    published_hcp: RelaxedCrystal
    """HCP at c/a = √3, as in the tables of arXiv 2311.05407."""
    rattle: float
    """Standard deviation of the displacements from which the full relaxations start, Å."""
    seed: int
    """Of those displacements."""

    @cached_property
    def full(self) -> dict[Structure, FullRelaxation]:
        """Relaxed with atoms and cell free, from the rattled isotropic crystals; computed when first asked for."""
        return {
            name: relax_fully(self.labeller, relaxed.crystal, self.element, seed=self.seed, rattle=self.rattle)
            for name, relaxed in self.isotropic.items()
        }

    @property
    def ground_state(self) -> Structure:
        """The structure of lowest energy."""
        return min(self.isotropic, key=lambda name: self.isotropic[name].energy_per_atom)

    def cohesive_energy(self, structure: Structure) -> float:
        """Energy of an isolated atom less that of an atom of the crystal, eV; positive."""
        return self.isolated_energy - self.isotropic[structure].energy_per_atom


def reference_crystals(
    potential: ResolvedPotential, element: str, *, rattle: float = 0.05, seed: int = 0
) -> ReferenceCrystals:
    """Relax the three crystals of ``element``; only FCC's coldest volume is searched for, widely, to start from.

    Raises
    ------
    InputError
        If the potential lacks the element.
    EngineError
        If a crystal has no minimum.
    """
    labeller = LammpsLabeller(potential)
    scan = [build_crystal("fcc", d**3 / 2**0.5) for d in _DISTANCES.tolist()]
    volume = scan[int(np.argmin(energies_per_atom(labeller, scan, element)))].volume_per_atom
    far = 3.0 * potential.spec.cutoff
    alone = Configurations.build([far * np.eye(3)], [np.zeros((1, 3))], [np.array([atomic_numbers[element]])])
    return ReferenceCrystals(
        labeller=labeller,
        element=element,
        isolated_energy=float(labeller.label(alone).energy[0]),
        isotropic={s: relax_isotropic(labeller, build_crystal(s, volume), element) for s in STRUCTURES},
        published_hcp=relax_isotropic(labeller, build_crystal("hcp", volume, ratio=PUBLISHED_RATIO), element),
        rattle=rattle,
        seed=seed,
    )
