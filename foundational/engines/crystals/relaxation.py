"""Relaxed crystals by any labeller: in volume only, from the symmetric crystal, and with everything free."""

import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.filters import FrechetCellFilter
from ase.optimize import LBFGS
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.data.labeller import Model
from foundational.engines.ase.calculator import LabellerCalculator
from foundational.engines.geometry.distances import shortest_distances
from foundational.engines.geometry.local_structure import StructureType, structure_shares
from foundational.errors import EngineError
from foundational.science.crystals import STRUCTURES, Crystal
from foundational.seeds import generator

#: Lengths of the scan relative to the start, 0.80 to 1.25: it brackets the minimum, and no result depends on it.
_SCAN: Final = np.exp(np.arange(-11, 12) * 0.02)
#: Points that each refinement puts between the neighbours of the best one; three refinements reach 1e-5 in length.
_POINTS: Final = 11
_REFINEMENTS: Final = 3
#: A relaxed cell is called after the structure that holds at least this share of its atoms.
_NAMED: Final = 0.9


@dataclass(frozen=True)
class RelaxedCrystal:
    """A crystal at a minimum of the energy in volume."""

    crystal: Crystal
    energy_per_atom: float
    """eV"""
    bond: float
    """Shortest interatomic distance, Å."""

    @property
    def volume_per_atom(self) -> float:
        """Å³."""
        return self.crystal.volume_per_atom

    @property
    def lattice_constant(self) -> float:
        """The edge a of the conventional cell, Å; for HCP the hexagonal a."""
        return self.crystal.lattice_constant


@dataclass(frozen=True)
class FullRelaxation:
    """What became of a rattled crystal when atoms and cell were free.

    A saddle point leaves: BCC 54 of nickel becomes the close packing with every third layer as in FCC (9R), two thirds
    HCP by local environments, which is as near to FCC as its cell allows.
    """

    energy_per_atom: float
    """eV"""
    volume_per_atom: float
    """Å³"""
    bond: float
    """Shortest interatomic distance, Å."""
    shares: dict[str, float]
    """Share of the atoms by local environment: ``fcc``, ``hcp``, ``bcc`` and ``other``."""
    converged: bool
    """Whether all forces fell below the limit within the steps allowed, and the volume stayed within a factor of 2."""
    configuration: Configurations
    """The one relaxed configuration."""

    @property
    def structure(self) -> str:
        """What it collapsed to: a structure with 90 % of the atoms, else ``close-packed`` or ``other``."""
        for name in STRUCTURES:
            if self.shares[name] >= _NAMED:
                return name
        return "close-packed" if self.shares["fcc"] + self.shares["hcp"] >= _NAMED else "other"


def crystal_configurations(crystals: list[Crystal], element: str) -> Configurations:
    """A batch out of perfect crystals of one element."""
    number = atomic_numbers[element]
    return Configurations.build(
        [c.cell for c in crystals], [c.positions for c in crystals], [np.full(len(c), number) for c in crystals]
    )


def energies_per_atom(labeller: Model, crystals: list[Crystal], element: str) -> NDArray[np.float64]:
    """(C,) eV."""
    batch = crystal_configurations(crystals, element)
    return np.asarray(labeller.label(batch).energy / batch.n_atoms)


