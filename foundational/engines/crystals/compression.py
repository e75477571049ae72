"""The volume of a perfect crystal under pressure, by any labeller."""

from typing import Final

from scipy.optimize import brentq

from foundational.data.labeller import Model
from foundational.engines.crystals.relaxation import crystal_configurations
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import ResolvedPotential
from foundational.engines.momt.window import tabulated_volume
from foundational.errors import EngineError
from foundational.science.crystals import Structure, build_crystal
from foundational.units import BAR

#: Volumes between which the pressure is searched, in units of the start volume; 0.45 is beyond 300 GPa for metals.
_SMALLEST, _LARGEST = 0.45, 1.15
_STEP: Final = 0.05


def volume_under_pressure(labeller: Model, structure: Structure, element: str, pressure: float, volume: float) -> float:
    """Å³ per atom at which the perfect crystal has ``pressure``.

    The search goes from ``volume`` in steps of 5 % to the first volume beyond the pressure, and then by Brent's method.

    Parameters
    ----------
    labeller
        Gives stresses.
    structure, element
        The crystal.
    pressure
        bar; positive compresses.
    volume
        Å³ per atom of the crystal without pressure, roughly.

    Raises
    ------
    EngineError
        If no volume between 0.45 and 1.15 of ``volume`` has that pressure.
    """

    def excess(scale: float) -> float:
        batch = crystal_configurations([build_crystal(structure, volume * scale, (2, 2, 2))], element)
        stress = labeller.label(batch).stress[0]
        return -float(stress.trace()) / 3 / BAR - pressure

    direction = -_STEP if excess(1.0) < 0 else _STEP
    near, far = 1.0, 1.0 + direction
    while _SMALLEST < far < _LARGEST:
        if excess(near) * excess(far) <= 0:
            return volume * float(brentq(excess, near, far, xtol=1e-6))
        near, far = far, far + direction
    raise EngineError(
        f"{labeller.id}: expected {structure} {element} at {pressure:g} bar between {_SMALLEST} and {_LARGEST} of "
        f"{volume:.3g} Å³/atom, found none; choose another pressure"
    )


def start_volume(
    potential: ResolvedPotential, element: str, structure: Structure, pressure: float | None
) -> float | None:
    """Å³ per atom of the crystal from which a pool with its own ``pressure`` (bar) starts; None for a pool without one.

    A crystal at its volume without pressure would be compressed by a shock at 100 GPa.

    Raises
    ------
    EngineError
        If the crystal does not exist at that pressure.
    """
    if pressure is None:
        return None
    return volume_under_pressure(LammpsLabeller(potential), structure, element, pressure, tabulated_volume(element))
