"""Short plain NPT of a solid and its melt, at temperatures that follow from the potential: frames to test a model on.

Unlike `foundational.engines.momt` it needs no order parameter, so that HCP is possible too. It gives independent frames
of the right temperature and nothing else: no bias, no window, nothing to reweight.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.data import atomic_masses, atomic_numbers
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.engines.lammps.heating import heat_until_melted
from foundational.engines.lammps.library import lammps_instance, run_commands
from foundational.engines.lammps.potentials import ResolvedPotential
from foundational.science.cells import lower_triangular
from foundational.science.compounds.building import Compound
from foundational.science.crystals import Crystal
from foundational.specs.translate import NptTestSpec
from foundational.units import BOLTZMANN

_PS = 1e-3  # of a femtosecond
_Frame = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class NptFrames:
    """Frames of both phases, unlabelled."""

    solid: Configurations
    liquid: Configurations
    limit: float
    """K, the limit of superheating: where the heated crystal melted."""


def npt_frames(
    potential: ResolvedPotential, element: str, crystal: Crystal, cohesive_energy: float, spec: NptTestSpec, seed: int
) -> NptFrames:
    """Heat ``crystal`` until it melts; run it well below that limit, and its melt near it.

    Parameters
    ----------
    potential, element, crystal
        What is simulated; the crystal has right angles.
    cohesive_energy
        eV per atom; it decides where heating starts.
    spec
        Lengths of the runs, and temperatures in units of the limit of superheating.
    seed
        Of the velocities.

    Raises
    ------
    EngineError
        If the crystal does not melt, or LAMMPS fails.
    """
    compound = Compound(crystal.structure, crystal.cell, crystal.fractional, (element,) * len(crystal))
    limit, liquid = melt_frames(potential, compound, cohesive_energy, spec, seed)
    return NptFrames(solid_frames(potential, compound, spec.solid * limit, spec, seed + 1), liquid, limit)


def melt_frames(
    potential: ResolvedPotential, compound: Compound, cohesive_energy: float, spec: NptTestSpec, seed: int
) -> tuple[float, Configurations]:
    """Heat ``compound`` until it melts: the limit of superheating, K, and frames of its melt near that limit.

    Parameters
    ----------
    compound
        A cell of one or more elements, large enough to melt.
    cohesive_energy
        eV per atom; it decides where heating starts.
    """
    coldest = spec.melting.coldest * (cohesive_energy / BOLTZMANN)
    run = _Run(potential, compound, 2 * coldest, spec, seed)
    try:
        limit = _heated(run, compound, cohesive_energy, spec)
        run.run(spec.melting.overheating * limit, spec.equilibration)
        run.run(spec.liquid * limit, spec.equilibration)
        frames = run.frames(spec.liquid * limit)
    finally:
        run.close()
    return limit, _configurations(frames, compound.symbols)


def solid_frames(
    potential: ResolvedPotential, compound: Compound, temperature: float, spec: NptTestSpec, seed: int
) -> Configurations:
    """Frames of a run of ``compound`` at ``temperature``, K."""
    # Twice the kinetic energy: half of it becomes potential energy of the perfect crystal.
    run = _Run(potential, compound, 2 * temperature, spec, seed)
    try:
        run.run(temperature, spec.equilibration)
        frames = run.frames(temperature)
    finally:
        run.close()
    return _configurations(frames, compound.symbols)


def _heated(run: "_Run", compound: Compound, cohesive_energy: float, spec: NptTestSpec) -> float:
    """The temperature at which the atoms of the heated crystal have left their sites, K."""
    distance = (compound.volume_per_atom * 2**0.5) ** (1 / 3)

    def melts_at(temperature: float, _stage: int) -> bool:
        run.run(temperature, spec.heating)
        return bool(run.displacement() > spec.melting.displacement * distance)

    what = f"{compound.name} {compound.formula} with {run.potential.id}"
    return heat_until_melted(spec.melting, cohesive_energy, melts_at, what).temperature


def _configurations(frames: list[_Frame], symbols: Sequence[str]) -> Configurations:
    numbers = np.array([atomic_numbers[symbol] for symbol in symbols])
    return Configurations.build([cell for cell, _ in frames], [x for _, x in frames], [numbers] * len(frames))


class _Run:
    """A LAMMPS instance with one crystal, or its melt."""

    def __init__(
        self, potential: ResolvedPotential, compound: Compound, temperature: float, spec: NptTestSpec, seed: int
    ) -> None:
        self.potential, self._spec, self._n = potential, spec, len(compound)
        cell = compound.cell if _is_diagonal(compound.cell) else lower_triangular(compound.cell[None])[0][0]
        self._orthogonal = _is_diagonal(cell)
        edges = " ".join(f"0 {edge!r}" for edge in np.diag(cell).tolist())
        region = f"block {edges}"
        inside = (compound.fractional % 1.0) @ cell
        if not self._orthogonal:
            region = f"prism {edges} {' '.join(repr(float(cell[i, j])) for i, j in ((1, 0), (2, 0), (2, 1)))}"
            inside = (_in_basis(compound, cell) % 1.0) @ cell
        elements = list(dict.fromkeys(compound.symbols))
        types = [elements.index(symbol) + 1 for symbol in compound.symbols]
        self._lammps: Any = lammps_instance()
        run_commands(
            self._lammps,
            "units metal", "atom_style atomic", "atom_modify map array", "boundary p p p",
            f"region cell {region}", f"create_box {len(elements)} cell",
        )  # fmt: skip
        self._lammps.create_atoms(self._n, list(range(1, self._n + 1)), types, inside.ravel().tolist())
        run_commands(
            self._lammps,
            *(f"mass {i} {atomic_masses[atomic_numbers[e]]}" for i, e in enumerate(elements, start=1)),
            *potential.pair_commands(elements),
            f"timestep {spec.timestep * _PS!r}",
            "neighbor 1.0 bin",
            "neigh_modify delay 0 every 1 check yes one 20000 page 400000",
            "compute displacement all msd com yes",
            f"velocity all create {temperature!r} {seed % 900_000_000 + 1} mom yes dist gaussian",
            "thermo_style custom step temp",
        )

    def run(self, temperature: float, duration: float) -> None:
        """Plain NPT without pressure for ``duration`` fs; each edge of the cell moves by itself."""
        spec = self._spec
        damping = f"{spec.thermostat_time * _PS!r} aniso 0 0 {spec.barostat_time * _PS!r}"
        run_commands(self._lammps, f"fix npt all npt temp {temperature!r} {temperature!r} {damping}")
        run_commands(self._lammps, f"run {round(duration / spec.timestep)}", "unfix npt")

    def frames(self, temperature: float) -> list[_Frame]:
        """Frames a stride apart: the cell, (3, 3) Å, and the positions in it, (N, 3) Å."""
        found = []
        for _ in range(self._spec.frames):
            self.run(temperature, self._spec.stride)
            low, high, xy, yz, xz, *_ = self._lammps.extract_box()
            positions = np.ctypeslib.as_array(self._lammps.gather_atoms("x", 1, 3)).reshape(-1, 3).copy()
            edges = np.array(high) - np.array(low)
            if self._orthogonal:
                found.append((np.diag(edges), (positions - np.array(low)) % edges))
                continue
            cell = np.diag(edges) + np.array([[0, 0, 0], [xy, 0, 0], [xz, yz, 0]])
            found.append((cell, ((positions - np.array(low)) @ np.linalg.inv(cell) % 1.0) @ cell))
        return found

    def displacement(self) -> float:
        """Root mean square displacement since the start, Å."""
        squared: float = self._lammps.extract_compute("displacement", 0, 1)[3]
        return float(squared**0.5)

    def close(self) -> None:
        """End the instance, unless it failed and must not be touched."""
        if self._lammps.opened:
            self._lammps.close()


def _is_diagonal(cell: NDArray[np.float64]) -> bool:
    return bool((cell == np.diag(np.diag(cell))).all())


def _in_basis(compound: Compound, cell: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fractional coordinates in the reduced lower-triangular ``cell`` of the same lattice, (N, 3)."""
    _, rotation = lower_triangular(compound.cell[None])
    result: NDArray[np.float64] = compound.positions @ rotation[0].T @ np.linalg.inv(cell)
    return result
