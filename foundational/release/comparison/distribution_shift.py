"""How a quantity is spread over the configurations of two datasets."""

import numpy as np
from numpy.typing import NDArray

from foundational.specs.base import Spec


class Summary(Spec):
    """One quantity over the configurations of one dataset."""

    mean: float
    deviation: float
    """Standard deviation."""
    minimum: float
    percentile_5: float
    median: float
    percentile_95: float
    maximum: float


class DistributionShift(Spec):
    """One quantity in both; null where a dataset has it not, or not finite."""

    quantity: str
    unit: str
    a: Summary | None
    b: Summary | None
    ks: float | None
    """Kolmogorov–Smirnov distance: largest difference between the two cumulative distributions, 0 (alike) to 1."""


def distribution_shift(
    quantity: str, unit: str, a: NDArray[np.float64] | None, b: NDArray[np.float64] | None
) -> DistributionShift:
    """Compare (C,) values of one quantity in two datasets."""
    complete = [x is not None and bool(len(x)) and bool(np.isfinite(x).all()) for x in (a, b)]
    ascending = [np.sort(x) if ok and x is not None else None for x, ok in zip((a, b), complete, strict=True)]
    summaries = [
        _summary(x, y) if x is not None and y is not None else None for x, y in zip((a, b), ascending, strict=True)
    ]
    first, second = ascending
    ks = None if first is None or second is None else _distance(first, second)
    return DistributionShift(quantity=quantity, unit=unit, a=summaries[0], b=summaries[1], ks=ks)


def _summary(values: NDArray[np.float64], ascending: NDArray[np.float64]) -> Summary:
    low, p5, median, p95, high = map(float, np.percentile(ascending, [0, 5, 50, 95, 100]))
    return Summary(
        mean=float(values.mean()),
        deviation=float(values.std()),
        minimum=low,
        percentile_5=p5,
        median=median,
        percentile_95=p95,
        maximum=high,
    )


def _distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """The two-sample Kolmogorov–Smirnov statistic of ascending values (Massey, J. Am. Stat. Assoc. 46, 68 (1951)).

    >>> _distance(np.array([1.0, 2.0]), np.array([1.5, 3.0, 4.0, 5.0]))
    0.75
    """
    both = np.concatenate([a, b])
    order = np.argsort(both, kind="stable")  # merges the two
    values = both.take(order)
    last = np.flatnonzero(np.append(values[1:] != values[:-1], True))  # of equal values
    from_a = np.cumsum(order < len(a))[last]
    return float(np.abs(from_a / len(a) - (last + 1 - from_a) / len(b)).max())
