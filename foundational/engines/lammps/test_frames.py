"""Short plain NPT of a solid and its melt, at temperatures that follow from the potential: frames to test a model on.

Unlike `foundational.engines.momt` it needs no order parameter, so that HCP is possible too. It gives independent frames
of the right temperature and nothing else: no bias, no window, nothing to reweight.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.data import atomic_masses, atomic_numbers
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.engines.lammps.heating import heat_until_melted
from foundational.engines.lammps.library import lammps_instance, run_commands
from foundational.engines.lammps.potentials import ResolvedPotential
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
    coldest = spec.melting.coldest * (cohesive_energy / BOLTZMANN)
    solid = _Run(potential, element, crystal, 2 * coldest, spec, seed)
    try:
        limit = _heated(solid, crystal, cohesive_energy, spec)
        solid.run(spec.melting.overheating * limit, spec.equilibration)
        solid.run(spec.liquid * limit, spec.equilibration)
        liquid = solid.frames(spec.liquid * limit)
    finally:
        solid.close()
    # Twice the kinetic energy: half of it becomes potential energy of the perfect crystal.
    cold = _Run(potential, element, crystal, 2 * spec.solid * limit, spec, seed + 1)
    try:
        cold.run(spec.solid * limit, spec.equilibration)
        frames = cold.frames(spec.solid * limit)
    finally:
        cold.close()
    return NptFrames(_configurations(frames, element), _configurations(liquid, element), limit)


def _heated(run: "_Run", crystal: Crystal, cohesive_energy: float, spec: NptTestSpec) -> float:
    """The temperature at which the atoms of the heated crystal have left their sites, K."""
    distance = (crystal.volume_per_atom * 2**0.5) ** (1 / 3)

    def melts_at(temperature: float, _stage: int) -> bool:
        run.run(temperature, spec.heating)
        return bool(run.displacement() > spec.melting.displacement * distance)

    what = f"{crystal.structure} {run.element} with {run.potential.id}"
    return heat_until_melted(spec.melting, cohesive_energy, melts_at, what).temperature


def _configurations(frames: list[_Frame], element: str) -> Configurations:
    numbers = np.full(len(frames[0][1]), atomic_numbers[element])
    return Configurations.build(
        [np.diag(edges) for edges, _ in frames], [x for _, x in frames], [numbers] * len(frames)
    )


class _Run:
    """A LAMMPS instance with one crystal, or its melt."""

    def __init__(
        self,
        potential: ResolvedPotential,
        element: str,
        crystal: Crystal,
        temperature: float,
        spec: NptTestSpec,
        seed: int,
    ) -> None:
        self.potential, self.element, self._spec, self._n = potential, element, spec, len(crystal)
        edges = " ".join(f"0 {edge!r}" for edge in np.diag(crystal.cell).tolist())
        self._lammps: Any = lammps_instance()
        run_commands(
            self._lammps,
            "units metal", "atom_style atomic", "atom_modify map array", "boundary p p p",
            f"region cell block {edges}", "create_box 1 cell",
        )  # fmt: skip
        inside = (crystal.fractional % 1.0) @ crystal.cell
        self._lammps.create_atoms(self._n, list(range(1, self._n + 1)), [1] * self._n, inside.ravel().tolist())
        run_commands(
            self._lammps,
            f"mass 1 {atomic_masses[atomic_numbers[element]]}",
            *potential.pair_commands([element]),
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
        """Frames a stride apart: the three edges, Å, and the positions, (N, 3) Å."""
        found = []
        for _ in range(self._spec.frames):
            self.run(temperature, self._spec.stride)
            low, high, *_ = self._lammps.extract_box()
            positions = np.ctypeslib.as_array(self._lammps.gather_atoms("x", 1, 3)).reshape(-1, 3).copy()
            edges = np.array(high) - np.array(low)
            found.append((edges, (positions - np.array(low)) % edges))
        return found

    def displacement(self) -> float:
        """Root mean square displacement since the start, Å."""
        squared: float = self._lammps.extract_compute("displacement", 0, 1)[3]
        return float(squared**0.5)

    def close(self) -> None:
        """End the instance, unless it failed and must not be touched."""
        if self._lammps.opened:
            self._lammps.close()
