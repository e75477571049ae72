"""Choosing configurations: pure functions of numbers, without a model."""

import numpy as np
from numpy.typing import NDArray


def atomic_deviation(atomic_energies: NDArray[np.floating]) -> NDArray[np.float64]:
    """(A,) eV: the standard deviation over members of each atom's energy; from (M, A) eV."""
    return np.asarray(np.asarray(atomic_energies, dtype=np.float64).std(axis=0, ddof=1))


def configuration_uncertainty(atomic_energies: NDArray[np.floating], offsets: NDArray[np.int64]) -> NDArray[np.float64]:
    """The largest standard deviation over members of an atomic energy in each configuration.

    Parameters
    ----------
    atomic_energies
        (M, A) eV
    offsets
        (C+1,) where each configuration's atoms begin

    Returns
    -------
    (C,) eV; arXiv 2311.05407 chooses the configurations in which an atom is uncertain.
    """
    return np.asarray(np.maximum.reduceat(atomic_deviation(atomic_energies), offsets[:-1]), dtype=np.float64)


def mean_uncertainty(atomic_energies: NDArray[np.floating], offsets: NDArray[np.int64]) -> NDArray[np.float64]:
    """(C,) eV: the root mean square over each configuration's atoms of those deviations."""
    squares = np.add.reduceat(atomic_deviation(atomic_energies) ** 2, offsets[:-1])
    return np.asarray(np.sqrt(squares / np.diff(offsets)))


def pick_most_uncertain(
    uncertainty: NDArray[np.floating],
    budget: int,
    *,
    threshold: float | None = None,
    walker: NDArray[np.integer] | None = None,
    step: NDArray[np.integer] | None = None,
    separation: int = 0,
) -> NDArray[np.int64]:
    """At most ``budget`` candidates, most uncertain first, no two closer than ``separation`` steps on one walker.

    The separation keeps a round from picking many copies of one event. Where it leaves the budget unfilled, the
    budget stays unfilled: the next round sees a better model. Equal uncertainties are taken in the order given.

    >>> pick_most_uncertain(np.array([1.0, 3.0, 2.0, 9.0]), 2, threshold=2.5)
    array([3, 1])
    >>> steps, walkers = np.array([0, 10, 20, 30]), np.zeros(4, dtype=int)
    >>> pick_most_uncertain(np.array([1.0, 3.0, 8.0, 9.0]), 2, walker=walkers, step=steps, separation=15)
    array([3, 1])
    """
    order = np.argsort(-np.asarray(uncertainty), kind="stable")
    if threshold is not None:
        order = order[uncertainty[order] > threshold]
    if not separation or walker is None or step is None:
        return order[:budget]
    chosen: list[int] = []
    taken: dict[int, list[int]] = {}
    for index in order:
        if len(chosen) == budget:
            break
        near = taken.setdefault(int(walker[index]), [])
        if all(abs(int(step[index]) - other) >= separation for other in near):
            near.append(int(step[index]))
            chosen.append(int(index))
    return np.array(chosen, dtype=np.int64)


def pick_farthest(
    candidates: NDArray[np.floating],
    chosen: NDArray[np.floating],
    budget: int,
    *,
    weight: NDArray[np.floating] | None = None,
    first: int = 0,
) -> NDArray[np.int64]:
    """Farthest-point selection: each pick is the candidate farthest from the nearest of all that is chosen.

    Parameters
    ----------
    candidates
        (C, F) features
    chosen
        (n, F) features of what is chosen already
    weight
        (C,) by which distances are multiplied
    first
        the candidate to begin with where nothing is chosen

    >>> pick_farthest(np.array([[0.0], [1.0], [5.0], [6.0]]), np.array([[0.0]]), 2)
    array([3, 1])
    """
    x, others = np.asarray(candidates, dtype=np.float64), np.asarray(chosen, dtype=np.float64)
    norms = (x**2).sum(axis=1)
    nearest = np.full(len(x), np.inf)
    for start in range(0, len(others), 256):
        some = others[start : start + 256]
        squares = norms[:, None] + (some**2).sum(axis=1) - 2 * x @ some.T
        np.minimum(nearest, squares.min(axis=1), out=nearest)
    factor = np.ones(len(x)) if weight is None else np.asarray(weight, dtype=np.float64) ** 2
    left = np.ones(len(x), dtype=bool)
    picks: list[int] = []
    for _ in range(min(budget, len(x))):
        score = np.where(left, np.maximum(nearest, 0.0) * factor, -1.0)
        best = first if not len(others) and not picks else int(np.argmax(score))
        picks.append(best)
        left[best] = False
        np.minimum(nearest, norms + norms[best] - 2 * x @ x[best], out=nearest)
    return np.array(picks, dtype=np.int64)


