"""Choosing configurations by uncertainty: pure functions of numbers, without a model."""

import numpy as np
from numpy.typing import NDArray


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
    deviation = np.asarray(atomic_energies, dtype=np.float64).std(axis=0, ddof=1)
    return np.asarray(np.maximum.reduceat(deviation, offsets[:-1]), dtype=np.float64)


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
