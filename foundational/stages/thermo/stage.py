"""Thermodynamics of a pool: enthalpy, volume and heat capacity by temperature and phase, and the melting temperature.

The pool was recorded under a frozen bias, so that each frame's weight at any temperature of the window is known
(``science.reweighting``). The local environments of its atoms give its phase (``engines.geometry.local_structure``,
``science.phases``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from foundational.data.batches import iterate_batches
from foundational.engines.geometry.local_structure import structure_shares
from foundational.progress import Progress
from foundational.science.bias import Bias
from foundational.science.cell_shape import shape_energy
from foundational.science.phases import Phase, phases, stays
from foundational.science.reweighting import (
    Average,
    Estimate,
    Frames,
    average,
    free_energy_difference,
    melting_temperature,
)
from foundational.specs.base import Spec
from foundational.units import BOLTZMANN

#: About so many temperatures where none are named.
_ROWS = 10


class PhaseReport(Spec):
    """How often a run was in a phase, and how it left it."""

    phase: str
    share: float
    """Of the frames as they were sampled, without weights."""
    visits: int
    longest_ps: float
    left_for: dict[str, int]
    """Visits by the phase that came after them."""
    unfinished: int
    """Visits that the end of the run cut short."""


class ThermoRow(Spec):
    """One phase at one temperature."""

    temperature_K: float  # noqa: N815
    phase: str
    enthalpy_eV_per_atom: float = Field(description="U + PV; the kinetic 3/2·kT is not in it.")  # noqa: N815
    enthalpy_error_eV_per_atom: float  # noqa: N815
    volume_A3_per_atom: float  # noqa: N815
    volume_error_A3_per_atom: float  # noqa: N815
    heat_capacity_k_per_atom: float = Field(description="At constant pressure, with the kinetic 3/2.")
    heat_capacity_error_k_per_atom: float
    effective_frames: float


class FreeEnergyRow(Spec):
    """How much lower or higher the aligned crystal's Gibbs energy is than the liquid's."""

    temperature_K: float  # noqa: N815
    crystal_minus_liquid_eV_per_atom: float  # noqa: N815
    error_eV_per_atom: float  # noqa: N815


class MeltingPoint(Spec):
    """Where the aligned crystal and the liquid have equal weights, and what melting takes there."""

    temperature_K: float  # noqa: N815
    temperature_error_K: float  # noqa: N815
    latent_heat_eV_per_atom: float | None  # noqa: N815
    volume_change_A3_per_atom: float | None  # noqa: N815


class ThermoReport(Spec):
    """What a pool says of its substance; what too few frames support is omitted, or null."""

    pool: str
    fingerprint: str
    element: str
    n_atoms: int
    frames: int
    pressure_bar: float
    lowest_temperature_K: float  # noqa: N815
    highest_temperature_K: float  # noqa: N815
    crossings: int
    phases: tuple[PhaseReport, ...]
    rows: tuple[ThermoRow, ...]
    free_energies: tuple[FreeEnergyRow, ...]
    melting: MeltingPoint | None


@dataclass(frozen=True)
class PoolProvenance:
    """What the record of a pool says, as far as thermodynamics needs it."""

    fingerprint: str
    element: str
    pressure: float
    """bar"""
    frame_time: float
    """ps, between two frames of a walker."""
    crossings: int
    shape_stiffness: float
    """k·T0, of the restraint of a flexible cell's shape; 0 for an isotropic cell."""


@dataclass(frozen=True, eq=False)
class PoolFrames:
    """A pool as this stage looks at it."""

    name: str
    fingerprint: str
    element: str
    n_atoms: int
    pressure: float
    """bar"""
    frame_time: float
    """ps, between two frames of a walker."""
    crossings: int
    energy: NDArray[np.float64]
    """(C,) eV"""
    frames: Frames
    phase: NDArray[np.int8]
    """(C,) of `Phase`."""
    depth: NDArray[np.float64]
    """(C,) within its phase, see `science.phases.phases`."""

    @property
    def time(self) -> NDArray[np.float64]:
        """(C,) ps since recording began."""
        steps = self.frames.step
        return np.asarray(steps / np.gcd.reduce(steps) * self.frame_time)


def prepare_pool(
    name: str, dataset: xr.Dataset, bias: Bias, provenance: PoolProvenance, progress: Progress | None = None
) -> PoolFrames:
    """Determine the phase of every frame of a pool.

    Parameters
    ----------
    name
        Name of the pool.
    dataset
        Its configurations.
    bias
        The bias under which they were recorded.
    provenance
        What the record of the pool says.
    progress
        Called with (configurations done, all, message).
    """
    h, o, v, energy, walker, step = (
        dataset[key].to_numpy() for key in ("enthalpy", "order_parameter", "volume", "energy", "walker", "step")
    )
    phase, depth = phases(shares_of(dataset, progress), o)
    restraint = shape_energy(dataset["cell"].to_numpy(), provenance.shape_stiffness * BOLTZMANN * bias.temperature)
    frames = Frames(h, v, o.astype(np.float64), walker.astype(np.int64), step.astype(np.int64), bias, restraint)
    return PoolFrames(
        name=name,
        fingerprint=provenance.fingerprint,
        element=provenance.element,
        n_atoms=int(dataset["n_atoms"][0]),
        pressure=provenance.pressure,
        frame_time=provenance.frame_time,
        crossings=provenance.crossings,
        energy=energy,
        frames=frames,
        phase=phase,
        depth=depth,
    )


