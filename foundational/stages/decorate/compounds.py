"""Displaced cells of compounds whose atoms are on no sites of the parent's crystals, such as Laves phases."""

from typing import Final

import numpy as np
import xarray as xr
from ase.data import atomic_numbers
from numpy.typing import NDArray

from foundational.data.batches import to_configurations
from foundational.data.configurations import Configurations, concatenate
from foundational.data.conversion import to_dataset
from foundational.data.distances import shortest_distances
from foundational.data.layout import COMPOUND
from foundational.errors import EngineError
from foundational.labelling.candidates import Excluded
from foundational.labelling.session import LabellingSession
from foundational.science.alloys.patterns import PATTERNS
from foundational.science.alloys.volume import AlloyVolume
from foundational.science.compounds.building import Compound, compounds_of
from foundational.science.compounds.prototypes import PROTOTYPES
from foundational.stages.augment.stage import UNKNOWN
from foundational.stages.decorate.decorations import DECORATION

#: Prototypes of several elements that no decoration of the parent's crystals gives.
OTHER_PROTOTYPES: Final = tuple(name for name, p in PROTOTYPES.items() if p.elements > 1 and name not in PATTERNS)
#: Variables that say where a configuration came from, and are no part of it.
_COLUMNS: Final = (*UNKNOWN, "parent_id", DECORATION, "recipe")
#: A cell is repeated along its shortest edge while it has at most half as many atoms.
_ATOMS: Final = 32
#: Volumes, in units of the volume of the composition. Open structures, such as B1, have larger ones.
_VOLUMES: Final = (0.88, 1.16)
#: Largest component of a random strain; ratios of the axes of a relaxed compound differ from those of its prototype.
_STRAIN: Final = 0.06
#: Random displacements along each axis, standard deviation in cube roots of the volume per atom.
_RATTLE: Final = (0.005, 0.06)


def displaced_compounds(
    symbols: tuple[str, ...], volume: AlloyVolume, count: int, random: np.random.Generator
) -> tuple[Configurations, tuple[str, ...]]:
    """Cells of the `OTHER_PROTOTYPES` by turns, in every order of the elements, strained and displaced.

    No cell is a relaxed crystal. Volumes and displacements are spread evenly over their ranges.

    Parameters
    ----------
    symbols
        The elements, in the order of ``volume``.
    volume
        By composition.
    count
        Number of cells, C.

    Returns
    -------
    tuple
        C configurations without labels, and the formula and prototype of each.
    """
    compounds = compounds_of(symbols, dict(zip(symbols, volume.pure, strict=True)), OTHER_PROTOTYPES)
    shares = np.array([[c.share(symbol) for symbol in symbols] for c in compounds])
    per_atom = volume.per_atom(shares)
    spread = (random.permutation(count) + random.random(count)) / count
    cells, positions, numbers, titles = [], [], [], []
    for k in range(count):
        place = k % len(compounds)
        scaled = compounds[place].scaled(per_atom[place] * float(np.interp(spread[k], (0, 1), _VOLUMES)))
        compound = _repeated(scaled)
        strain = random.uniform(-_STRAIN, _STRAIN, (3, 3))
        deformation = np.eye(3) + (strain + strain.T - np.eye(3) * 2 / 3 * np.trace(strain)) / 2
        rattle = np.exp(random.uniform(*np.log(_RATTLE))) * scaled.volume_per_atom ** (1 / 3)
        cells.append(compound.cell @ deformation)
        positions.append(compound.positions @ deformation + random.normal(scale=rattle, size=(len(compound), 3)))
        numbers.append(np.array([atomic_numbers[symbol] for symbol in compound.symbols]))
        titles.append(compound.title)
    return Configurations.build(cells, positions, numbers), tuple(titles)


def _repeated(compound: Compound) -> Compound:
    """The compound in a cell that is nearly a cube and has at most 32 atoms, or in its own cell if that has more."""
    repeats = np.ones(3, dtype=np.int64)
    lengths = np.linalg.norm(compound.cell, axis=1)
    while True:
        more = repeats.copy()
        more[np.argmin(lengths * repeats)] += 1
        if len(compound) * more.prod() > _ATOMS:
            return compound.repeated((int(repeats[0]), int(repeats[1]), int(repeats[2])))
        repeats = more


def with_compounds(
    dataset: xr.Dataset,
    compounds: tuple[Configurations, tuple[str, ...]],
    session: LabellingSession,
    shortest: float,
    maximum_force: float,
) -> tuple[xr.Dataset, tuple[Excluded, ...]]:
    """The labelled ``dataset`` followed by the labelled ``compounds``; those for training all, and without a parent.

    Parameters
    ----------
    shortest
        Smallest distance of two atoms, in cube roots of the volume per atom.
    maximum_force
        eV/Å.

    Raises
    ------
    EngineError
        If no compound is left.
    """
    built, titles = compounds
    near = shortest_distances(built) / (built.volume / built.n_atoms) ** (1 / 3) < shortest
    excluded = [Excluded("", f"{titles[c]}: atoms too close") for c in np.flatnonzero(near).tolist()]
    rows = np.flatnonzero(~near)
    survivors = session.label_survivors(built.take(rows)) if len(rows) else None
    if survivors is None or not len(survivors.rows):
        raise EngineError("no compound is left: in all of them atoms are too close, or the labeller failed")
    excluded += [Excluded("", f"{titles[rows[c]]}: {reason}") for c, reason in survivors.failures.items()]
    rows = rows[survivors.rows]
    labelled = built.take(rows).with_labels(survivors.labels)
    lengths = np.linalg.norm(survivors.labels.forces.astype(np.float64), axis=1)
    force = np.maximum.reduceat(lengths, labelled.offsets[:-1])
    strong = np.flatnonzero(force > maximum_force).tolist()
    excluded += [
        Excluded("", f"{titles[rows[c]]}: a force of {force[c]:.1f} eV/Å, more than {maximum_force:g} eV/Å")
        for c in strong
    ]
    labelled = labelled.take(np.flatnonzero(force <= maximum_force))
    own = to_configurations(dataset)
    columns = {str(n): _continued(dataset[n], len(labelled)) for n in dataset if n in _COLUMNS}
    return to_dataset(concatenate([own, labelled]), attrs=dict(dataset.attrs), **columns), tuple(excluded)


def _continued(column: xr.DataArray, count: int) -> NDArray[np.generic]:
    """The values of a column, and those of ``count`` compounds."""
    old = column.to_numpy()
    name = str(column.name)
    value = COMPOUND if name == DECORATION else UNKNOWN.get(name, 0)
    return np.concatenate([old, np.full((count, *old.shape[1:]), value, dtype=old.dtype)])
