"""The volume per atom of a set that has no reference crystal: that of its bulk configurations."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.errors import InputError

#: Å; a layer without atoms that is thicker than this is a vacuum, and the cell is none of the bulk.
_VACUUM: Final = 6.0
#: Å³; every element's crystal has a volume per atom between these (from beryllium to caesium).
_PLAUSIBLE: Final = (4.0, 130.0)


def atomic_volume(configurations: Configurations) -> tuple[float | None, str | None]:
    """Median volume per atom of the bulk configurations, and a remark where it is not plausible.

    Bulk is what is periodic in three directions, has two atoms and more and no vacuum. Without any such configuration
    it is the median of the volume that atoms fill in the periodic ones: without the vacuum. Without these it follows
    from the distance of nearest neighbours d as in a close packing, d³/√2.

    Returns
    -------
    tuple
        Å³, None where no configuration has two atoms; and the remark, None where there is none.
    """
    c = configurations
    periodic = np.flatnonzero(c.pbc.all(axis=1) & (c.n_atoms > 1))
    if not periodic.size:
        return _from_distances(c)
    chosen = periodic[:: max(1, len(periodic) // 500)]
    filled = np.array([_filled(c, int(row)) for row in chosen])
    volumes = c.volume[chosen] / c.n_atoms[chosen]
    bulk = filled == 1
    volume = float(np.median(volumes[bulk]) if bulk.any() else np.median(volumes * filled))
    least, largest = _PLAUSIBLE
    if not least <= volume <= largest:
        return volume, f"the median volume per atom is {volume:.3g} Å³, which no crystal has: are the lengths in Å?"
    return volume, None


def _from_distances(c: Configurations) -> tuple[float | None, str | None]:
    rows = np.flatnonzero(c.n_atoms > 1)
    nearest = []
    for row in rows[:: max(1, len(rows) // 100)].tolist():
        positions = c.positions[int(c.offsets[row]) : int(c.offsets[row + 1])][:500].astype(np.float64)
        squares = ((positions[:, None] - positions[None]) ** 2).sum(axis=2)
        np.fill_diagonal(squares, np.inf)
        nearest.append(float(np.median(np.sqrt(squares.min(axis=1)))))
    if not nearest:
        return None, "no configuration has two atoms: the volume per atom is not known"
    return (
        float(np.median(nearest)) ** 3 / 2**0.5,
        "no configuration is periodic in three directions: the volume per atom is that of distances of neighbours",
    )


def _filled(c: Configurations, row: int) -> float:
    """Share of the cell that is not vacuum, 1 in the bulk."""
    cell = c.cell[row]
    atoms = slice(int(c.offsets[row]), int(c.offsets[row + 1]))
    try:
        with np.errstate(all="ignore"):
            fractional = np.linalg.solve(cell.T, c.positions[atoms].astype(np.float64).T).T % 1.0
            heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    except np.linalg.LinAlgError:
        fractional = heights = np.full(3, np.nan)
    if not (np.isfinite(fractional).all() and np.isfinite(heights).all()):
        raise InputError(f"configuration {row}: expected a cell that spans a volume, got {cell.tolist()}")
    share = 1.0
    for axis in range(3):
        gap = _widest(fractional[:, axis])
        if gap * heights[axis] > _VACUUM:
            # Half a layer on each side belongs to the atoms; a layer is about 2 Å.
            share *= max(1 - gap + 2.0 / heights[axis], 2.0 / heights[axis])
    return min(share, 1.0)


def _widest(values: NDArray[np.float64]) -> float:
    """The widest interval without a value on a circle of length 1."""
    ordered = np.sort(values)
    return float(np.diff(ordered, append=ordered[0] + 1).max())
