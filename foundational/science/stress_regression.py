"""Stored stresses against those of networks that saw energies and forces alone, component by component.

A network's energy has one strain derivative. Where the stored stress has another sign, unit or order of components, the
two go together, but not component by component with slope 1. The members of an ensemble say which components the data
determine: only where they agree is anything concluded.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

#: The six components in the order of this package, which is ASE's.
VOIGT: Final = ("xx", "yy", "zz", "yz", "xz", "xy")
#: Places of these among three rows and columns.
PLACES: Final = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
#: A component is determined where it varies by this many times the deviation of members.
DETERMINED: Final = 3.0
#: A component goes with another above this correlation, and does not go with it below the second one.
STRONG: Final = 0.8
WEAK: Final = 0.6
#: What a component that is in its place is preferred by, in correlation.
_PREFERENCE: Final = 0.1
#: Fewer configurations determine nothing.
LEAST: Final = 8
#: A configuration is compared alone where its stress is this many times the deviation of members.
_CLEAR: Final = 5.0
#: A configuration has another scale than most where its own slope differs by this factor.
_OTHER_SCALE: Final = 3.0


@dataclass(frozen=True, eq=False)
class StressRegression:
    """What the regression of C stored stresses on predicted ones finds."""

    correlation: NDArray[np.float64]
    """(6, 6) of each stored component with each predicted one, about their means."""
    determined: NDArray[np.bool_]
    """(6,) whether members agree on a predicted component."""
    order: tuple[int, ...]
    """For each stored place the component that it holds, as far as that is determined; else itself."""
    slopes: NDArray[np.float64]
    """(3,) of stored on predicted stress: pressure, the rest of the diagonal, shear; NaN where not determined."""
    zero: tuple[int, ...]
    """Places that are zero in every configuration although the prediction is not."""
    opposite: NDArray[np.int64]
    """Rows whose stress has the opposite sign of most."""
    other_scale: NDArray[np.int64]
    """Rows whose stress is much larger or smaller than that of most, and not zero."""
    zero_rows: NDArray[np.int64]
    """Rows whose stress is exactly zero although the prediction is not."""
    unrelated: tuple[int, ...]
    """Places that go with no predicted component, although the one of that place is determined."""

    @property
    def slope(self) -> float:
        """The median of the slopes that are determined; NaN without any."""
        known = self.slopes[np.isfinite(self.slopes)]
        return float(np.median(known)) if len(known) else float("nan")

    @property
    def moved(self) -> tuple[int, ...]:
        """Places that hold another component than their own."""
        return tuple(place for place, component in enumerate(self.order) if place != component)


def six(stress: NDArray[np.floating]) -> NDArray[np.float64]:
    """(…, 6) components of symmetric (…, 3, 3) matrices, in the order of `VOIGT`."""
    return np.stack([(stress[..., a, b] + stress[..., b, a]) / 2 for a, b in PLACES], axis=-1).astype(np.float64)


def regress(stored: NDArray[np.float64], predicted: NDArray[np.float64]) -> StressRegression:
    """Compare stored stresses with predicted ones.

    Parameters
    ----------
    stored
        (C, 6), in the order of `VOIGT`; C is at least `LEAST`.
    predicted
        (M, C, 6) of M ≥ 2 members in the same unit, eV/Å³.
    """
    mean = predicted.mean(axis=0)
    determined = _determined(predicted)
    correlation = _correlation(stored, mean)
    order = _order(stored, mean, correlation, determined, _determined(_deviator(predicted))[:3])
    places = np.array(order)
    sized = determined[places] & (stored.std(axis=0) > 0)
    unrelated = tuple(int(j) for j in np.flatnonzero(sized & (np.abs(correlation).max(axis=1) < WEAK)))
    inverse = np.argsort(places)
    sorted_stored = stored[:, inverse]  # each component in its own place
    strength = np.sqrt(np.mean((mean / np.maximum(_noise(predicted), 1e-12)) ** 2, axis=0))
    silent = ~stored.any(axis=0)
    zero = tuple(int(j) for j in np.flatnonzero(silent & determined & (strength > DETERMINED)))
    slopes = _slopes(sorted_stored, predicted)
    rows = _rows(sorted_stored, predicted)
    return StressRegression(correlation, determined, order, slopes, zero, *rows, unrelated)


def _noise(predicted: NDArray[np.float64]) -> NDArray[np.float64]:
    """(6,) deviation between members, each about its own mean over configurations."""
    about = predicted - predicted.mean(axis=1, keepdims=True)
    deviation: NDArray[np.float64] = np.sqrt(about.var(axis=0, ddof=1).mean(axis=0))
    return deviation


def _determined(predicted: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(6,) whether a component varies more than members differ."""
    signal = predicted.mean(axis=0).std(axis=0)
    return np.asarray(signal > DETERMINED * np.maximum(_noise(predicted), 1e-7))


