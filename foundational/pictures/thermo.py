"""The picture of a pool's thermodynamics: averages by temperature, and the density of states of each phase."""

from pathlib import Path
from typing import Final

import numpy as np

from foundational.pictures.style import COLOURS, picture
from foundational.science.phases import Phase
from foundational.science.reweighting import average, density_of_states
from foundational.stages.thermo.stage import PoolFrames, ThermoReport

#: How each phase is drawn.
PHASES: Final = {
    Phase.ALIGNED: (COLOURS[0], "-"),
    Phase.OTHER: (COLOURS[2], "-."),
    Phase.LIQUID: (COLOURS[1], "--"),
}
#: Temperatures of the curves.
_TEMPERATURES: Final = 35
_BINS: Final = 60


def draw_thermo(pool: PoolFrames, report: ThermoReport, path: Path) -> None:
    """Draw ⟨H⟩(T), ⟨V⟩(T), C_p(T) and the density of states of each phase."""
    low, high = pool.frames.temperatures
    edges = np.linspace(pool.frames.enthalpy.min(), pool.frames.enthalpy.max(), _BINS + 1)
    centres = (edges[:-1] + edges[1:]) / 2 / pool.n_atoms
    states = {phase: density_of_states(pool.frames, pool.phase == phase, edges) for phase in Phase}
    top = max(s.max() for s in states.values())
    title = f"{pool.name}: {pool.element}, {pool.n_atoms} atoms, {report.pressure_bar:g} bar"
    with picture(path, 2, title, rows=2) as axes:
        for phase, (colour, line) in PHASES.items():
            grid = np.unique(np.linspace(low, high, _TEMPERATURES))
            found = [average(pool.frames, pool.phase == phase, float(t), pool.depth) for t in grid]
            known = [x for x in found if x is not None]
            curves = [
                [(x.enthalpy.value, x.enthalpy.error) for x in known],
                [(x.volume.value, x.volume.error) for x in known],
                [(x.heat_capacity.value + 1.5 * pool.n_atoms, x.heat_capacity.error) for x in known],
            ]
            for axis, values in zip(axes, curves, strict=False):
                if known:
                    mean, spread = np.array(values).T / pool.n_atoms
                    style = {"marker": "o"} if len(known) == 1 else {"linestyle": line}
                    temperatures = [x.temperature for x in known]
                    axis.plot(temperatures, mean, color=colour, label=phase.label, **style)
                    axis.fill_between(temperatures, mean - spread, mean + spread, color=colour, alpha=0.25, linewidth=0)
            filled = np.isfinite(states[phase])
            axes[3].plot(centres[filled], (states[phase][filled] - top) / pool.n_atoms, line, color=colour)
        for axis, label in zip(axes[:3], ("⟨H⟩, eV/atom", "⟨V⟩, Å³/atom", "C_p, k/atom"), strict=True):
            axis.set(xlabel="temperature, K", ylabel=label)
            if report.melting is not None:
                axis.axvline(report.melting.temperature_K, color="0.4", linewidth=0.8, linestyle=":")
        axes[3].set(xlabel="H, eV/atom", ylabel="ln g(H), per atom")
        if axes[0].lines:
            axes[0].legend()
