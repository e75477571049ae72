"""The phase of each frame of a run, and how long the run stayed in it.

A large order parameter is an aligned crystal, but a small one is not yet a liquid: misoriented crystals
have a small O too. There what surrounds the atoms decides. In a cubic cell of 3×3×3 conventional cells the crystal fits
without strain in four further orientations, its twins about the body diagonals, where O is a quarter (FCC) or a half
(BCC) of the aligned crystal's.
"""

from collections import Counter
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from foundational.science.order_parameter import CRYSTAL_ABOVE

#: Frames for which a run may look like another phase without having left the one that it was in.
_FLICKER = 3
#: Share of crystalline atoms above which a cell is a crystal.
_MOST = 0.5


class Phase(IntEnum):
    """What a cell holds, as a whole."""

    LIQUID = 0
    ALIGNED = 1
    """A crystal in the orientation whose waves make O."""
    OTHER = 2
    """A crystal in another orientation, of another kind, or with stacking faults."""

    @property
    def label(self) -> str:
        """The name in tables."""
        return ("liquid", "aligned crystal", "other crystal")[self]


@dataclass(frozen=True)
class Stays:
    """How a run came to a phase and left it."""

    visits: int
    longest: int
    """Frames of the longest visit."""
    left_for: dict[Phase, int]
    """Visits that ended in each of the other phases."""
    unfinished: int
    """Visits that the end of the run cut short."""


def phases(
    shares: NDArray[np.float64], order_parameter: NDArray[np.float64]
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """The phase of each frame, and how deep within its phase it lies.

    Aligned where O exceeds 0.5; elsewhere another crystal where most atoms are crystalline, and else liquid.

    Parameters
    ----------
    shares
        (C, 4) of the atoms, first those that are in no crystal, then those in FCC, HCP and BCC local environments.
    order_parameter
        (C,) O.

    Returns
    -------
    phase
        (C,) of :class:`Phase`.
    depth
        (C,) 0 at the border to another phase and at most 0.5, in O or in the share of crystalline atoms.

    Examples
    --------
    >>> phase, depth = phases(np.array([[0.9, 0.1, 0, 0], [0.1, 0.8, 0, 0.1]]), np.array([0.05, 0.2]))
    >>> phase.tolist(), depth.round(2).tolist()
    ([0, 2], [0.4, 0.4])
    """
    crystalline, order = 1 - np.asarray(shares)[:, 0], np.asarray(order_parameter, dtype=np.float64)
    phase = np.where(crystalline > _MOST, Phase.OTHER, Phase.LIQUID)
    depth = np.minimum(np.abs(crystalline - _MOST), CRYSTAL_ABOVE - order)
    depth = np.where(phase == Phase.OTHER, crystalline - _MOST, depth)
    aligned = order > CRYSTAL_ABOVE
    return np.where(aligned, Phase.ALIGNED, phase).astype(np.int8), np.where(aligned, order - CRYSTAL_ABOVE, depth)


def stays(phase: NDArray[np.int8], walker: NDArray[np.int64]) -> dict[Phase, Stays]:
    """Visits to each phase, walker by walker, in frames in the order of time.

    A phase that is left for at most three frames, and then found again, was not left.

    >>> p = np.array([0, 0, 0, 0, 2, 2, 2, 2, 0, 2, 1, 1, 1, 1, 1], dtype=np.int8)
    >>> stays(p, np.zeros(15, dtype=int))[Phase.OTHER]
    Stays(visits=1, longest=6, left_for={<Phase.ALIGNED: 1>: 1}, unfinished=0)
    """
    visits: dict[Phase, list[int]] = {p: [] for p in Phase}
    left: dict[Phase, Counter[Phase]] = {p: Counter() for p in Phase}
    unfinished: Counter[Phase] = Counter()
    for one in np.unique(walker):
        series = _steady(phase[walker == one])
        starts = np.flatnonzero(np.diff(series, prepend=-1))
        lengths = np.diff(np.append(starts, len(series)))
        kinds = [Phase(int(p)) for p in series[starts]]
        for k, (kind, length) in enumerate(zip(kinds, lengths, strict=True)):
            visits[kind].append(int(length))
            if k + 1 < len(kinds):
                left[kind][kinds[k + 1]] += 1
            else:
                unfinished[kind] += 1
    return {
        p: Stays(len(visits[p]), max(visits[p], default=0), dict(sorted(left[p].items())), unfinished[p]) for p in Phase
    }


def _steady(series: NDArray[np.int8]) -> NDArray[np.int8]:
    """The series with every run of at most `_FLICKER` frames merged into what comes before it."""
    result = series.copy()
    starts = np.flatnonzero(np.diff(series, prepend=-1))
    lengths = np.diff(np.append(starts, len(series)))
    for start, length in zip(starts[1:], lengths[1:], strict=True):
        if length <= _FLICKER:
            result[start : start + length] = result[start - 1]
    return result