def _deviator(stress: NDArray[np.float64]) -> NDArray[np.float64]:
    """(…, 6) without the pressure."""
    out = stress.copy()
    out[..., :3] -= stress[..., :3].mean(axis=-1, keepdims=True)
    return out


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """(6, 6) of each column of ``a`` with each of ``b``; 0 where one is constant."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    norm = np.linalg.norm(a, axis=0)[:, None] * np.linalg.norm(b, axis=0)[None]
    found: NDArray[np.float64] = np.divide(a.T @ b, norm, out=np.zeros((6, 6)), where=norm > 1e-14)
    return found


def _order(
    stored: NDArray[np.float64],
    mean: NDArray[np.float64],
    correlation: NDArray[np.float64],
    determined: NDArray[np.bool_],
    diagonal: NDArray[np.bool_],
) -> tuple[int, ...]:
    """The component that each place holds: the assignment of largest correlation, as far as it is certain."""
    strength = np.where(determined[None], np.abs(correlation), 0.0)
    assigned = _assigned(strength)
    if set(assigned[:3].tolist()) == {0, 1, 2}:  # the three go together by the pressure, so it is removed
        block = np.abs(_correlation(_deviator(stored), _deviator(mean)))[:3, :3]
        strength[:3, :3] = block if diagonal.all() else np.eye(3)
        assigned = _assigned(strength)
    certain = (assigned == np.arange(6)) | (
        (strength[np.arange(6), assigned] >= STRONG) & (np.diag(strength) <= WEAK) & determined
    )
    if not certain.all():  # what is uncertain stays, if the others are then still an order
        kept = np.where(certain, assigned, np.arange(6))
        assigned = kept if len(set(kept.tolist())) == 6 else np.arange(6)
    return tuple(int(component) for component in assigned)


def _assigned(strength: NDArray[np.float64]) -> NDArray[np.int64]:
    """(6,) the column of each row in the assignment of largest sum; its own where that is as good."""
    _, columns = linear_sum_assignment(strength + _PREFERENCE * np.eye(6), maximize=True)
    return np.asarray(columns)


def _slopes(stored: NDArray[np.float64], predicted: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3,) of pressure, deviator and shear; every component is in its place."""

    def parts(stress: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        pressure = stress[..., :3].mean(axis=-1, keepdims=True)
        return [pressure, stress[..., :3] - pressure, stress[..., 3:]]

    slopes = np.full(3, np.nan)
    for k, (own, other) in enumerate(zip(parts(stored), parts(predicted), strict=True)):
        a = own - own.mean(axis=0)
        each = other - other.mean(axis=1, keepdims=True)
        b = each.mean(axis=0)
        noise = np.sqrt(each.var(axis=0, ddof=1).mean())
        if np.sqrt(np.mean(b**2)) <= DETERMINED * max(noise, 1e-7) or not a.any():
            continue
        correlation = float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()))
        if abs(correlation) >= WEAK:
            slopes[k] = np.sign(correlation) * np.sqrt((a**2).sum() / (b**2).sum())
    return slopes


def _rows(
    stored: NDArray[np.float64],
    predicted: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Configurations of opposite sign, of another scale, and of zero stress, among those that stand out of the noise.

    Stored and predicted stresses are compared without their pressure, on which an error of the volume acts.
    """
    nothing = np.zeros(0, dtype=np.int64)
    mean, noise = _deviator(predicted).mean(axis=0), _noise(_deviator(predicted))
    clear = np.sqrt(np.mean(mean**2, axis=1)) > _CLEAR * max(float(np.sqrt(np.mean(noise**2))), 1e-7)
    zero_rows = np.flatnonzero(clear & ~stored.any(axis=1)) if stored.any() else nothing
    own = _deviator(stored)
    size = np.maximum(np.linalg.norm(own, axis=1), 1e-30)
    cosine = (own * mean).sum(axis=1) / (size * np.maximum(np.linalg.norm(mean, axis=1), 1e-30))
    along = clear & (np.abs(cosine) >= STRONG)
    if np.count_nonzero(along) < LEAST:
        return nothing, nothing, zero_rows
    scale = size / np.maximum(np.linalg.norm(mean, axis=1), 1e-30)
    sign = np.sign(np.median(cosine[along])) or 1.0
    typical = np.median(scale[along])
    opposite = np.flatnonzero(along & (np.sign(cosine) != sign))
    other = np.flatnonzero(along & ((scale > _OTHER_SCALE * typical) | (scale < typical / _OTHER_SCALE)))
    return opposite, other, zero_rows
