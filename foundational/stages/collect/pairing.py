"""Which configuration an output is of, by its geometry alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foundational.data.configurations import Configurations
from foundational.interchange.frame import Frame
from foundational.matching.alignment import Alignment
from foundational.matching.candidates import candidate_pairs
from foundational.matching.frames import Frames, aligned_pairs

#: Å; printed digits make no larger difference between two distances from an output to two configurations.
_TIE = 1e-5


@dataclass(frozen=True, eq=False)
class Match:
    """A configuration that has the geometry of a frame."""

    row: int
    """Of the configurations that are waited for."""
    alignment: Alignment
    """Of the configuration to the frame."""


def batch_of(frames: Sequence[Frame]) -> Configurations:
    """The geometry of ``frames``; at least one."""
    return Configurations(
        np.array([len(frame.numbers) for frame in frames], dtype=np.int32),
        np.stack([frame.cell for frame in frames]),
        np.stack([frame.pbc for frame in frames]),
        np.concatenate([frame.numbers for frame in frames]),
        np.concatenate([frame.positions for frame in frames]),
    )


def matches_of(
    wanted: Configurations, frames: Sequence[Frame], own: Sequence[int | None], tolerance: float
) -> list[Match | None]:
    """For each frame the configuration that is nearest to it within ``tolerance`` Å, None where there is none.

    Seen through are printed digits, atoms that were wrapped, moved together or written in another order, other bases
    of the lattice and rotations of the cell (`foundational.matching.alignment`).

    Parameters
    ----------
    own
        The row whose folder each frame lies in; it is preferred where several are equally near.
    """
    if not frames:
        return []
    a, b = Frames.of_configurations(wanted), Frames.of_configurations(batch_of(frames))
    rows = [np.flatnonzero(part.signatures.valid) for part in (a, b)]
    found: list[list[Match]] = [[] for _ in frames]
    for pairs in candidate_pairs(a.signatures, rows[0], b.signatures, rows[1], tolerance):
        for block, alignments in aligned_pairs(a, b, pairs, tolerance):
            for (row, frame), alignment in zip(block.tolist(), alignments, strict=True):
                if alignment is not None:
                    found[frame].append(Match(row, alignment))
    return [_nearest(matches, home) for matches, home in zip(found, own, strict=True)]


def _nearest(matches: list[Match], own: int | None) -> Match | None:
    if not matches:
        return None
    least = min(match.alignment.displacement for match in matches)
    near = [match for match in matches if match.alignment.displacement <= least + _TIE]
    return next((match for match in near if match.row == own), near[0])
