"""The learned bias ΔH(H, O) of multiorder-multithermal sampling: its value, its exact derivatives, and how it learns.

A run samples W ∝ exp{−[H + ΔH(H, O)]/(k T0)}, with ΔH = base(H) + spline(H, O). The base follows from a guess of the
microcanonical temperature T(H), base' = T0/T(H) − 1, and is canonical beyond the edges of the window; the spline is a
uniform cubic B-spline whose coefficients receive Gaussian hills. Hills are mirrored at the edges, so the spline's slope
vanishes there and ΔH is once continuously differentiable everywhere: s = 1 + ∂ΔH/∂H is its derivative, never clipped.

The same formulas, compiled, drive the dynamics in ``foundational.engines.momt.kernel``. Tests compare that kernel
with this module, and a pool is reweighted by this module.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

#: A hill is cut at this many standard deviations.
HILL_CUT = 4.0


@dataclass(frozen=True, eq=False)
class Bias:
    """ΔH(H, O) of one system; energies are of the whole cell, eV."""

    temperature: float
    """T0, K: the temperature of the thermostat."""
    knots_h: NDArray[np.float64]
    """(K,) increasing enthalpies; the first and the last are the edges of the window."""
    knots_t: NDArray[np.float64]
    """(K,) K: the guess of the microcanonical temperature there, linear between them and constant beyond."""
    coefficients: NDArray[np.float64]
    """(B_h+3, B_o+3) eV: B-spline coefficients on B_h bins of H between the edges and B_o bins of O in [0, 1]."""

    @classmethod
    def flat(
        cls, temperature: float, knots_h: NDArray[np.float64], knots_t: NDArray[np.float64], bins: tuple[int, int]
    ) -> Self:
        """A bias that has learned nothing yet: the base alone."""
        return cls(temperature, knots_h, knots_t, np.zeros((bins[0] + 3, bins[1] + 3)))

    @classmethod
    def canonical(cls, temperature: float) -> Self:
        """No bias at all: plain NPT at ``temperature``."""
        return cls.flat(temperature, np.array([0.0, 1.0]), np.full(2, temperature), (1, 1))

    @property
    def plain(self) -> bool:
        """Whether there is no bias, and the run is plain NPT at ``temperature``."""
        return bool((self.knots_t == self.temperature).all()) and not self.coefficients.any()

    @property
    def bins(self) -> tuple[int, int]:
        """Bins of H and of O."""
        return self.coefficients.shape[0] - 3, self.coefficients.shape[1] - 3

    def with_coefficients(self, coefficients: NDArray[np.float64]) -> Self:
        """The same window with another spline."""
        return replace(self, coefficients=coefficients)

    def grid(self, h: NDArray[np.float64], o: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Coordinates of (H, O) in bins; outside the window they lie below 0 or above the number of bins."""
        lo, hi = self.knots_h[0], self.knots_h[-1]
        return (h - lo) / (hi - lo) * self.bins[0], np.asarray(o) * self.bins[1]

    def value(self, h: NDArray[np.float64], o: NDArray[np.float64]) -> NDArray[np.float64]:
        """ΔH in eV, of the shape of ``h``; zero base at the lower edge."""
        return self._base(np.asarray(h, dtype=float)) + self._spline(h, o)[0]

    def slopes(self, h: NDArray[np.float64], o: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The factor s = 1 + ∂ΔH/∂H on the forces, and ∂ΔH/∂O in eV."""
        _, by_h, by_o = self._spline(h, o)
        return self.temperature / np.interp(h, self.knots_h, self.knots_t) + by_h, by_o

    def _base(self, h: NDArray[np.float64]) -> NDArray[np.float64]:
        """∫ (T0/T − 1) dH from the lower edge; closed form for the piecewise linear T."""
        x, t = self.knots_h, self.knots_t
        steps = np.append(0.0, np.cumsum([_inverse_linear(t[k], t[k + 1], x[k + 1] - x[k]) for k in range(len(x) - 1)]))
        k = np.clip(np.searchsorted(x, h) - 1, 0, len(x) - 2)
        inside = np.clip(h, x[0], x[-1])
        part = _inverse_linear(t[k], np.interp(inside, x, t), inside - x[k])
        beyond = np.where(h < x[0], (h - x[0]) / t[0], 0.0) + np.where(h > x[-1], (h - x[-1]) / t[-1], 0.0)
        return np.asarray(self.temperature * (steps[k] + part + beyond) - (h - x[0]))

    def _spline(
        self, h: NDArray[np.float64], o: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Value (eV), ∂/∂H, ∂/∂O (eV) of the spline by 16 products."""
        u, v = self.grid(np.asarray(h, dtype=float), o)
        bins = self.bins
        i, b, db = _cubic(np.clip(u, 0, bins[0]), bins[0])
        j, c, dc = _cubic(np.clip(v, 0, bins[1]), bins[1])
        window = self.coefficients[i[..., None, None] + np.arange(4)[:, None], j[..., None, None] + np.arange(4)]
        inside = (u >= 0) & (u <= bins[0])
        width = (self.knots_h[-1] - self.knots_h[0]) / bins[0]
        return (
            np.einsum("...ij,...i,...j->...", window, b, c),
            np.where(inside, np.einsum("...ij,...i,...j->...", window, db, c) / width, 0.0),
            np.einsum("...ij,...i,...j->...", window, b, dc) * bins[1],
        )


def _inverse_linear(t0: NDArray[np.float64], t1: NDArray[np.float64], dx: NDArray[np.float64]) -> NDArray[np.float64]:
    """∫ dx/T over a stretch ``dx`` on which T goes linearly from ``t0`` to ``t1``."""
    ratio = np.asarray(t1 / t0 - 1.0)
    small = np.abs(ratio) < 1e-9
    return dx / t0 * np.where(small, 1.0 - ratio / 2, np.log1p(ratio) / np.where(small, 1.0, ratio))


def _cubic(u: NDArray[np.float64], n: int) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Interval and the four cubic B-spline weights at ``u`` (in bins) with their derivatives, (..., 4)."""
    i = np.minimum(u.astype(np.int64), n - 1)
    t = u - i
    r = 1 - t
    weights = np.stack([r**3, 3 * t**3 - 6 * t**2 + 4, 3 * r**3 - 6 * r**2 + 4, t**3], axis=-1) / 6
    slopes = np.stack([-(r**2), 3 * t**2 - 4 * t, 4 * r - 3 * r**2, t**2], axis=-1) / 2
    return i, weights, slopes


def hill(u: float, n: int, width: float) -> NDArray[np.float64]:
    """One axis of a hill at ``u`` (in bins) on the ``n + 3`` coefficients, mirrored at 0 and ``n``.

    One image per edge suffices where the grid is wider than the hill: n > 2 · `HILL_CUT` · ``width``.

    >>> w = hill(0.3, 12, 1.0)
    >>> bool(w[0] == w[2]), bool(w[-1] == w[-3])  # equal neighbours of the edge: no slope there
    (True, True)
    """
    knots = np.arange(-1, n + 2)
    total = np.zeros(n + 3)
    for image in (u, -u, 2 * n - u):
        x = (knots - image) / width
        total += np.where(np.abs(x) <= HILL_CUT, np.exp(-0.5 * x**2), 0.0)
    return total
