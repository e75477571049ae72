"""A whole sampling run, round by round: learn the bias, then record frames under it, frozen.

In a round every walker advances by one block from the same bias; what the walkers learned is added in their order.
A round is a pure function of the run before it, so results do not depend on how many processes there are, and a run
that was interrupted and resumed is, bit for bit, the run that was not.
"""

from concurrent.futures import Executor
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import repeat
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundational.engines.lammps.potentials import ResolvedPotential
from foundational.engines.momt.block import Block, BlockSchedule, System, WalkerState, run_block
from foundational.engines.momt.window import NptRun, boiled, find_window, mean_of
from foundational.errors import EngineError
from foundational.execution.tasks import in_order
from foundational.science.bias import Bias
from foundational.science.order_parameter import check_supercell
from foundational.seeds import derive
from foundational.specs.sample import NptPool, PoolSpec, SampleSettings
from foundational.units import BOLTZMANN

#: A walker outside the window for all but this share of so many rounds does not come back by itself.
_INSIDE, _ROUNDS_OUTSIDE = 0.02, 5
#: Blocks of plain NPT that may leave their phase, one after another.
_ATTEMPTS = 10


@dataclass(frozen=True, eq=False)
class Run:
    """All that the next round depends on."""

    bias: Bias
    walkers: tuple[WalkerState, ...]
    visits: NDArray[np.int64]
    """(B_h, B_o) counted since learning, or recording, began."""
    stop: int | None
    """Rounds of learning in all; None until the crossings have come that decide it."""
    learned: int = 0
    """Rounds of learning so far."""
    recorded: int = 0
    """Rounds of recording so far."""
    crossings_learning: int = 0
    crossings_recording: int = 0
    outside: int = 0
    """Rounds on end in which a walker was outside the window."""

    @property
    def learning(self) -> bool:
        """Whether the next round still learns."""
        return self.stop is None or self.learned < self.stop

    @property
    def visited(self) -> float:
        """Share of the grid that was visited."""
        return float(np.mean(self.visits > 0))

    @property
    def details(self) -> dict[str, Any]:
        """What a record says of the run; JSON's types."""
        return {
            "crossings": self.crossings_recording,
            "crossings_learning": self.crossings_learning,
            "rounds_learning": self.learned,
            "rounds_recording": self.recorded,
            "walkers": len(self.walkers),
            "window_visited": round(self.visited, 4),
            "window_eV": [float(self.bias.knots_h[0]), float(self.bias.knots_h[-1])],
            "temperature_knots_K": self.bias.knots_t.tolist(),
            "enthalpy_knots_eV": self.bias.knots_h.tolist(),
        }

    @property
    def digest(self) -> dict[str, str]:
        """How a specification names the bias of this run, if another run uses it."""
        return {"bias": sha256(self.bias.coefficients.tobytes()).hexdigest()}


def system_of(
    settings: SampleSettings, pool: PoolSpec, potential: ResolvedPotential, start_volume: float | None = None
) -> System:
    """Atoms and equations of motion of a pool.

    ``start_volume`` is that of the crystal from which runs start, Å³ per atom; None: that of the element's ground
    state.

    Raises
    ------
    InputError
        If the supercell is too small for the waves of the order parameter.
    """
    check_supercell(pool.structure, pool.supercell)
    return System(
        potential=potential,
        element=pool.element,
        structure=pool.structure,
        repeats=pool.supercell,
        pressure=settings.pressure if pool.pressure is None else pool.pressure,
        timestep=settings.timestep,
        thermostat_time=settings.thermostat_time,
        barostat_time=settings.barostat_time,
        cell=pool.cell,
        shape_stiffness=(pool.shape_stiffness or 0.0) * BOLTZMANN * pool.temperature,
        start_volume=start_volume,
    )


def begin(settings: SampleSettings, pool: PoolSpec, system: System, seed: int, executor: Executor | None = None) -> Run:
    """The run before its first round: NPT finds the window and the states from which walkers start, solid and liquid.

    Raises
    ------
    EngineError
        If a phase does not last where it is needed.
    """
    times = settings.window.equilibration, settings.window.duration
    if isinstance(pool, NptPool):
        start = NptRun(pool.phase, pool.temperature, pool.melting_temperature, *times)
        state = mean_of(system, start, derive(seed, "start")).state
        return Run(Bias.canonical(pool.temperature), (state,) * settings.walkers, np.zeros((1, 1), np.int64), stop=0)
    temperatures = pool.temperature_low, pool.temperature, pool.temperature_high
    window = find_window(system, temperatures, *times, seed, executor)
    spec = settings.bias
    unit = system.n_atoms**0.5 * BOLTZMANN * pool.temperature
    smallest = ceil(8 * spec.hill_width[0]) + 1
    bins = max(smallest, round((window.knots_h[-1] - window.knots_h[0]) / (spec.enthalpy_bin * unit))), spec.order_bins
    walkers = tuple((window.solid, window.liquid)[w % 2] for w in range(settings.walkers))
    bias = Bias.flat(pool.temperature, window.knots_h, window.knots_t, bins)
    return Run(bias, walkers, np.zeros(bins, np.int64), stop=None)


