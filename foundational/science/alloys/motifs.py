"""First-shell motifs: which elements surround which, and how far a set of them is from a target."""

import numpy as np
from numpy.typing import NDArray

#: Neighbours of an atom that count as its first shell: those of a close-packed crystal.
SHELL = 12
#: Atoms of each motif that every set is taken to have, so that a divergence is finite.
_PRIOR = 0.5


def motif_counts(
    cell: NDArray[np.float64], positions: NDArray[np.float64], elements: NDArray[np.int64], n_elements: int
) -> NDArray[np.int64]:
    """(N, 1 + E) motif of each atom: its own element, and the numbers of each element among its nearest neighbours.

    Images are those nearest to each atom, and the shell its `SHELL` nearest ones.

    Parameters
    ----------
    cell, positions
        (3, 3) and (N, 3) Å.
    elements
        (D, N) places in the list of elements: several decorations of one configuration.

    Returns
    -------
    (D, N, 1 + E)
    """
    fractional = positions @ np.linalg.inv(cell)
    difference = fractional[:, None] - fractional[None]
    difference -= np.rint(difference)
    squares = np.einsum("abx,abx->ab", difference @ cell, difference @ cell)
    np.fill_diagonal(squares, np.inf)
    near = np.argpartition(squares, min(SHELL, len(squares) - 1) - 1, axis=1)[:, :SHELL]
    shell = np.stack([(elements[:, near] == e).sum(axis=2) for e in range(n_elements)], axis=2)
    return np.concatenate([elements[:, :, None], shell], axis=2)


def motif_histograms(motifs: list[NDArray[np.int64]]) -> NDArray[np.float64]:
    """(C, K) atoms of each motif in each configuration; the columns are the motifs that occur.

    Parameters
    ----------
    motifs
        (N, 1 + E) of each configuration.
    """
    flat = np.concatenate(motifs)
    kinds, place = np.unique(flat, axis=0, return_inverse=True)
    owner = np.repeat(np.arange(len(motifs)), [len(m) for m in motifs])
    counts = np.bincount(owner * len(kinds) + place.reshape(-1), minlength=len(motifs) * len(kinds))
    return counts.reshape(len(motifs), len(kinds)).astype(np.float64)


def divergence(histogram: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    """Kullback–Leibler divergence D(target ‖ set), nats, of numbers of atoms (K,) by motif.

    The measure of K. Sheriff, Y. Cao, R. Freitas, doi 10.1038/s41524-024-01393-5.
    """
    p = target / target.sum()
    q = (histogram + _PRIOR) / (histogram + _PRIOR).sum()
    some = p > 0
    return float((p[some] * np.log(p[some] / q[some])).sum())


def pick_by_motifs(
    histograms: NDArray[np.float64], target: NDArray[np.float64], budget: int, chosen: NDArray[np.float64]
) -> NDArray[np.int64]:
    """(budget,) rows, greedily: each one lowers the divergence of the target from what is chosen the most.

    Parameters
    ----------
    histograms
        (C, K) atoms of each motif.
    target
        (K,) atoms of each motif in what the set should be like.
    chosen
        (K,) those of what is chosen already.
    """
    p = target / target.sum()
    columns = np.flatnonzero(p)
    weights, rows = p[columns], histograms[:, columns]
    sizes = histograms.sum(axis=1)
    sum_, total = chosen[columns] + _PRIOR, float(chosen.sum() + _PRIOR * len(target))
    left = np.ones(len(rows), dtype=bool)
    picks: list[int] = []
    for _ in range(min(budget, len(rows))):
        score = np.log(rows + sum_) @ weights - np.log(total + sizes)
        best = int(np.argmax(np.where(left, score, -np.inf)))
        picks.append(best)
        left[best] = False
        sum_ = sum_ + rows[best]
        total += float(sizes[best])
    return np.array(picks, dtype=np.int64)
