"""The volume per atom of a set that has no reference crystal: that of its bulk configurations."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations

#: Å; a layer without atoms that is thicker than this is a vacuum, and the cell is none of the bulk.
_VACUUM: Final = 6.0
#: Å³; every element's crystal has a volume per atom between these (from beryllium to caesium).
_PLAUSIBLE: Final = (4.0, 130.0)


def atomic_volume(configurations: Configurations) -> tuple[float | None, str | None]:
    """Median volume per atom of the bulk configurations, and a remark where it is not plausible.

    Bulk is what is periodic in three directions, has two atoms and more and no vacuum. Without any such configuration
    it is the median of the volume that atoms fill in the periodic ones: without the vacuum.

    Returns
    -------
    tuple
        Å³, None where no configuration of two atoms and more is periodic; and the remark, None where there is none.
    """
    c = configurations
    periodic = np.flatnonzero(c.pbc.all(axis=1) & (c.n_atoms > 1))
    if not periodic.size:
        return None, "no configuration is periodic with two atoms and more: the volume per atom is not known"
    chosen = periodic[:: max(1, len(periodic) // 500)]
    filled = np.array([_filled(c, int(row)) for row in chosen])
    volumes = c.volume[chosen] / c.n_atoms[chosen]
    bulk = filled == 1
    volume = float(np.median(volumes[bulk]) if bulk.any() else np.median(volumes * filled))
    least, largest = _PLAUSIBLE
    if not least <= volume <= largest:
        return volume, f"the median volume per atom is {volume:.3g} Å³, which no crystal has: are the lengths in Å?"
    return volume, None


def _filled(c: Configurations, row: int) -> float:
    """Share of the cell that is not vacuum, 1 in the bulk."""
    cell = c.cell[row]
    atoms = slice(int(c.offsets[row]), int(c.offsets[row + 1]))
    fractional = np.linalg.solve(cell.T, c.positions[atoms].astype(np.float64).T).T % 1.0
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
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
