"""Networks whose errors are exactly known, for tests of comparisons that need no training."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from foundational.data.configurations import Configurations, Labels
from foundational.data.labeller import REQUIRED, Method
from foundational.engines.crystals.references import ReferenceCrystals
from foundational.engines.crystals.relaxation import relax_isotropic
from foundational.errors import EngineError
from foundational.science.crystals import PUBLISHED_RATIO, STRUCTURES, build_crystal

#: Atoms of FCC, BCC and HCP as `build_crystal` builds them for validation.
FCC, BCC, HCP = 32, 54, 48


@dataclass(frozen=True)
class Exact:
    """A method whose energy depends on the volume and the number of atoms alone; forces are zero.

    The energy per atom is that of ``energies`` plus ``stiffness`` (V/V₀ − 1)²; None: it falls with the volume for ever.
    Of a single atom the volume does not matter.
    """

    energies: Mapping[int, float | None]
    """eV/atom by the number of atoms in the cell; the method fails on cells of other numbers."""
    volume: float = 11.0
    """V₀, Å³/atom."""
    stiffness: float = 4.0
    """eV/atom."""
    force: float = 0.0
    """eV/Å, along x on each atom."""
    id: str = "exact"
    expensive: bool = True
    gives: tuple[str, ...] = REQUIRED
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def method(self) -> Method:
        return Method("1", None)

    def isolated_energy(self, element: str) -> float | None:
        return None

    def label(self, configurations: Configurations) -> Labels:
        n_atoms = configurations.n_atoms
        if unknown := set(n_atoms.tolist()) - self.energies.keys():
            raise EngineError(f"exact: no energy of {sorted(unknown)} atoms")
        change = np.where(n_atoms > 1, configurations.volume / n_atoms / self.volume - 1, 0.0)
        bottom = [self.energies[n] for n in n_atoms.tolist()]
        known = np.array([e is not None for e in bottom])
        lowest = np.array([0.0 if e is None else e for e in bottom])
        energy = n_atoms * (lowest + np.where(known, self.stiffness * change**2, -change))
        forces = np.zeros((len(configurations.positions), 3), np.float32)
        forces[:, 0] = self.force
        slope = np.where(known, 2 * self.stiffness * change, -1.0) * (n_atoms > 1)
        pressure = slope * (1 + change) * n_atoms / configurations.volume
        return Labels(energy, forces, pressure[:, None, None] * np.eye(3))


@dataclass(frozen=True)
class Networks:
    """In place of an ensemble: its members are methods."""

    each: tuple[Exact, ...]

    @property
    def members(self) -> int:
        return len(self.each)

    def member(self, index: int) -> Exact:
        return self.each[index]


def exact_crystals(labeller: Exact, element: str = "Ni", **changes: Any) -> ReferenceCrystals:
    """FCC, BCC and HCP relaxed by ``labeller``."""
    start = labeller.volume
    return ReferenceCrystals(
        labeller=labeller,
        element=element,
        isotropic={s: relax_isotropic(labeller, build_crystal(s, start), element) for s in STRUCTURES},
        published_hcp=relax_isotropic(labeller, build_crystal("hcp", start, ratio=PUBLISHED_RATIO), element),
        **({"isolated_energy": None} | changes),
    )
