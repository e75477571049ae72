"""How an ensemble's uncertainty relates to its true error."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr


def calibration(uncertainty: NDArray[np.floating], error: NDArray[np.floating]) -> dict[str, float | None]:
    """What the standard deviation over members, ``uncertainty`` (n,), says of the size of ``error`` (n,), same unit.

    Returns
    -------
    dict
        ``correlation``: Spearman's, of uncertainty and size of error; null where one of them is constant.
        ``scale``: the factor s with which s × uncertainty is the likeliest standard deviation of the error, √⟨(e/u)²⟩.
        ``within_one``: share of errors within one scaled uncertainty; 0.683 if they are Gaussian.

    >>> calibration(np.array([1.0, 2.0, 4.0]), np.array([2.0, -4.0, 8.0]))["scale"]
    2.0
    """
    u, e = np.asarray(uncertainty, dtype=np.float64), np.abs(np.asarray(error, dtype=np.float64))
    u = np.maximum(u, np.finfo(np.float32).tiny)
    constant = len(u) < 2 or np.ptp(u) == 0 or np.ptp(e) == 0
    scale = float(np.sqrt(np.mean((e / u) ** 2)))
    return {
        "correlation": None if constant else float(spearmanr(u, e).statistic),
        "scale": scale,
        "within_one": float(np.mean(e <= scale * u)),
    }


def area_under_curve(score: NDArray[np.floating], positive: NDArray[np.bool_]) -> float | None:
    """Area under the receiver operating characteristic: the probability that a positive has the higher ``score`` (n,).

    None where all or none are ``positive`` (n,).

    >>> area_under_curve(np.array([1.0, 3.0, 2.0, 4.0]), np.array([False, False, True, True]))
    0.75
    """
    n = int(positive.sum())
    rest = len(positive) - n
    if not n or not rest:
        return None
    return float((rankdata(score)[positive].sum() - n * (n + 1) / 2) / (n * rest))
