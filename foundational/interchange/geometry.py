"""What the geometry of a frame must be, and which frames are isolated atoms."""

from math import isfinite
from typing import Final

import numpy as np

from foundational.interchange.frame import Frame, FrameError

_ISOLATED: Final = {"isolatedatom", "isolated_atom", "isolated"}
#: Å; a single atom whose periodic images are all at least this far away is an isolated one.
_FAR: Final = 8.0
#: Å; atoms that are nearer lie on one another.
_COINCIDENT: Final = 1e-3


def require_geometry(frame: Frame) -> None:
    """Refuse positions or cells that are no finite numbers, cells without volume, and atoms that lie on one another."""
    n = len(frame.numbers)
    if not n:
        raise FrameError(frame.source, "a frame of no atoms")
    if (frame.numbers.shape, frame.positions.shape, frame.cell.shape, frame.pbc.shape) != ((n,), (n, 3), (3, 3), (3,)):
        raise FrameError(
            frame.source,
            f"expected {n} positions of 3 numbers, 9 numbers of a cell and 3 boundary conditions, got arrays of shape "
            f"{frame.positions.shape}, {frame.cell.shape} and {frame.pbc.shape}",
        )
    if not 1 <= frame.numbers.min() <= frame.numbers.max() <= 118:
        raise FrameError(frame.source, "expected atomic numbers from 1 to 118, got others")
    if odd := [name for name in (*frame.info, *frame.arrays) if not isinstance(name, str)]:
        raise FrameError(frame.source, f"expected names of fields in UTF-8, got {odd[0]!r}")
    for name, array in frame.arrays.items():
        if np.ndim(array) == 0 or len(array) != n:
            raise FrameError(frame.source, f"expected {n} rows of {name}, got an array of shape {np.shape(array)}")
    if not isfinite(np.add.reduce(frame.positions, axis=None)):  # one pass where all is well
        atom = int(np.flatnonzero(~np.isfinite(frame.positions).all(axis=1))[0])
        raise FrameError(frame.source, f"the position of atom {atom} is no finite number")
    cell = frame.cell.tolist()
    if not isfinite(sum(map(sum, cell))):
        raise FrameError(frame.source, "a lattice vector is no finite number")
    if all(frame.pbc.tolist()) and abs(_determinant(cell)) < 1e-3:
        raise FrameError(frame.source, "its cell has no volume")
    first = np.sort(frame.positions[:, 0])
    if len(first) == 1 or np.minimum.reduce(first[1:] - first[:-1]) >= _COINCIDENT:
        return  # no two atoms have the same x
    ordered = frame.positions[np.lexsort(frame.positions.T)]
    gaps = np.abs(np.diff(ordered, axis=0)).max(axis=1, initial=0.0)
    if len(gaps) and gaps.min() < _COINCIDENT:
        raise FrameError(frame.source, "two atoms lie at the same place")


def _determinant(cell: list[list[float]]) -> float:
    """Of three vectors; numpy's takes ten times as long for one matrix."""
    (a, b, c), (d, e, f), (g, h, i) = cell
    return float(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))


def is_isolated(frame: Frame) -> bool:
    """Whether it is one atom alone: by its config_type, without periodic images, or with images far away."""
    if len(frame.numbers) != 1:
        return False
    if str(frame.info.get("config_type", "")).lower() in _ISOLATED or not frame.pbc.any():
        return True
    shifts = np.array([(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1) if (i, j, k) != (0, 0, 0)])
    shifts = shifts[~(shifts.astype(bool) & ~frame.pbc).any(axis=1)]
    return float(np.linalg.norm(shifts @ frame.cell, axis=1).min()) >= _FAR