def advance(
    run: Run, settings: SampleSettings, system: System, seed: int, executor: Executor | None = None
) -> tuple[Run, list[Block]]:
    """One round: every walker by one block; the run after it, and the blocks in the walkers' order.

    Raises
    ------
    EngineError
        If the dynamics fail, the crossings do not come, or the run leaves its window and stays outside.
    """
    phase, index = ("learn", run.learned) if run.learning else ("record", run.recorded)
    plan = BlockSchedule(
        steps=settings.steps(settings.block),
        hill_stride=settings.steps(settings.bias.hill_time),
        height=_height(run, settings),
        width=settings.bias.hill_width,
        frame_stride=settings.steps(settings.frame_time),
    )
    seeds = [derive(seed, phase, index, walker) for walker in range(len(run.walkers))]
    work = _stay_in_phase if run.bias.plain else run_block
    walkers = zip(repeat(system), run.walkers, repeat(run.bias), repeat(plan), seeds, strict=False)
    blocks = list(in_order(work, walkers, executor))
    crossings = sum(block.crossings for block in blocks)
    outside = not run.bias.plain and min(block.inside for block in blocks) < _INSIDE
    after = replace(
        run,
        walkers=tuple(block.state for block in blocks),
        visits=run.visits + sum(block.visits for block in blocks),
        outside=run.outside + 1 if outside else 0,
    )
    if run.learning:
        coefficients = run.bias.coefficients.copy()
        for block in blocks:
            coefficients += block.increments
        total = run.crossings_learning + crossings
        after = replace(
            after,
            bias=run.bias.with_coefficients(coefficients),
            learned=run.learned + 1,
            crossings_learning=total,
        )
        if after.stop is None and total >= settings.learning.crossings:
            after = replace(after, stop=ceil(after.learned * settings.learning.refinement))
        if not after.learning:
            after = replace(after, visits=np.zeros_like(run.visits))
    else:
        after = replace(after, recorded=run.recorded + 1, crossings_recording=run.crossings_recording + crossings)
    _refuse(after, settings, system, blocks)
    return after, blocks


def _stay_in_phase(system: System, state: WalkerState, bias: Bias, plan: BlockSchedule, seed: int) -> Block:
    """A block of plain NPT in which the phase lasted: one in which it froze or melted is thrown away and drawn again.

    Near melting neither phase of a small cell lasts for ever; the pool is conditioned on the one that was asked for.
    """
    for attempt in range(_ATTEMPTS):
        block = run_block(system, state, bias, plan, derive(seed, attempt))
        if block.crossings == 0:
            return block
    raise EngineError(
        f"{system.element} {'solid' if state.side > 0 else 'liquid'} at {bias.temperature:g} K did not last for "
        f"{plan.steps * system.timestep / 1000:g} ps in {_ATTEMPTS} attempts; choose another temperature"
    )


def _height(run: Run, settings: SampleSettings) -> float:
    """Height of the hills of the next round, eV: constant while exploring, then falling as 1/t, 0 while recording.

    The 1/t schedule of R. E. Belardinelli, V. D. Pereyra, Phys. Rev. E 75, 046701 (2007), which converges.
    """
    if not run.learning:
        return 0.0
    first = settings.bias.hill_height * BOLTZMANN * run.bias.temperature
    if run.stop is None:
        return first
    explored = run.stop / settings.learning.refinement
    return first * explored / (run.learned + 1)


def _refuse(run: Run, settings: SampleSettings, system: System, blocks: list[Block]) -> None:
    """Raise where the run cannot continue; see `advance`."""
    time = run.learned * settings.block
    if run.stop is None and time >= settings.learning.patience:
        raise EngineError(
            f"expected {settings.learning.crossings} crossings within {time / 1e6:.3g} ns a walker, got "
            f"{run.crossings_learning}; raise learning.patience, or bring the temperature nearer to melting"
        )
    if run.outside < _ROUNDS_OUTSIDE:
        return
    walker = int(np.argmin([block.inside for block in blocks]))
    below = blocks[walker].frames[:, 1].mean() < run.bias.knots_h[0]
    edge, temperature = (0, run.bias.knots_t[0]) if below else (-1, run.bias.knots_t[-1])
    n_atoms = system.n_atoms
    if gas := boiled(system, blocks[walker].frames):
        raise EngineError(
            f"walker {walker} boils: {system.element} takes {gas:.0f} Å³/atom beyond the upper edge of the window "
            f"({temperature:.0f} K); lower temperature_high"
        )
    raise EngineError(
        f"walker {walker} left the window at its {'lower' if below else 'upper'} edge "
        f"({run.bias.knots_h[edge] / n_atoms:.3f} eV/atom, {temperature:.0f} K) and did not come back in "
        f"{_ROUNDS_OUTSIDE} rounds; change temperature_{'low' if below else 'high'}"
    )
