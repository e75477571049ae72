"""What is added to networks where their data end: repulsion of near atoms, and the free atom.

Networks extrapolate at random. Below the shortest distance of their training data they may attract, and an atom
without neighbours has any energy. Two terms prevent this, and both vanish within the training data:

- a repulsive pair term, from zero at the shortest distance of the data to its full size at shorter distances;
- for an atom with less than half of the least coordination of the data, a change to the energy of the free atom, less
  a bond in the form of the second moment, E = E₀ + ½ Σ v(r) − √(Σ h(r)²) (Finnis, Sinclair, Phil. Mag. A 50, 45
  (1984)), which gives each pair of atoms alone its energy exactly.

Because both vanish in the data, labels less these terms are the labels: the networks are the same with and without.
Where a pair potential is added to the networks, the repulsion is what brings this potential to its own size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from ase.data import chemical_symbols, covalent_radii
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.data.labeller import Labeller
from foundational.engines.ani.aev import Geometry
from foundational.engines.ani.kernels.short_range import Tables, contacts
from foundational.engines.ani.terms.pair_potential import FIRST, STEP, PairPotential
from foundational.errors import EngineError, InputError
from foundational.science.short_range import smooth_step, zbl

Repulsion = Literal["zbl", "labeller"]

#: Å, the shortest pair that is labelled; methods say nothing of shorter ones.
_LABELLED = 1.02
#: Full size is reached at the shortest distance less this part of it.
_WIDTH = 0.25
#: The shortest distance of the data counts up to this part of the sum of covalent radii.
_LARGEST = 0.8
#: Parts of the least coordination in the data.
_NO_NETWORK, _NETWORK_ALONE = 0.25, 0.5
#: Less coordination than this in the data is that of small clusters, which the networks have learnt.
_CLUSTERS = 2.0


@dataclass(frozen=True, eq=False)
class ShortRange:
    """The two terms, for each pair of elements in the order of the ensemble's."""

    repulsion: Repulsion
    join: NDArray[np.float64]
    """(E, E) Å, from which on the repulsion is zero: at most the shortest distance in the training data."""
    tables: Tables

    def record(self, elements: Sequence[int]) -> dict[str, object]:
        """What a record says: the kind of repulsion, the distances, the coordinations, the energies of free atoms."""
        symbols = [chemical_symbols[z] for z in elements]
        pairs = [(a, b) for a in range(len(symbols)) for b in range(a, len(symbols))]
        return {
            "repulsion": self.repulsion,
            "join": {f"{symbols[a]}-{symbols[b]}": round(float(self.join[a, b]), 4) for a, b in pairs},
            "free_atoms": {
                symbol: float(self.tables.free[e]) for e, symbol in enumerate(symbols) if self.tables.limits[e, 1] >= 0
            },
        }

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """All numbers by name, as a model file stores them."""
        t = self.tables
        grid = np.array([t.cutoff, t.first, t.step])
        named = {"inner": t.inner, "core": t.core, "bond": t.bond, "free": t.free, "limits": t.limits}
        return {f"short_range.{name}": array for name, array in ({"grid": grid, "join": self.join} | named).items()}

    @classmethod
    def of(cls, repulsion: Repulsion, arrays: dict[str, NDArray[np.float64]], n_elements: int) -> Self:
        """From `arrays`, as a file has them.

        Raises
        ------
        InputError
            where an array has another shape or is not finite.
        """
        found = {name.partition(".")[2]: array for name, array in arrays.items()}
        n = found["inner"].shape[2] if found["inner"].ndim == 4 else 0
        table = (n_elements, n_elements, n, 2)
        shapes: dict[str, tuple[int, ...]] = {"grid": (3,), "join": (n_elements,) * 2, "free": (n_elements,)}
        shapes |= {"limits": (n_elements, 2)} | dict.fromkeys(("inner", "core", "bond"), table)
        for name, shape in shapes.items():
            if found[name].shape != shape or not np.isfinite(found[name]).all():
                raise InputError(f"expected finite numbers of shape {shape} as short_range.{name}")
        cutoff, first, step = (float(x) for x in found["grid"])
        parts = [np.ascontiguousarray(found[name]) for name in ("inner", "core", "bond", "free", "limits")]
        return cls(repulsion, found["join"], Tables(cutoff, first, step, *parts))


