"""Which environments of a property are farthest from the training data, by the variance in the last layer."""

from dataclasses import replace
from typing import Final

import numpy as np
from ase import Atoms

from foundational.data.configurations import Configurations
from foundational.data.conversion import from_atoms
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.extrapolation import fit_extrapolation, posterior_variance
from foundational.evaluation.materials import defects, energies
from foundational.evaluation.materials.engine import Metal
from foundational.science.crystals import STRUCTURES, Structure, build_crystal
from foundational.specs.materials import PropertyName

#: Environments that a report names.
_NAMED: Final = 3
#: Training configurations that fit the measure, at most.
_FITTED: Final = 2000
_STRAIN: Final = 0.02
#: Crystals on which a property rests, where it is not the ground state alone.
_CRYSTALS: Final[dict[PropertyName, tuple[Structure, ...]]] = {
    "bain-path": ("bcc", "fcc"),
    "hcp-ratio": ("hcp",),
    "stacking-fault": ("fcc", "hcp"),
}
#: Å, the box of a dimer or of one atom.
_BOX: Final = 25.0


class Environments:
    """The measure of `foundational.engines.ani.extrapolation`, fitted to the training data of an ensemble.

    √q is about 1 for atoms of these data, and more the farther an atom is from them.
    """

    def __init__(self, ensemble: Ensemble, trained: Configurations) -> None:
        step = -(-len(trained) // _FITTED)
        kept = trained.take(slice(None, None, step)).with_labels(None)
        self.ensemble = replace(ensemble, extrapolation=fit_extrapolation(ensemble, kept))

    def most_uncertain(self, name: PropertyName, metal: Metal) -> tuple[str, ...]:
        """Environments of the property, the most uncertain first, each with √q of its most uncertain atom."""
        found = environments_of(name, metal)
        batch = from_atoms(list(found.values())).with_labels(None)
        q = np.maximum.reduceat(posterior_variance(self.ensemble, batch), batch.offsets[:-1])
        names = list(found)
        return tuple(f"{names[i]} ({np.sqrt(q[i]):.2g})" for i in np.argsort(-q)[:_NAMED].tolist())


def environments_of(name: PropertyName, metal: Metal) -> dict[str, Atoms]:
    """Configurations on which a property depends, not relaxed, by a name in words."""
    if name == "equation-of-state":
        return {
            f"{structure.upper()} at {share:g} of the volume": energies.crystal_at(
                metal, structure, share * metal.reference_volume
            )
            for structure in STRUCTURES
            for share in energies.VOLUMES.tolist()
        }
    if name == "vacancy":
        return {"atoms beside a vacancy": defects.with_vacancy(metal)}
    if name == "surfaces":
        return {f"surface {face}": defects.slab(metal, face) for face in defects.FACES}
    if name in ("dimer", "free-atom"):
        distances = energies.dimer_distances(metal) if name == "dimer" else np.zeros(0)
        pairs = {f"two atoms {d:.2f} Å apart": _box(metal, [[0, 0, 0], [d, 0, 0]]) for d in distances.tolist()}
        return pairs or {"one atom alone": _box(metal, [[0, 0, 0]])}
    return _strained(metal, _CRYSTALS.get(name, (metal.structure,)))


def _box(metal: Metal, positions: list[list[float]]) -> Atoms:
    return Atoms([metal.element] * len(positions), positions=positions, cell=np.eye(3) * _BOX, pbc=True)


def _strained(metal: Metal, structures: tuple[Structure, ...]) -> dict[str, Atoms]:
    """Crystals under strains of ±2 %: what elastic constants, phonons, faults and paths between crystals rest on."""
    found = {}
    for structure in structures:
        crystal = build_crystal(structure, metal.volume, (2, 2, 2))
        for word, (i, j) in {"stretched along x": (0, 0), "stretched along z": (2, 2), "sheared": (0, 1)}.items():
            strain = np.eye(3)
            strain[i, j] += _STRAIN
            cell = crystal.cell @ strain
            found[f"{structure.upper()} {word}"] = Atoms(
                [metal.element] * len(crystal), positions=crystal.fractional @ cell, cell=cell, pbc=True
            )
    return found
