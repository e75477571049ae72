"""Energies of decorations with several elements as sums of energies of decorations with two of them."""

from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray


def two_element_sum(n: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Decorations with at most two of ``n`` elements whose energies add up to that of a decoration with all.

    The atoms of each element are a group. A term of the sum gives every group one of two elements, a or b. Its weight
    is ½ + 1/n where the groups of a and b keep their elements, ½ − 1/n where they exchange them, −½ where both become a
    or both become b; each over the number of ways to give a or b to the other groups. The n decorations with one
    element have 1/n each in addition.

    The sum is exact where the energy is one of atoms and of pairs of atoms. Among all exact sums it has the smallest
    sum of squared weights, so that independent errors of its terms count least.

    Parameters
    ----------
    n
        At least 2.

    Returns
    -------
    groups, weights
        (T, n) the element of each group in each term, both counted from 0; (T,) whose sum is 1.

    >>> groups, weights = two_element_sum(2)
    >>> groups[np.abs(weights) > 1e-9].tolist(), weights[np.abs(weights) > 1e-9].tolist()
    ([[0, 1]], [1.0])
    >>> groups, weights = two_element_sum(3)
    >>> len(groups), round(float(weights.sum()), 9)
    (21, 1.0)
    """
    total: dict[tuple[int, ...], float] = {(a,) * n: 1 / n for a in range(n)}
    for pair in combinations(range(n), 2):
        a, b = pair
        for groups in product(pair, repeat=n):
            kept = (groups[a] == a) + (groups[b] == b)
            weight = (0.5 - 1 / n, -0.5, 0.5 + 1 / n)[kept]
            total[groups] = total.get(groups, 0.0) + weight / 2 ** (n - 2)
    return np.array(list(total)), np.array(list(total.values()))
