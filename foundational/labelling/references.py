"""Relaxed reference crystals by any labeller that a record or a user names."""

from typing import cast

import numpy as np

from foundational.engines.ase.labeller import AseLabeller
from foundational.engines.crystals.references import ReferenceCrystals, reference_crystals
from foundational.engines.crystals.relaxation import energies_per_atom, relax_isotropic
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.science.crystals import PUBLISHED_RATIO, STRUCTURES, build_crystal

#: Nearest-neighbour distances of FCC among which the lowest energy is looked for, Å, before the volume is relaxed.
_DISTANCES = np.geomspace(2.2, 4.6, 15)


def reference_of(
    labeller: LammpsLabeller | AseLabeller, element: str, *, rattle: float = 0.05, seed: int = 0
) -> ReferenceCrystals:
    """FCC, BCC and HCP of ``element``, relaxed by ``labeller``; an isolated atom is NaN where it is no potential's.

    Raises
    ------
    InputError
        If the labeller lacks the element.
    EngineError
        If a crystal has no minimum.
    """
    if isinstance(labeller, LammpsLabeller):
        return reference_crystals(labeller.potential, element, rattle=rattle, seed=seed)
    scan = [build_crystal("fcc", d**3 / 2**0.5, (1, 1, 1)) for d in _DISTANCES.tolist()]
    volume = scan[int(np.argmin(energies_per_atom(labeller, scan, element)))].volume_per_atom
    return ReferenceCrystals(
        labeller=cast(LammpsLabeller, labeller),  # only asked for labels
        element=element,
        isolated_energy=float("nan"),
        isotropic={s: relax_isotropic(labeller, build_crystal(s, volume), element) for s in STRUCTURES},
        published_hcp=relax_isotropic(labeller, build_crystal("hcp", volume, ratio=PUBLISHED_RATIO), element),
        rattle=rattle,
        seed=seed,
    )


def ground_volume(reference: ReferenceCrystals) -> float:
    """Å³ per atom of the reference's ground state; datasets carry it, and the lengths of ANI settings follow it."""
    return reference.isotropic[reference.ground_state].volume_per_atom
