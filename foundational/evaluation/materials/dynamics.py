"""A short run of molecular dynamics by a network: whether the crystal stays whole, and the errors on its way."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from ase import Atoms, units
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta

from foundational.evaluation.materials.engine import Engine, Metal
from foundational.science.crystals import build_crystal

_REPEATS: Final = {"fcc": (3, 3, 3), "bcc": (3, 3, 3), "hcp": (4, 3, 2)}
#: Temperatures over the depth of the crystal's energy well, in k·T per cohesive energy: cold, hot, near melting.
SHARES: Final = (0.006, 0.018, 0.03)
_STEP: Final = 2.0  # fs
_KEPT: Final = 8
#: Of the nearest-neighbour distance: atoms that come closer have fallen together.
_TOO_CLOSE: Final = 0.5


@dataclass(frozen=True)
class Run:
    """What became of one run."""

    temperature: float
    """K"""
    whole: bool
    """No two atoms fell together, no temperature ran away."""
    error: float | None
    """Mean absolute difference of the energy from the reference method on the configurations of the run, eV/atom."""


def short_runs(engine: Engine, reference: Engine, metal: Metal, cohesive_energy: float, steps: int) -> list[Run]:
    """One run at each of three temperatures, Langevin, ``steps`` of 2 fs, at the engine's own volume."""
    runs = []
    for number, share in enumerate(SHARES):
        temperature = share * cohesive_energy / units.kB
        crystal = build_crystal(metal.structure, metal.volume, _REPEATS[metal.structure])
        atoms = Atoms(numbers=[metal.number] * len(crystal), positions=crystal.positions, cell=crystal.cell, pbc=True)
        atoms.calc = engine.calculator
        random = np.random.default_rng(number)
        thermalize_momenta(atoms, 2 * temperature, rng=random)
        moving = Langevin(
            atoms, _STEP * units.fs, temperature_K=temperature, friction=0.01 / units.fs, rng=random, fixcm=False
        )
        kept, whole = [], True
        for _ in range(_KEPT):
            moving.run(max(1, steps // _KEPT))
            nearest = _nearest(atoms)
            whole = bool(np.isfinite(atoms.positions).all()) and nearest > _TOO_CLOSE * metal.volume ** (1 / 3)
            whole = whole and atoms.get_temperature() < 4 * temperature
            if not whole:
                break
            kept.append(Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True))
        error = None
        if kept:
            difference = engine.energies(kept) - reference.energies(kept)
            error = float(np.abs(difference).mean()) / len(atoms)
        runs.append(Run(temperature, whole, error))
    return runs


def _nearest(atoms: Atoms) -> float:
    distances = atoms.get_all_distances(mic=True)
    return float(distances[np.triu_indices(len(atoms), k=1)].min())