def shares_of(dataset: xr.Dataset, progress: Progress | None = None) -> NDArray[np.float64]:
    """`structure_shares` of all configurations of a dataset, (C, 4), batch by batch."""
    bare = dataset[["n_atoms", "cell", "pbc", "atomic_numbers", "positions"]]
    count = bare.sizes["configuration"]
    shares = np.empty((count, 4))
    for rows, batch in iterate_batches(bare):
        shares[rows] = structure_shares(batch)
        if progress is not None:
            progress(rows.stop, count, "distinguishing crystal and liquid")
    return shares


def thermo(pool: PoolFrames, temperatures: Sequence[float] | None = None) -> ThermoReport:
    """Averages of each phase at ``temperatures`` (K; by default round ones over the window), and the melting point.

    Raises
    ------
    InputError
        for a temperature outside the pool's window.
    """
    low, high = pool.frames.temperatures
    grid = round_temperatures(low, high) if temperatures is None else list(temperatures)
    averages = [
        (phase, found)
        for temperature in grid
        for phase in (Phase.ALIGNED, Phase.OTHER, Phase.LIQUID)
        if (found := average(pool.frames, pool.phase == phase, temperature, pool.depth)) is not None
    ]
    crystal, liquid = pool.phase == Phase.ALIGNED, pool.phase == Phase.LIQUID
    melting = melting_temperature(pool.frames, crystal, liquid)
    differences = free_energy_difference(pool.frames, crystal, liquid, np.array(grid))
    return ThermoReport(
        pool=pool.name,
        fingerprint=pool.fingerprint,
        element=pool.element,
        n_atoms=pool.n_atoms,
        frames=len(pool.phase),
        pressure_bar=pool.pressure,
        lowest_temperature_K=low,
        highest_temperature_K=high,
        crossings=pool.crossings,
        phases=_phase_reports(pool),
        rows=tuple(_row(phase, found, pool.n_atoms) for phase, found in averages),
        free_energies=tuple(
            FreeEnergyRow(
                temperature_K=temperature,
                crystal_minus_liquid_eV_per_atom=found.value / pool.n_atoms,
                error_eV_per_atom=found.error / pool.n_atoms,
            )
            for temperature, found in zip(grid, differences, strict=True)
            if found is not None
        ),
        melting=None if melting is None else _melting_point(pool, melting),
    )


def round_temperatures(low: float, high: float) -> list[float]:
    """Some ten round temperatures from ``low`` to ``high`` K; the one that there is where they are equal.

    >>> round_temperatures(600, 4000)
    [1000.0, 1500.0, 2000.0, 2500.0, 3000.0, 3500.0, 4000.0]
    >>> round_temperatures(2000, 2000)
    [2000.0]
    """
    if low == high:
        return [float(low)]
    step = next(s for s in (10, 20, 50, 100, 200, 500, 1000, 2000, 5000) if (high - low) / s <= _ROWS)
    return [float(step * k) for k in range(int(np.ceil(low / step)), int(high // step) + 1)]


def _phase_reports(pool: PoolFrames) -> tuple[PhaseReport, ...]:
    found = stays(pool.phase, pool.frames.walker)
    return tuple(
        PhaseReport(
            phase=phase.label,
            share=float(np.mean(pool.phase == phase)),
            visits=found[phase].visits,
            longest_ps=round(found[phase].longest * pool.frame_time, 6),
            left_for={other.label: count for other, count in found[phase].left_for.items()},
            unfinished=found[phase].unfinished,
        )
        for phase in (Phase.ALIGNED, Phase.OTHER, Phase.LIQUID)
    )


def _row(phase: Phase, found: Average, n_atoms: int) -> ThermoRow:
    return ThermoRow(
        temperature_K=found.temperature,
        phase=phase.label,
        enthalpy_eV_per_atom=found.enthalpy.value / n_atoms,
        enthalpy_error_eV_per_atom=found.enthalpy.error / n_atoms,
        volume_A3_per_atom=found.volume.value / n_atoms,
        volume_error_A3_per_atom=found.volume.error / n_atoms,
        heat_capacity_k_per_atom=found.heat_capacity.value / n_atoms + 1.5,
        heat_capacity_error_k_per_atom=found.heat_capacity.error / n_atoms,
        effective_frames=round(found.effective_frames, 1),
    )


def _melting_point(pool: PoolFrames, melting: Estimate) -> MeltingPoint:
    crystal, liquid = (
        average(pool.frames, pool.phase == phase, melting.value, pool.depth) for phase in (Phase.ALIGNED, Phase.LIQUID)
    )
    heat = expansion = None
    if crystal is not None and liquid is not None:
        heat = (liquid.enthalpy.value - crystal.enthalpy.value) / pool.n_atoms
        expansion = (liquid.volume.value - crystal.volume.value) / pool.n_atoms
    return MeltingPoint(
        temperature_K=melting.value,
        temperature_error_K=melting.error,
        latent_heat_eV_per_atom=heat,
        volume_change_A3_per_atom=expansion,
    )
