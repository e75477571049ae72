"""Heat a crystal in stages until it has melted: one loop for every kind of dynamics and every sign of melting."""

from collections.abc import Callable
from dataclasses import dataclass

from foundational.errors import EngineError
from foundational.specs.heating import HeatingRange
from foundational.units import BOLTZMANN


@dataclass(frozen=True)
class Melted:
    """Where a heated crystal had melted."""

    temperature: float
    """K, the limit of superheating."""
    stage: int
    """Number of the stage, from 0."""


def heat_until_melted(
    heating: HeatingRange, cohesive_energy: float, melts_at: Callable[[float, int], bool], what: str, advice: str = ""
) -> Melted:
    """Raise the temperature stage by stage until the crystal has melted.

    Parameters
    ----------
    heating
        Where heating starts and ends, and by how much a stage is hotter than the one before.
    cohesive_energy
        eV per atom; the range is in units of it.
    melts_at
        Runs a stage at a temperature (K), given its number; says whether the crystal has melted after it.
    what
        What is heated, for the message of an error.
    advice
        What the user can do, after that message.

    Raises
    ------
    EngineError
        If the crystal has not melted at the end of the range.
    """
    scale = cohesive_energy / BOLTZMANN
    temperature, stage = heating.coldest * scale, 0
    while temperature < heating.hottest * scale:
        if melts_at(temperature, stage):
            return Melted(temperature, stage)
        temperature, stage = temperature * (1 + heating.step), stage + 1
    raise EngineError(f"{what} does not melt below {temperature:.0f} K{advice}")
