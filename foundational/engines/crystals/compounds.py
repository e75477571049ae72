"""Relaxed compounds by any labeller: cell and atoms free, from the symmetric structure, whose symmetry they keep."""

import warnings
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.filters import FrechetCellFilter
from ase.optimize import LBFGS

from foundational.data.configurations import Configurations
from foundational.data.labeller import Model
from foundational.engines.ase.calculator import LabellerCalculator
from foundational.errors import EngineError
from foundational.science.compounds.building import Compound

#: Lengths of the scan that precedes a relaxation, relative to the start: the volume rule may be wrong by a third.
_SCAN: Final = np.exp(np.arange(-8, 9) * 0.0125)
#: Å. Components of lattice vectors that relaxation leaves below this are rounding of a right angle.
_ZERO: Final = 1e-6


#: Lengths around a relaxed compound at which its volume alone is relaxed.
_NEAR: Final = np.linspace(0.96, 1.04, 9)


@dataclass(frozen=True)
class RelaxedCompound:
    """A compound at a minimum of the energy among the structures of its symmetry."""

    compound: Compound
    energy_per_atom: float
    """eV"""
    converged: bool
    """Whether all forces, those on the cell among them, fell below the limit within the steps allowed."""

    @property
    def volume_per_atom(self) -> float:
        """Å³."""
        return self.compound.volume_per_atom


def compound_configurations(compounds: list[Compound]) -> Configurations:
    """A batch out of compounds."""
    return Configurations.build(
        [c.cell for c in compounds],
        [c.positions for c in compounds],
        [np.array([atomic_numbers[s] for s in c.symbols]) for c in compounds],
    )


def at_best_volume(labeller: Model, compound: Compound) -> Compound:
    """The compound at the volume of lowest energy within 30 % of its own; nothing else changes."""
    lengths = _SCAN
    stretched = [compound.scaled(compound.volume_per_atom * x**3) for x in lengths.tolist()]
    energies = labeller.label(compound_configurations(stretched)).energy
    return stretched[int(np.argmin(energies))]


def relax_compound(
    labeller: Model, compound: Compound, *, force_limit: float = 2e-3, max_steps: int = 150
) -> RelaxedCompound:
    """Relax cell and atoms together, without a rattle: forces and stress keep the symmetry of the start.

    A compound that is a saddle point (L1_0 where the Bain path leads to B2) so stays what it is as long as symmetry
    protects it; energies of different prototypes can be compared.

    Parameters
    ----------
    compound
        Where to start.
    force_limit
        eV/Å; ASE's FrechetCellFilter measures the cell's gradient in the same unit.

    Raises
    ------
    EngineError
        If the volume leaves a factor of 2 from the start: no minimum is near.
    """
    atoms = Atoms(symbols=compound.symbols, cell=compound.cell, positions=compound.positions, pbc=True)
    atoms.calc = LabellerCalculator(labeller)
    optimizer = LBFGS(FrechetCellFilter(atoms), logfile=None)
    start, converged = atoms.get_volume(), False
    with warnings.catch_warnings():  # scipy says that a logarithm of the deformation is right to 5e-13 only
        warnings.filterwarnings("ignore", message="logm result may be inaccurate", category=RuntimeWarning)
        for done in optimizer.irun(fmax=force_limit, steps=max_steps):
            converged = bool(done)
            if not 0.5 < atoms.get_volume() / start < 2.0:
                raise EngineError(
                    f"{labeller.id}: expected a minimum of the energy of {compound.title} near "
                    f"{start / len(compound):.3g} Å³/atom, found none; check the model, or start nearer to it"
                )
    cell = np.where(np.abs(atoms.cell.array) < _ZERO, 0.0, atoms.cell.array)
    relaxed = replace(compound, cell=cell, fractional=atoms.get_scaled_positions(wrap=False))
    return RelaxedCompound(relaxed, float(atoms.get_potential_energy()) / len(atoms), converged)


def relax_volume(labeller: Model, compound: Compound) -> RelaxedCompound:
    """Relax the volume alone, within 12 % of the start, by the parabola in length through the best three points.

    Raises
    ------
    EngineError
        If the energy has no minimum there.
    """
    stretched = [compound.scaled(compound.volume_per_atom * x**3) for x in _NEAR.tolist()]
    energies = labeller.label(compound_configurations(stretched)).energy / len(compound)
    best = int(np.argmin(energies))
    if best in (0, len(_NEAR) - 1):
        raise EngineError(f"{labeller.id}: expected a minimum of the energy of {compound.title} in volume, found none")
    x, y = _NEAR[best - 1 : best + 2], energies[best - 1 : best + 2]
    a, b, c = np.polyfit(x - x[1], y - y[1], 2).tolist()
    length = float(x[1] - b / (2 * a))
    relaxed = compound.scaled(compound.volume_per_atom * length**3)
    return RelaxedCompound(relaxed, float(y[1] + c - b * b / (4 * a)), converged=True)


def change_of_shape(before: Compound, after: Compound) -> float:
    """Largest strain from one cell to the other, without the change of volume.

    >>> from foundational.science.compounds.building import build_compound
    >>> one = build_compound("B2", ["Ni", "Al"], 12.0)
    >>> round(change_of_shape(one, one.scaled(13.0)), 6)
    0.0
    """
    deformation = np.linalg.inv(before.cell) @ after.cell
    stretches = np.linalg.svd(deformation, compute_uv=False)
    return float(np.abs(stretches / np.prod(stretches) ** (1 / 3) - 1).max())
