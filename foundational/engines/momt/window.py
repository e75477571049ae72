"""The window of enthalpy that a run covers, and the first guess of T(H) inside it, from four short NPT runs.

The lower edge is the mean enthalpy of the solid at T_low and the upper that of the liquid at T_high: an edge that does
not match its temperature holds a run outside the window for ever. Between them the guess follows the solid up to T0,
stays at T0 while the crystal melts, and then follows the liquid; both enthalpies at T0 are extrapolated from half way,
since near melting neither phase of a small cell lasts.
"""

from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from ase.data import atomic_numbers, reference_states
from numpy.typing import NDArray

from foundational.engines.momt.block import BlockSchedule, System, WalkerState, perfect_crystal, run_block
from foundational.errors import EngineError, InputError
from foundational.execution.tasks import in_order
from foundational.science.bias import Bias
from foundational.science.order_parameter import CRYSTAL_ABOVE, LIQUID_BELOW
from foundational.seeds import derive

_STRIDE = 20  # steps between the samples of a mean
_GAS = 3.0  # times the crystal's volume; liquids reach 1.5 before they boil
_ATTEMPTS = 5  # a superheated crystal melts when it pleases


@dataclass(frozen=True)
class NptRun:
    """One plain NPT run: where it starts, at which temperature, for how long."""

    phase: str
    temperature: float
    """K"""
    melt_at: float
    """K: a liquid is first molten there."""
    equilibration: float
    """fs, of each stage before the mean is taken."""
    duration: float
    """fs, over which the mean is taken."""


@dataclass(frozen=True, eq=False)
class Mean:
    """What an NPT run found."""

    enthalpy: float
    """eV, of the whole cell."""
    volume: float
    """Å³"""
    order: float
    state: WalkerState


@dataclass(frozen=True, eq=False)
class Window:
    """Knots of T(H) and the states from which walkers start."""

    knots_h: NDArray[np.float64]
    """(K,) eV"""
    knots_t: NDArray[np.float64]
    """(K,) K"""
    solid: WalkerState
    liquid: WalkerState


def tabulated_volume(element: str) -> float:
    """Å³ per atom of the element's own ground state (ASE's table).

    Raises
    ------
    InputError
        If there is none.
    """
    reference = reference_states[atomic_numbers[element]]
    symmetry = None if reference is None else reference.get("symmetry")
    if symmetry not in ("fcc", "bcc", "hcp", "sc", "diamond"):
        raise InputError(f"no volume is tabulated for {element}; sample a metal with a simple crystal")
    a = reference["a"]
    volume = {"fcc": a**3 / 4, "bcc": a**3 / 2, "sc": a**3, "diamond": a**3 / 8}.get(symmetry)
    if volume is None:
        volume = 3**0.5 / 4 * a**3 * reference["c/a"]
    return float(volume)


def start(system: System, temperature: float, seed: int) -> WalkerState:
    """The symmetric crystal at the system's start volume, or else at that of the element's own ground state."""
    volume = tabulated_volume(system.element) if system.start_volume is None else system.start_volume
    return perfect_crystal(system, volume, temperature, seed)


def boiled(system: System, frames: NDArray[np.float64]) -> float | None:
    """Å³ per atom, where frames of `Block` are a gas's; None for solids and liquids, even very hot ones."""
    volume = float(np.mean(frames[:, 3:6].prod(axis=1))) / system.n_atoms
    return volume if volume > _GAS * tabulated_volume(system.element) else None


def advance_npt(
    system: System, state: WalkerState, temperature: float, duration: float, seed: int
) -> tuple[WalkerState, NDArray[np.float64]]:
    """Plain NPT for ``duration`` fs: the state at its end, and its frames, one in 20 steps."""
    steps = int(duration / system.timestep)
    plan = BlockSchedule(steps, hill_stride=steps + 1, height=0.0, width=(1.0, 1.0), frame_stride=_STRIDE)
    block = run_block(system, state, Bias.canonical(temperature), plan, seed)
    return block.state, block.frames


def mean_of(system: System, run: NptRun, seed: int) -> Mean:
    """Means of enthalpy, volume and O over a plain NPT run.

    Raises
    ------
    EngineError
        If the phase does not last at that temperature, or the liquid boils.
    """
    first = run.melt_at if run.phase == "liquid" else run.temperature
    # twice the kinetic energy: half of it goes into the perfect crystal's springs
    state = start(system, 2 * first, derive(seed, "start"))
    for attempt in range(_ATTEMPTS if run.phase == "liquid" else 0):
        state, frames = advance_npt(system, state, run.melt_at, run.equilibration, derive(seed, "melt", attempt))
        if frames[-len(frames) // 4 :, 2].mean() < LIQUID_BELOW:
            break
    state, _ = advance_npt(system, state, run.temperature, run.equilibration, derive(seed, "equilibrate"))
    state, frames = advance_npt(system, state, run.temperature, run.duration, derive(seed, "mean"))
    enthalpy, order = frames[:, 1].mean(), frames[:, 2].mean()
    volume = frames[:, 3:6].prod(axis=1)
    what = f"{system.element} {run.phase} at {run.temperature:.0f} K"
    if gas := boiled(system, frames):
        raise EngineError(f"{what} boils: it takes {gas:.0f} Å³/atom; lower the temperature")
    if run.phase == "solid" and order < CRYSTAL_ABOVE:
        raise EngineError(f"{what} melts (order parameter {order:.2f}); lower its temperature")
    if run.phase == "liquid" and order > CRYSTAL_ABOVE:
        raise EngineError(f"{what} stays crystalline (order parameter {order:.2f}); raise its temperature")
    return Mean(float(enthalpy), float(volume.mean()), float(order), state)


def find_window(
    system: System,
    temperatures: tuple[float, float, float],
    equilibration: float,
    duration: float,
    seed: int,
    executor: Executor | None = None,
) -> Window:
    """The window for T_low < T0 < T_high (K); ``equilibration`` and ``duration`` in fs, as in `NptRun`.

    Raises
    ------
    InputError
        If the temperatures do not ascend.
    EngineError
        If a phase does not last where it is needed.
    """
    low, middle, high = temperatures
    if not low < middle < high:
        raise InputError(f"expected temperature_low < temperature < temperature_high, got {low}, {middle}, {high} K")
    cool, hot = (low + middle) / 2, (middle + high) / 2
    runs = [
        NptRun(phase, temperature, high, equilibration, duration)
        for phase, temperature in (("solid", low), ("solid", cool), ("liquid", hot), ("liquid", high))
    ]
    seeds = [derive(seed, "window", index) for index in range(len(runs))]
    lower, solid, liquid, upper = in_order(mean_of, zip(repeat(system), runs, seeds, strict=False), executor)
    melting, molten = 2 * solid.enthalpy - lower.enthalpy, 2 * liquid.enthalpy - upper.enthalpy
    knots_h = np.array([lower.enthalpy, solid.enthalpy, melting, molten, liquid.enthalpy, upper.enthalpy])
    knots_t = np.array([low, cool, middle, middle, hot, high])
    if melting > molten:  # the two extrapolations meet before T0: leave the plateau out
        knots_h, knots_t = knots_h[[0, 1, 4, 5]], knots_t[[0, 1, 4, 5]]
    if (np.diff(knots_h) <= 0).any():
        found = ", ".join(f"{h / system.n_atoms:.3f} at {t:.0f} K" for h, t in zip(knots_h, knots_t, strict=True))
        raise EngineError(f"expected the enthalpy to rise with temperature, got {found} (eV/atom)")
    return Window(knots_h, knots_t, solid.state, liquid.state)
