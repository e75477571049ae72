"""Which configurations of two datasets are the same: by their ids, and by a tolerance where one is given."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from foundational.data.batches import take
from foundational.data.streaming.codes import all_differ, codes_of, first_of_each
from foundational.release.comparison.content import Content
from foundational.release.comparison.label_changes import MatchedRows
from foundational.specs.base import Spec

if TYPE_CHECKING:
    import xarray as xr


class Rewritten(Spec):
    """Configurations that have other ids and are equal within the tolerance, by how the second was written."""

    tolerance: float
    """Å."""
    largest_displacement: float | None
    """Å; null where there are none."""
    rewritten: int
    """Other digits only."""
    wrapped: int
    """Atoms moved by lattice vectors, or the lattice in another basis."""
    translated: int
    """All atoms moved together."""
    permuted: int
    """Atoms in another order."""
    rotated: int
    """Cell and atoms rotated together."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.rewritten + self.wrapped + self.translated + self.permuted + self.rotated


@dataclass(frozen=True, eq=False)
class Matched:
    """Rows of two datasets."""

    rows: MatchedRows
    removed: NDArray[np.int64]
    """Rows of the first that the second does not have."""
    added: NDArray[np.int64]
    """Rows of the second that the first does not have."""
    rewritten: Rewritten | None
    """None where no tolerance was given."""
    repeats: tuple[int, int]
    """Configurations that each dataset holds once more."""


def matched_rows(
    a: "xr.Dataset", b: "xr.Dataset", contents: tuple[Content, Content], tolerance: float | None
) -> Matched:
    """Configurations of both, by id; those that are left by ``tolerance`` Å, one to one, the closest first.

    Raises
    ------
    InputError
        The tolerance is not one.
    """
    same = _by_id(contents[0].ids, contents[1].ids)
    if tolerance is None:
        return same
    in_a, in_b, none = same.rows.a, same.rows.b, same.rows.alignments
    removed, added = same.removed, same.added
    from foundational.matching.frames import Frames  # noqa: PLC0415 - scipy, where a tolerance is given
    from foundational.matching.pairing import pairs_of_equal  # noqa: PLC0415

    pairs = pairs_of_equal(Frames.of_dataset(take(a, removed)), Frames.of_dataset(take(b, added)), tolerance)
    from_a = np.array([pair.a for pair in pairs], dtype=np.int64)
    from_b = np.array([pair.b for pair in pairs], dtype=np.int64)
    kinds = Counter(pair.alignment.rewriting for pair in pairs)
    rewritten = Rewritten(
        tolerance=tolerance,
        largest_displacement=max((pair.alignment.displacement for pair in pairs), default=None),
        **{kind: kinds[kind] for kind in ("rewritten", "wrapped", "translated", "permuted", "rotated")},
    )
    rows = MatchedRows(
        np.concatenate([in_a, removed[from_a]]),
        np.concatenate([in_b, added[from_b]]),
        [*none, *(pair.alignment for pair in pairs)],
    )
    return Matched(rows, np.delete(removed, from_a), np.delete(added, from_b), rewritten, same.repeats)


def _by_id(old: NDArray[np.uint8], new: NDArray[np.uint8]) -> Matched:
    """The configurations of two sets with (C, 16) ids that are in both; of one that is there twice the first."""
    if np.array_equal(old, new) and all_differ(old):  # new labels alone, as between most versions
        every = np.arange(len(old))
        return Matched(MatchedRows(every, every, [None] * len(every)), every[:0], every[:0], None, (0, 0))
    codes_a, codes_b = codes_of(old, new)
    first = np.flatnonzero(first_of_each(codes_a) == np.arange(len(codes_a)))
    place = np.full(int(max(codes_a.max(initial=0), codes_b.max(initial=0))) + 1, -1, dtype=np.int64)
    place[codes_b[::-1]] = np.arange(len(codes_b))[::-1]
    in_a = first[place[codes_a[first]] >= 0]
    in_b = place[codes_a[in_a]]
    repeats = (len(codes_a) - len(first), len(codes_b) - int((place >= 0).sum()))
    removed = np.flatnonzero(place[codes_a] < 0)
    place[codes_a] = -2
    added = np.flatnonzero(place[codes_b] != -2)
    return Matched(MatchedRows(in_a, in_b, [None] * len(in_a)), removed, added, None, repeats)
