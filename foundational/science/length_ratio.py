"""The ratio of lengths between two metals (arXiv 2311.05407)."""

from collections.abc import Mapping
from typing import Literal, Protocol


class CrystalLengths(Protocol):
    """What a relaxed crystal has."""

    @property
    def volume_per_atom(self) -> float:
        """Å³."""

    @property
    def bond(self) -> float:
        """Shortest interatomic distance, Å."""

    @property
    def energy_per_atom(self) -> float:
        """Energy per atom, eV."""


def length_ratio(
    rule: Literal["lattice", "nearest-neighbour", "volume"],
    parent: Mapping[str, CrystalLengths],
    target: Mapping[str, CrystalLengths],
) -> float:
    """Length of the target over that of the parent, dimensionless, from their relaxed crystals.

    ``lattice`` compares the FCC lattice constants, as the paper does for Al/Ni (4.05/3.52); ``nearest-neighbour`` the
    shortest distances and ``volume`` the cube roots of the volume per atom, each in the metal's own ground state.
    """

    def ground_state(crystals: Mapping[str, CrystalLengths]) -> CrystalLengths:
        return min(crystals.values(), key=lambda crystal: crystal.energy_per_atom)

    if rule == "lattice":
        return float((target["fcc"].volume_per_atom / parent["fcc"].volume_per_atom) ** (1 / 3))
    parent_ground, target_ground = ground_state(parent), ground_state(target)
    if rule == "nearest-neighbour":
        return target_ground.bond / parent_ground.bond
    return float((target_ground.volume_per_atom / parent_ground.volume_per_atom) ** (1 / 3))