def fit_short_range(
    configurations: Configurations,
    elements: Sequence[int],
    cutoff: float,
    labeller: Labeller | None = None,
    pair_potential: PairPotential | None = None,
) -> ShortRange:
    """The terms for networks that are trained on ``configurations`` and see ``cutoff`` Å.

    Parameters
    ----------
    configurations
        All on which a network is trained, with labels; single atoms without neighbours give energies of free atoms.
    labeller
        What labelled them, if it is cheap and may be asked for pairs of atoms. Without one, or where it attracts at
        short distances itself, the repulsion is ZBL's, and there is no bond.
    pair_potential
        What the networks are added to.
    """
    geometry = Geometry.of(configurations, elements, cutoff)
    count = len(elements)
    by_cell = np.empty((len(configurations), count, count))
    coordination = np.empty(len(geometry.species))
    contacts(*geometry.arrays(), cutoff, by_cell, coordination)
    shortest = by_cell.min(axis=0)
    radii = covalent_radii[list(elements)]
    join = np.minimum(np.minimum(shortest, shortest.T), _LARGEST * (radii[:, None] + radii))
    join = FIRST + STEP * np.floor((join - FIRST) / STEP)  # a distance of the tables, so that all beyond is zero
    r: NDArray[np.float64] = FIRST + STEP * np.arange(round((cutoff - FIRST) / STEP) + 1, dtype=np.float64)
    free = _free_atoms(configurations, geometry.species, coordination, elements)
    curves = None if labeller is None else _curves(labeller, elements, r)
    if curves is not None:
        assert labeller is not None
        free = np.array([_isolated(labeller, z) for z in elements])
    inner, core, bond = (np.zeros((count, count, len(r), 2)) for _ in range(3))
    for a, b in np.ndindex(count, count):
        if curves is not None:
            core[a, b], bond[a, b] = curves[a, b]
        value, slope = zbl(r, elements[a], elements[b]) if curves is None else core[a, b].T
        step, fall = smooth_step(r, (1 - _WIDTH) * join[a, b], join[a, b])
        if curves is None:
            core[a, b] = np.stack([value * step, slope * step + value * fall], axis=1)
        if pair_potential is not None:
            value, slope = np.stack([value, slope]) - pair_potential.tables.inner[a, b].T
        inner[a, b] = np.stack([value * step, slope * step + value * fall], axis=1)
    limits = np.array([_limits(coordination[geometry.species == e], free[e], curves is not None) for e in range(count)])
    known = np.where(np.isfinite(free), free, 0.0)
    repulsion: Repulsion = "zbl" if curves is None else "labeller"
    return ShortRange(repulsion, join, Tables(cutoff, FIRST, STEP, inner, core, bond, known, limits))


def _limits(coordination: NDArray[np.float64], free: float, bonded: bool) -> tuple[float, float]:
    """Coordinations below which no network counts, and above which networks alone do."""
    if not np.isfinite(free):
        return -1.0, -1.0
    near = coordination[coordination > 0]
    if not len(near) or near.min() < _CLUSTERS:  # the data have small clusters: only the atom alone is replaced
        return 0.0, 0.0
    return (_NO_NETWORK * float(near.min()) if bonded else 0.0), _NETWORK_ALONE * float(near.min())


def _free_atoms(
    configurations: Configurations,
    species: NDArray[np.int64],
    coordination: NDArray[np.float64],
    elements: Sequence[int],
) -> NDArray[np.float64]:
    """(E,) eV: labelled energies of single atoms without neighbours; NaN where there is none."""
    free = np.full(len(elements), np.nan)
    if configurations.labels is None:
        return free
    first = configurations.offsets[:-1]
    alone = (configurations.n_atoms == 1) & np.isfinite(configurations.labels.energy)
    for row in np.flatnonzero(alone):
        if coordination[first[row]] == 0:
            free[species[first[row]]] = configurations.labels.energy[row]
    return free


def _isolated(labeller: Labeller, number: int) -> float:
    energy = labeller.isolated_energy(chemical_symbols[number])
    return np.nan if energy is None else energy


def _curves(
    labeller: Labeller, elements: Sequence[int], r: NDArray[np.float64]
) -> dict[tuple[int, int], tuple[NDArray[np.float64], NDArray[np.float64]]] | None:
    """Core and bond (n, 2) of each pair of elements at the distances ``r``; None where the method has none."""
    found = {}
    for a in range(len(elements)):
        for b in range(a, len(elements)):
            try:
                curve = _curve(labeller, elements[a], elements[b], r)
            except (InputError, EngineError):
                return None
            if curve is None:
                return None
            found[a, b] = found[b, a] = curve
    return found


def _curve(
    labeller: Labeller, first: int, second: int, r: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Core and bond of two atoms alone; None where they attract each other below the distance of least energy."""
    free = _isolated(labeller, first) + _isolated(labeller, second)
    if not np.isfinite(free):
        return None
    asked = np.flatnonzero(r >= _LABELLED)
    edge = 3.0 * float(r[-1]) * np.eye(3)
    pairs = [np.array([[1.0, 1.0, 1.0], [1.0 + x, 1.0, 1.0]]) for x in r[asked]]
    cells = Configurations.build([edge] * len(pairs), pairs, [np.array([first, second])] * len(pairs))
    labels = labeller.label(cells)
    energy, slope = np.full(len(r), np.inf), np.zeros(len(r))
    energy[asked], slope[asked] = labels.energy - free, -labels.forces[1::2, 0].astype(np.float64)
    if not (np.isfinite(energy[asked]).all() and np.isfinite(slope).all()):
        return None
    least = int(np.argmin(energy))
    if least == asked[0] or (np.diff(energy[asked[0] : least + 1]) >= 0).any():
        return None
    depth = min(float(energy[least]), 0.0)
    inside = np.arange(len(r)) <= least
    core = np.where(inside, energy - depth, np.maximum(energy, 0.0))
    core_slope = np.where(inside | (energy > 0), slope, 0.0)
    below = np.arange(len(r)) < asked[0]
    value, fall = zbl(r[below], first, second)
    scale = core[asked[0]] / zbl(r[asked[:1]], first, second)[0][0]
    core[below], core_slope[below] = scale * value, scale * fall
    bond = np.where(inside, -depth / 2, np.maximum(-energy, 0.0) / 2)
    bond_slope = np.where(inside | (energy >= 0), 0.0, -slope / 2)
    step, change = smooth_step(r, float(r[-1]) - 0.5, float(r[-1]))
    tables = [(v * step, s * step + v * change) for v, s in ((core, core_slope), (bond, bond_slope))]
    return np.stack(tables[0], axis=1), np.stack(tables[1], axis=1)