def pick_informative(
    candidates: NDArray[np.floating],
    chosen: NDArray[np.floating],
    budget: int,
    ridge: float = 1e-2,
    *,
    alternate: bool = False,
) -> NDArray[np.int64]:
    """Greedy D-optimal design: each pick is the candidate of largest variance under a linear model of what is chosen.

    The variance xᵀ(λ + Σ zzᵀ)⁻¹x, over all z chosen, is what a least-squares fit does not know of x. A pick lowers that
    of everything like it; the determinant of the matrix grows most (MaxDet in D. Holzmüller et al.,
    doi 10.48550/arXiv.2203.09410).

    Parameters
    ----------
    candidates
        (C, F) features
    chosen
        (n, F) features of what is chosen already
    ridge
        λ, in units of the features' mean square
    alternate
        Take every second pick, from the first on, as it comes in the order given.

    >>> pick_informative(np.array([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0]]), np.zeros((0, 2)), 2)
    array([1, 2])
    >>> pick_informative(np.array([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0]]), np.zeros((0, 2)), 2, alternate=True)
    array([0, 2])
    """
    x, z = np.asarray(candidates, dtype=np.float32), np.asarray(chosen, dtype=np.float64)
    inverse = np.linalg.inv(ridge * np.eye(x.shape[1]) + z.T @ z)
    variance = np.einsum("cf,cf->c", x @ inverse.astype(np.float32), x)
    left = np.ones(len(x), dtype=bool)
    picks: list[int] = []
    for _ in range(min(budget, len(x))):
        as_it_comes = alternate and len(picks) % 2 == 0
        best = int(np.argmax(left if as_it_comes else np.where(left, variance, -1.0)))
        picks.append(best)
        left[best] = False
        direction = inverse @ x[best].astype(np.float64)
        scale = 1.0 + float(x[best] @ direction)
        inverse -= np.outer(direction, direction) / scale
        variance -= (x @ direction.astype(np.float32)) ** 2 / np.float32(scale)
    return np.array(picks, dtype=np.int64)


def pick_from_grid(
    coordinates: NDArray[np.floating],
    eligible: NDArray[np.int64],
    chosen: NDArray[np.int64],
    budget: int,
    bins: int,
    random: np.random.Generator,
) -> NDArray[np.int64]:
    """Fill the cells of a grid evenly: each pick is a random one from a cell of which the fewest are chosen.

    Parameters
    ----------
    coordinates
        (C, D) of everything, which spans the grid of ``bins`` equal parts an axis
    eligible
        indices of what may be picked
    chosen
        indices of what is chosen already
    """
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    places = np.minimum((coordinates - low) / np.where(high > low, high - low, 1.0) * bins, bins - 1).astype(np.int64)
    cell = np.ravel_multi_index(tuple(places.T), (bins,) * coordinates.shape[1])
    order = random.permutation(eligible)
    # The rank of each within its cell, behind what the cell has given already; low ranks first, cells shuffled.
    by_cell = order[np.argsort(cell[order], kind="stable")]
    _, start, count = np.unique(cell[by_cell], return_index=True, return_counts=True)
    rank = np.arange(len(by_cell)) - np.repeat(start, count)
    given = np.bincount(cell[chosen], minlength=bins ** coordinates.shape[1])
    shuffled = random.permutation(len(by_cell))
    return by_cell[shuffled][np.argsort((rank + given[cell[by_cell]])[shuffled], kind="stable")][:budget]
