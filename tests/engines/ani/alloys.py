"""Cells of one, two or three elements, labelled by effective-medium theory."""

from dataclasses import replace

import numpy as np
from ase import Atoms
from ase.calculators.emt import EMT

from foundational.data.configurations import Configurations, Labels
from foundational.engines.ani.ensemble import Ensemble
from foundational.testing.crystals import rattled_crystals

ELEMENTS = (28, 29, 46)


def alloy(count: int, most: int, seed: int) -> Configurations:
    """FCC cells of one element or two, or of three, at random sites, labelled by effective-medium theory."""
    rng = np.random.default_rng(seed)
    cells = rattled_crystals(count, seed, volume_per_atom=12.5)
    groups = [rng.choice(ELEMENTS, size=3 if most == 3 else rng.integers(1, 3), replace=False) for _ in range(count)]
    cells = replace(cells, atomic_numbers=np.concatenate([rng.choice(group, size=32) for group in groups]))
    energy, forces = [], []
    for c in range(count):
        own = cells.atoms_of(np.array([c]))
        atoms = Atoms(cells.atomic_numbers[own], cells.positions[own], cell=cells.cell[c], pbc=True, calculator=EMT())
        energy.append(atoms.get_potential_energy())
        forces.append(atoms.get_forces())
    stress = np.full((count, 3, 3), np.nan)
    return cells.with_labels(Labels(np.array(energy), np.concatenate(forces).astype(np.float32), stress))


def error(model: Ensemble, cells: Configurations) -> float:
    """Mean absolute error of the energy, meV/atom."""
    difference = model.predict(cells, forces=False).energy - cells.labels.energy
    return float(np.abs(difference / cells.n_atoms).mean()) * 1e3
