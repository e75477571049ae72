"""What `thermo` found as curves: small CSV files for DVC's plots."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from foundational.science.phases import Phase
from foundational.stages.thermo.stage import PoolFrames
from foundational.units import MEV

#: The order parameters at which the bias is drawn as a function of H.
ORDERS = (0.05, 0.25, 0.5, 0.75)
_ROWS = 1000
_BINS = 60


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
