"""Pairs of equal configurations of two datasets, one to one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foundational.matching.alignment import Alignment
from foundational.matching.candidates import candidate_pairs
from foundational.matching.duplicates import require_tolerance
from foundational.matching.frames import Frames, aligned_pairs


@dataclass(frozen=True, eq=False)
class Pair:
    """One configuration of each dataset, equal within the tolerance."""

    a: int
    b: int
    alignment: Alignment


def pairs_of_equal(
    a: Frames, b: Frames, tolerance: float, *, only: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
) -> list[Pair]:
    """Each configuration of ``a`` with at most one of ``b``, the closest first; in the order of ``a``.

    Parameters
    ----------
    only
        Rows of ``a`` and of ``b`` among which to look; all by default.

    Raises
    ------
    InputError
        The tolerance is not one.
    """
    require_tolerance(tolerance)
    rows = only or (np.arange(len(a)), np.arange(len(b)))
    rows_a, rows_b = rows[0][a.signatures.valid[rows[0]]], rows[1][b.signatures.valid[rows[1]]]
    found: list[Pair] = []
    for pairs in candidate_pairs(a.signatures, rows_a, b.signatures, rows_b, tolerance):
        for block, alignments in aligned_pairs(a, b, pairs, tolerance):
            found += [
                Pair(one, other, alignment)
                for (one, other), alignment in zip(block.tolist(), alignments, strict=True)
                if alignment is not None
            ]
    found.sort(key=lambda pair: (pair.alignment.displacement, pair.a, pair.b))
    taken_a: set[int] = set()
    taken_b: set[int] = set()
    kept = []
    for pair in found:
        if pair.a not in taken_a and pair.b not in taken_b:
            taken_a.add(pair.a)
            taken_b.add(pair.b)
            kept.append(pair)
    return sorted(kept, key=lambda pair: pair.a)
