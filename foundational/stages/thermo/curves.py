"""What `thermo` found as curves: small CSV files for DVC's plots, and one figure for people."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from foundational.errors import MissingDependencyError, package_needed
from foundational.science.phases import Phase
from foundational.science.reweighting import average, density_of_states
from foundational.stages.thermo.stage import PoolFrames, ThermoReport
from foundational.units import MEV

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The order parameters at which the bias is drawn as a function of H.
ORDERS = (0.05, 0.25, 0.5, 0.75)
#: Curves over the window have so many temperatures.
_TEMPERATURES = 35
_ROWS = 1000
_BINS = 60
#: How each phase is drawn.
COLOURS = {Phase.ALIGNED: "tab:blue", Phase.OTHER: "tab:green", Phase.LIQUID: "tab:red"}


Rows = tuple[Sequence[str], Iterable[Sequence[float | int | str]]]


def csv_files(pool: PoolFrames) -> dict[str, str]:
    """The text of each small CSV file, by its name."""
    return {
        f"{pool.name}-{kind}.csv": _csv(*rows(pool))
        for kind, rows in (("run", run_rows), ("energies", energy_rows), ("visits", visit_rows), ("bias", bias_rows))
    }


def run_rows(pool: PoolFrames) -> Rows:
    """Energy and O along the run, thinned to 1,000 rows."""
    order = np.lexsort((pool.time, pool.frames.walker))
    kept = order[:: -(-len(order) // _ROWS)]
    values = pool.time, pool.frames.walker, pool.energy / pool.n_atoms, pool.frames.order_parameter
    labels = [Phase(int(p)).label for p in pool.phase[kept]]
    names = "time_ps", "walker", "energy_eV_per_atom", "order_parameter", "phase"
    return names, list(zip(*(v[kept].tolist() for v in values), labels, strict=True))


def energy_rows(pool: PoolFrames) -> Rows:
    """The histogram of the energy, of all frames and of each phase."""
    energy = pool.energy / pool.n_atoms
    counts, edges = np.histogram(energy, _BINS)
    phases = [np.histogram(energy[pool.phase == phase], edges)[0] for phase in Phase]
    names = "energy_eV_per_atom", "frames", *(phase.label.replace(" ", "_") for phase in Phase)
    return names, list(zip((edges[:-1] + edges[1:]) / 2, counts, *phases, strict=True))


def visit_rows(pool: PoolFrames) -> Rows:
    """The histogram of (H, O): bins that hold frames."""
    h, o = pool.frames.enthalpy / pool.n_atoms, pool.frames.order_parameter
    counts, h_edges, o_edges = np.histogram2d(h, o, (40, np.linspace(0, 1, 41)))
    i, j = np.nonzero(counts)
    columns = (h_edges[i] + h_edges[i + 1]) / 2, (o_edges[j] + o_edges[j + 1]) / 2, counts[i, j].astype(int)
    return ("enthalpy_eV_per_atom", "order_parameter", "frames"), list(zip(*columns, strict=True))


def bias_rows(pool: PoolFrames) -> Rows:
    """ΔH in meV/atom as a function of H at a few O."""
    h = _enthalpies(pool)
    columns = [pool.frames.bias.value(h, np.full_like(h, o)) / pool.n_atoms * MEV for o in ORDERS]
    names = "enthalpy_eV_per_atom", *(f"bias_meV_per_atom_at_O_{o:g}" for o in ORDERS)
    return names, list(zip(h / pool.n_atoms, *columns, strict=True))


def _enthalpies(pool: PoolFrames) -> NDArray[np.float64]:
    """Over the frames' range of H."""
    return np.linspace(pool.frames.enthalpy.min(), pool.frames.enthalpy.max(), 100)


def _csv(names: Sequence[str], rows: Iterable[Sequence[float | int | str]]) -> str:
    lines = [",".join(names)]
    lines += [",".join(v if isinstance(v, str) else f"{v:.6g}" for v in row) for row in rows]
    return "\n".join(lines) + "\n"


def draw(pool: PoolFrames, report: ThermoReport) -> "Figure":
    """Draw ⟨H⟩(T), ⟨V⟩(T), C_p(T) and the density of states of each phase as one figure.

    Raises
    ------
    MissingDependencyError
        without matplotlib.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - takes a second, and only a figure needs it
    except ImportError as error:
        raise MissingDependencyError(package_needed("matplotlib")) from error
    figure = Figure(figsize=(9, 6.5), layout="constrained")
    axes = figure.subplots(2, 2).ravel()
    low, high = pool.frames.temperatures
    edges = np.linspace(pool.frames.enthalpy.min(), pool.frames.enthalpy.max(), _BINS + 1)
    centres = (edges[:-1] + edges[1:]) / 2 / pool.n_atoms
    states = {phase: density_of_states(pool.frames, pool.phase == phase, edges) for phase in Phase}
    top = max(s.max() for s in states.values())
    for phase in (Phase.ALIGNED, Phase.OTHER, Phase.LIQUID):
        grid = np.unique(np.linspace(low, high, _TEMPERATURES))
        found = [average(pool.frames, pool.phase == phase, float(t), pool.depth) for t in grid]
        known = [x for x in found if x is not None]
        t = [x.temperature for x in known]
        for axis, values in (
            (axes[0], [(x.enthalpy.value / pool.n_atoms, x.enthalpy.error / pool.n_atoms) for x in known]),
            (axes[1], [(x.volume.value / pool.n_atoms, x.volume.error / pool.n_atoms) for x in known]),
            (
                axes[2],
                [(x.heat_capacity.value / pool.n_atoms + 1.5, x.heat_capacity.error / pool.n_atoms) for x in known],
            ),
        ):
            if known:
                mean, spread = np.array(values).T
                style = "o" if len(known) == 1 else "-"
                axis.plot(t, mean, style, color=COLOURS[phase], label=phase.label)
                axis.fill_between(t, mean - spread, mean + spread, color=COLOURS[phase], alpha=0.25, lw=0)
        filled = np.isfinite(states[phase])
        axes[3].plot(centres[filled], (states[phase][filled] - top) / pool.n_atoms, color=COLOURS[phase])
    for axis, label in zip(axes[:3], ("⟨H⟩, eV/atom", "⟨V⟩, Å³/atom", "C_p, k/atom"), strict=True):
        axis.set(xlabel="temperature, K", ylabel=label)
        if report.melting is not None:
            axis.axvline(report.melting.temperature_K, color="grey", lw=0.8, ls="--")
    axes[3].set(xlabel="H, eV/atom", ylabel="ln g(H), per atom")
    if axes[0].lines:
        axes[0].legend(frameon=False)
    figure.suptitle(f"{pool.name}: {pool.element}, {pool.n_atoms} atoms, {report.pressure_bar:g} bar")
    return figure