def relax_isotropic(labeller: Model, crystal: Crystal, element: str) -> RelaxedCrystal:
    """Relax the volume of a perfect crystal and nothing else.

    A crystal that is a saddle point (BCC nickel) stays what it is, so energies of different structures can be ranked.
    Energies are taken in batches: a scan in length, downhill from the start to the first minimum, then refinements
    around it, ended by a parabola in volume through the best three points.

    Parameters
    ----------
    crystal
        Where to start.
    element
        Chemical symbol of all atoms.

    Raises
    ------
    EngineError
        If the energy has no minimum within 20 % of the starting lengths.
    """
    lengths = _SCAN
    energies = energies_per_atom(labeller, _stretched(crystal, lengths), element)
    best = _downhill(energies, start=len(lengths) // 2)
    for _ in range(_REFINEMENTS):
        if best in (0, len(lengths) - 1):
            low, high = crystal.volume_per_atom * _SCAN[[0, -1]] ** 3
            raise EngineError(
                f"{labeller.id}: expected a minimum of the energy of {crystal.structure} {element} between"
                f" {low:.3g} and {high:.3g} Å³/atom, found none; check the model, or start nearer to it"
            )
        lengths = np.linspace(lengths[best - 1], lengths[best + 1], _POINTS)
        energies = energies_per_atom(labeller, _stretched(crystal, lengths), element)
        best = int(np.argmin(energies[1:-1])) + 1
    length, energy = _vertex(lengths[best - 1 : best + 2], energies[best - 1 : best + 2])
    relaxed = crystal.scaled(crystal.volume_per_atom * length**3)
    bond = shortest_distances(crystal_configurations([relaxed], element))[0]
    return RelaxedCrystal(relaxed, energy, float(bond))


def relax_fully(
    labeller: Model,
    crystal: Crystal,
    element: str,
    *,
    seed: int,
    rattle: float,
    force_limit: float = 1e-3,
    max_steps: int = 500,
) -> FullRelaxation:
    """Relax atoms and cell together, after a rattle that lets the crystal leave a saddle point.

    Parameters
    ----------
    crystal
        Where to start; the isotropically relaxed one is nearest.
    seed
        Of the rattle; with the structure's name it decides the displacements.
    rattle
        Standard deviation of the displacements of atoms and ends of lattice vectors along each axis, Å.
    force_limit
        eV/Å; ASE's FrechetCellFilter measures the cell's gradient in the same unit.

    Returns
    -------
    FullRelaxation
        With what it collapsed to.
    """
    random = generator(seed, "rattle", crystal.structure)
    cell = crystal.cell + random.normal(scale=rattle, size=(3, 3))
    atoms = Atoms(numbers=[atomic_numbers[element]] * len(crystal), cell=cell, pbc=True)
    atoms.positions = crystal.fractional @ cell + random.normal(scale=rattle, size=(len(crystal), 3))
    atoms.calc = LabellerCalculator(labeller)
    optimizer = LBFGS(FrechetCellFilter(atoms), logfile=None)
    start, converged = atoms.get_volume(), False
    with warnings.catch_warnings():  # scipy says that a logarithm of the deformation is right to 5e-13 only
        warnings.filterwarnings("ignore", message="logm result may be inaccurate", category=RuntimeWarning)
        for done in optimizer.irun(fmax=force_limit, steps=max_steps):
            runaway = not 0.5 < atoms.get_volume() / start < 2.0
            converged = bool(done) and not runaway
            if runaway:
                break
    relaxed = Configurations.build([atoms.cell.array], [atoms.positions], [atoms.numbers])
    share = structure_shares(relaxed)[0]
    return FullRelaxation(
        energy_per_atom=float(atoms.get_potential_energy()) / len(atoms),
        volume_per_atom=float(atoms.get_volume()) / len(atoms),
        bond=float(shortest_distances(relaxed)[0]),
        shares={kind.name.lower(): float(share[kind]) for kind in StructureType},
        converged=converged,
        configuration=relaxed,
    )


def _stretched(crystal: Crystal, lengths: NDArray[np.float64]) -> list[Crystal]:
    return [crystal.scaled(crystal.volume_per_atom * x**3) for x in lengths.tolist()]


def _downhill(energies: NDArray[np.float64], start: int) -> int:
    """The index of the local minimum reached from ``start`` by steps to the lower neighbour."""
    here = start
    while True:
        near = range(max(here - 1, 0), min(here + 2, len(energies)))
        lowest = min(near, key=lambda i: energies[i])
        if lowest == here:
            return here
        here = lowest


def _vertex(lengths: NDArray[np.float64], energies: NDArray[np.float64]) -> tuple[float, float]:
    """Where the parabola in length through three points has its minimum, and its value there."""
    a, b, c = np.polyfit(lengths - lengths[1], energies - energies[1], 2).tolist()
    if a <= 0:
        return float(lengths[1]), float(energies[1])
    return float(lengths[1] - b / (2 * a)), float(energies[1] + c - b * b / (4 * a))
