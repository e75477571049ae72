"""Short plain NPT of a solid and its melt, at temperatures that follow from the potential: frames to test a model on.

Unlike `foundational.engines.momt` it needs no order parameter, so that HCP will do too, and it promises no more
than independent frames of the right temperature: no bias, no window, nothing to reweight.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.data import atomic_masses, atomic_numbers
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.engines.lammps.library import abandon, lammps_instance
from foundational.engines.lammps.potentials import ResolvedPotential
from foundational.errors import EngineError
from foundational.science.crystals import Crystal
from foundational.specs.translate import NptTestSpec
from foundational.units import BOLTZMANN

_PS = 1e-3  # of a femtosecond
#: Heating begins at this many cohesive energies, where every metal is solid, and ends where none is.
_COLD, _HOT = 0.008, 0.1
#: Each stage of heating is hotter by this.
_STEP = 0.04
#: Displaced by this many nearest-neighbour distances (root mean square), atoms have left their sites for good.
_MELTED = 0.5
#: Times the limit of superheating, at which the melt forgets the crystal.
_OVERHEAT = 1.25
_Frame = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class NptFrames:
    """Frames of both phases, unlabelled."""

    solid: Configurations
    liquid: Configurations
    limit: float
    """K, of superheating: where the heated crystal melted."""


def npt_frames(
    potential: ResolvedPotential, element: str, crystal: Crystal, cohesive_energy: float, spec: NptTestSpec, seed: int
) -> NptFrames:
    """Heat ``crystal`` until it melts; run it well below that limit, and its melt near it.

    Parameters
    ----------
    cohesive_energy
        eV per atom; says where heating begins.
    spec
        Lengths of the runs, and temperatures in limits of superheating.
    seed
        Of the velocities.

    Raises
    ------
    EngineError
        If the crystal does not melt, or LAMMPS fails.
    """
    kelvin = cohesive_energy / BOLTZMANN
    solid = _Run(potential, element, crystal, 2 * _COLD * kelvin, spec, seed)
    try:
        limit = _heated(solid, crystal, kelvin, spec)
        solid.run(_OVERHEAT * limit, spec.equilibration)
        solid.run(spec.liquid * limit, spec.equilibration)
        liquid = solid.frames(spec.liquid * limit)
    finally:
        solid.close()
    # twice the kinetic energy: half of it goes into the perfect crystal's springs
    cold = _Run(potential, element, crystal, 2 * spec.solid * limit, spec, seed + 1)
    try:
        cold.run(spec.solid * limit, spec.equilibration)
        frames = cold.frames(spec.solid * limit)
    finally:
        cold.close()
    return NptFrames(_configurations(frames, element), _configurations(liquid, element), limit)


def _heated(run: "_Run", crystal: Crystal, kelvin: float, spec: NptTestSpec) -> float:
    temperature = _COLD * kelvin
    distance = (crystal.volume_per_atom * 2**0.5) ** (1 / 3)
    while temperature < _HOT * kelvin:
        run.run(temperature, spec.heating)
        if run.displacement() > _MELTED * distance:
            return temperature
        temperature *= 1 + _STEP
    raise EngineError(
        f"{crystal.structure} {run.element} with {run.potential.id} does not melt below {temperature:.0f} K"
    )


def _configurations(frames: list[_Frame], element: str) -> Configurations:
    numbers = np.full(len(frames[0][1]), atomic_numbers[element])
    return Configurations.build(
        [np.diag(edges) for edges, _ in frames], [x for _, x in frames], [numbers] * len(frames)
    )


class _Run:
    """A LAMMPS instance with one crystal, or what became of it."""

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
        self._commands(
            "units metal", "atom_style atomic", "atom_modify map array", "boundary p p p",
            f"region cell block {edges}", "create_box 1 cell",
        )  # fmt: skip
        inside = (crystal.fractional % 1.0) @ crystal.cell
        self._lammps.create_atoms(self._n, list(range(1, self._n + 1)), [1] * self._n, inside.ravel().tolist())
        self._commands(
            f"mass 1 {atomic_masses[atomic_numbers[element]]}",
            *potential.pair_commands([element]),
            f"timestep {spec.timestep * _PS!r}",
            "neighbor 1.0 bin",
            "neigh_modify delay 0 every 1 check yes one 20000 page 400000",
            "compute displacement all msd com yes",
            f"velocity all create {temperature!r} {seed % 900_000_000 + 1} mom yes dist gaussian",
            "thermo_style custom step temp",
        )

    def _commands(self, *commands: str) -> None:
        for command in commands:
            try:
                self._lammps.command(command)
            except Exception as error:  # LAMMPS raises nothing more particular
                abandon(self._lammps)
                raise EngineError(f"LAMMPS: {' '.join(str(error).split())}") from error

    def run(self, temperature: float, duration: float) -> None:
        """Plain NPT without pressure for ``duration`` fs; each edge of the cell moves by itself."""
        spec = self._spec
        damping = f"{spec.thermostat_time * _PS!r} aniso 0 0 {spec.barostat_time * _PS!r}"
        self._commands(f"fix npt all npt temp {temperature!r} {temperature!r} {damping}")
        self._commands(f"run {round(duration / spec.timestep)}", "unfix npt")

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
        """Root mean square, Å, since the beginning."""
        squared: float = self._lammps.extract_compute("displacement", 0, 1)[3]
        return float(squared**0.5)

    def close(self) -> None:
        """End the instance, unless it failed and must not be touched."""
        if self._lammps.opened:
            self._lammps.close()
