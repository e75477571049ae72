"""From a potential alone to the temperatures of a pool: heat the crystal until it melts.

A crystal without surfaces melts above its melting point, when it has become unstable: by a nearly constant factor where
it is small and heated fast. So the temperature at which the very cell that is to be sampled loses its order, the limit
of superheating, gives all three temperatures of a window by fixed ratios; docs/sampling.md compares them with windows
that were chosen by hand. Nothing hangs on their last digits: ΔH is learned, whatever they are.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import repeat
from typing import Final

import numpy as np

from foundational.engines.momt.block import System
from foundational.engines.momt.window import advance_npt, boiled, start
from foundational.errors import EngineError
from foundational.science.order_parameter import LIQUID_BELOW
from foundational.seeds import derive
from foundational.units import BOLTZMANN

#: Heating begins at this many cohesive energies: every metal is solid there (they melt at 0.02 to 0.04 of it).
_COLD: Final = 0.008
#: Each stage is hotter by this.
_STEP: Final = 0.05
#: and lasts so long, fs.
_STAGE: Final = 4000.0
#: So long a liquid must last in each of as many runs, fs.
_BOILING: Final = 40_000.0
#: Beyond this many cohesive energies nothing is solid.
_HOT: Final = 0.1
#: Independent heatings, whose mean counts: one scatters by a stage or two.
_HEATINGS: Final = 4
#: T_low, T0 and T_high in limits of superheating.
RATIOS: Final = (0.24, 0.80, 1.50)


@dataclass(frozen=True)
class Melting:
    """What heating found."""

    limits: tuple[float, ...]
    """K, where each crystal lost its order."""
    hottest: float = float("inf")
    """K, the highest temperature of a liquid that does not boil, where one below T_high's usual ratio does."""

    @property
    def limit(self) -> float:
        """K, of superheating: their mean."""
        return float(np.mean(self.limits))

    @property
    def temperatures(self) -> tuple[float, float, float]:
        """T_low, T0 and T_high, K, to two digits.

        >>> Melting((2000.0, 2100.0)).temperatures
        (490.0, 1600.0, 3100.0)
        """
        low, middle, high = (ratio * self.limit for ratio in RATIOS)
        low, middle, high = (float(f"{t:.1e}") for t in (low, middle, min(high, self.hottest)))
        return low, middle, high


def find_melting(
    system: System,
    cohesive_energy: float,
    seed: int,
    executor: Executor | None = None,
    *,
    known: tuple[float, ...] = (),
    found: Callable[[tuple[float, ...]], None] = lambda _: None,
) -> Melting:
    """Heat crystals of ``system`` until they melt; ``cohesive_energy`` in eV per atom only says where to begin.

    Parameters
    ----------
    known
        Limits that an interrupted search had found.
    found
        Called with the limits so far after each.

    Raises
    ------
    EngineError
        If the crystal does not last even cold, or does not melt, or the liquid boils at once.
    """
    apply = map if executor is None else executor.map
    seeds = [derive(seed, "heating", index) for index in range(len(known), _HEATINGS)]
    for limit in apply(_heated, repeat(system), repeat(cohesive_energy / BOLTZMANN), seeds):
        known = (*known, limit)
        found(known)
    return Melting(known, hottest_liquid(system, Melting(known).temperatures, derive(seed, "boiling")))


def hottest_liquid(system: System, temperatures: tuple[float, float, float], seed: int) -> float:
    """K: infinity where the liquid lasts at T_high, else a temperature below T_high at which it does not boil.

    Raises
    ------
    EngineError
        If it boils where crystal and liquid should change into one another.
    """
    _, middle, high = temperatures
    temperature, tries = high, 0
    while temperature > middle:
        if all(_lasts(system, temperature, derive(seed, tries, index)) for index in range(_HEATINGS)):
            return temperature * (1 - _STEP) if tries else float("inf")  # a longer run would boil a little lower
        temperature, tries = temperature * (1 - 2 * _STEP), tries + 1
    what = f"the liquid of {system.element} with {system.potential.id}"
    raise EngineError(f"{what} boils at {middle:.0f} K already; give the temperatures of the window")


def _lasts(system: System, temperature: float, seed: int) -> bool:
    """Whether the liquid is one still after a run; bubbles are rare, so that several runs must be asked."""
    state = start(system, 2 * temperature, derive(seed, "start"))
    _, frames = advance_npt(system, state, temperature, _BOILING, derive(seed, "run"))
    return boiled(system, frames[-len(frames) // 4 :]) is None


def _heated(system: System, scale: float, seed: int) -> float:
    """The temperature at which a crystal that is heated in stages has lost its order, K."""
    temperature, stage = _COLD * scale, 0
    state = start(system, 2 * temperature, derive(seed, "start"))
    while temperature < _HOT * scale:
        state, frames = advance_npt(system, state, temperature, _STAGE, derive(seed, stage))
        if frames[len(frames) // 2 :, 2].mean() < LIQUID_BELOW:
            if stage == 0:
                break
            return temperature
        temperature, stage = temperature * (1 + _STEP), stage + 1
    what = f"the {system.structure} crystal of {system.element} with {system.potential.id}"
    if stage == 0:
        raise EngineError(f"{what} does not last at {temperature:.0f} K; sample another --structure")
    raise EngineError(f"{what} does not melt below {temperature:.0f} K; give the temperatures of the window")
