"""From a potential alone to the temperatures of a pool: heat the crystal until it melts.

A periodic crystal has no surface. It melts above its melting point, when it becomes unstable: by a nearly constant
factor where it is small and heated fast. So the temperature at which the very cell that is sampled loses its order, the
limit of superheating, gives all three temperatures of a window by fixed ratios. docs/sampling.md compares such windows
with windows that were chosen by hand. Their last digits do not matter: the bias is learned, whatever they are.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import repeat

import numpy as np

from foundational.engines.lammps.heating import heat_until_melted
from foundational.engines.momt.block import System
from foundational.engines.momt.window import advance_npt, boiled, start
from foundational.errors import EngineError
from foundational.execution.tasks import in_order
from foundational.science.order_parameter import LIQUID_BELOW
from foundational.seeds import derive
from foundational.specs.sample import ElementSpec, MeltingSpec, WindowRatios
from foundational.units import BOLTZMANN


@dataclass(frozen=True)
class Melting:
    """What heating found."""

    limits: tuple[float, ...]
    """K, where each crystal lost its order."""
    hottest: float = float("inf")
    """K, the highest temperature of a liquid that does not boil, if the liquid boils at the upper edge."""

    @property
    def limit(self) -> float:
        """K, the limit of superheating: the mean of all heatings."""
        return float(np.mean(self.limits))

    def temperatures(self, window: WindowRatios) -> tuple[float, float, float]:
        """T_low, T0 and T_high of a pool, K, to two digits.

        >>> ratios = WindowRatios(temperature_low=0.24, temperature=0.8, temperature_high=1.5)
        >>> Melting((2000.0, 2100.0)).temperatures(ratios)
        (490.0, 1600.0, 3100.0)
        """
        ratios = window.temperature_low, window.temperature, window.temperature_high
        low, middle, high = (ratio * self.limit for ratio in ratios)
        low, middle, high = (float(f"{t:.1e}") for t in (low, middle, min(high, self.hottest)))
        return low, middle, high


def find_melting(
    system: System,
    cohesive_energy: float,
    spec: ElementSpec,
    seed: int,
    executor: Executor | None = None,
    *,
    limits: tuple[float, ...] = (),
    on_limit: Callable[[tuple[float, ...]], None] = lambda _: None,
) -> Melting:
    """Heat crystals of ``system`` until they melt.

    Parameters
    ----------
    system
        The cell that is to be sampled.
    cohesive_energy
        eV per atom; it only decides where heating starts and ends.
    spec
        How to heat, and the ratios of the window.
    seed
        Of all velocities and random forces.
    executor
        Heats several crystals at a time.
    limits
        Limits that an interrupted search had found, K.
    on_limit
        Called with the limits so far after each heating.

    Raises
    ------
    EngineError
        If the crystal does not last even in the first stage, does not melt, or its liquid boils at T0.
    """
    seeds = [derive(seed, "heating", index) for index in range(len(limits), spec.melting.heatings)]
    heatings = zip(repeat(system), repeat(cohesive_energy), repeat(spec.melting), seeds, strict=False)
    for limit in in_order(_limit, heatings, executor):
        limits = (*limits, limit)
        on_limit(limits)
    temperatures = Melting(limits).temperatures(spec.window)
    return Melting(limits, hottest_liquid(system, temperatures, spec.melting, derive(seed, "boiling")))


def hottest_liquid(system: System, temperatures: tuple[float, float, float], spec: MeltingSpec, seed: int) -> float:
    """The temperature below T_high at which the liquid does not boil, K; infinity if it lasts at T_high.

    Parameters
    ----------
    system
        The cell that is to be sampled.
    temperatures
        T_low, T0 and T_high, K.
    spec
        How many runs a liquid must last, and how long.
    seed
        Of all velocities and random forces.

    Raises
    ------
    EngineError
        If the liquid boils even at T0.
    """
    _, middle, high = temperatures
    temperature, tries = high, 0
    while temperature > middle:
        if all(_lasts(system, temperature, spec, derive(seed, tries, index)) for index in range(spec.heatings)):
            return temperature * (1 - spec.step) if tries else float("inf")  # a longer run would boil a little lower
        temperature, tries = temperature * (1 - 2 * spec.step), tries + 1
    what = f"the liquid of {system.element} with {system.potential.id}"
    raise EngineError(f"{what} boils at {middle:.0f} K already; give the temperatures of the window")


def _lasts(system: System, temperature: float, spec: MeltingSpec, seed: int) -> bool:
    """Whether the liquid has not boiled after a run; bubbles are rare, so that several runs are needed."""
    state = start(system, 2 * temperature, derive(seed, "start"))
    _, frames = advance_npt(system, state, temperature, spec.liquid_time, derive(seed, "run"))
    return boiled(system, frames[-len(frames) // 4 :]) is None


def _limit(system: System, cohesive_energy: float, spec: MeltingSpec, seed: int) -> float:
    """The temperature at which a crystal that is heated in stages has lost its order, K."""
    coldest = spec.coldest * (cohesive_energy / BOLTZMANN)
    state = start(system, 2 * coldest, derive(seed, "start"))

    def melts_at(temperature: float, stage: int) -> bool:
        nonlocal state
        state, frames = advance_npt(system, state, temperature, spec.stage, derive(seed, stage))
        return bool(frames[len(frames) // 2 :, 2].mean() < LIQUID_BELOW)

    what = f"the {system.structure} crystal of {system.element} with {system.potential.id}"
    melted = heat_until_melted(spec, cohesive_energy, melts_at, what, "; give the temperatures of the window")
    if melted.stage == 0:
        raise EngineError(f"{what} does not last at {melted.temperature:.0f} K; sample another --structure")
    return melted.temperature
