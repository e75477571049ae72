"""Several pools of one cell at different pressures as one: weights of all their frames at any temperature and pressure.

Pool k sampled exp{−u_k} with u_k = [U + P_k V + ΔH_k(U + P_k V, O)]/kT0_k. All of this follows from the energy U, the
volume V and the order parameter O that are stored with a frame, so that each frame has its density under each pool.
The multistate Bennett acceptance ratio (M. R. Shirts, J. D. Chodera, J. Chem. Phys. 129, 124105 (2008)) combines them:
a frame counts at T and P with exp{−(U + PV)/kT} / Σ_k N_k exp{f_k − u_k}, where the free energies f_k make the weights
consistent. With one pool this is the reweighting of ``science.reweighting``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

from foundational.errors import InputError
from foundational.science.bias import Bias
from foundational.science.reweighting import Average, average_of, stretches
from foundational.units import BAR, BOLTZMANN

#: Largest change of a free energy, in kT0, with which the iteration is converged.
_TOLERANCE: Final = 1e-6


@dataclass(frozen=True, eq=False)
class Isobar:
    """One pool: its frames, and the density under which they were sampled."""

    pressure: float
    """bar"""
    bias: Bias
    energy: NDArray[np.float64]
    """(C,) eV, of the whole cell."""
    volume: NDArray[np.float64]
    """(C,) Å³"""
    order_parameter: NDArray[np.float64]
    """(C,)"""
    walker: NDArray[np.int64]
    """(C,)"""
    step: NDArray[np.int64]
    """(C,)"""

    def reduced(
        self, energy: NDArray[np.float64], volume: NDArray[np.float64], order: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """(C,) u of any frames of the same cell under this pool's density."""
        enthalpy = energy + self.pressure * BAR * volume
        return np.asarray((enthalpy + self.bias.value(enthalpy, order)) / (BOLTZMANN * self.bias.temperature))


class JoinedIsobars:
    """The frames of several isobars with one weight each; frames are in the order of the isobars."""

    def __init__(self, isobars: Sequence[Isobar]) -> None:
        if not isobars:
            raise InputError("expected at least one pool to join, got none")
        self.isobars = tuple(isobars)
        self.energy, self.volume, self.order_parameter = (
            np.concatenate([getattr(isobar, name) for isobar in isobars])
            for name in ("energy", "volume", "order_parameter")
        )
        counts = [len(isobar.energy) for isobar in isobars]
        parts = [stretches(isobar.walker, isobar.step) for isobar in isobars]
        firsts = np.concatenate([[0], np.cumsum([part.max() + 1 for part in parts])])
        self.stretch = np.concatenate([part + first for part, first in zip(parts, firsts[:-1], strict=True)])
        reduced = np.stack([isobar.reduced(self.energy, self.volume, self.order_parameter) for isobar in isobars])
        self.free_energies = _free_energies(reduced, np.array(counts, dtype=np.float64))
        """(K,) f_k, up to a constant; the first is 0."""
        logs = np.log(counts)[:, None] + self.free_energies[:, None] - reduced
        self._denominator: NDArray[np.float64] = logsumexp(logs, axis=0)

    @property
    def pressures(self) -> tuple[float, float]:
        """Lowest and highest pressure of the pools, bar."""
        values = [isobar.pressure for isobar in self.isobars]
        return min(values), max(values)

    def log_weights(self, temperature: float, pressure: float) -> NDArray[np.float64]:
        """(C,) logarithms of the weights of all frames at ``temperature`` (K) and ``pressure`` (bar).

        Raises
        ------
        InputError
            If the pressure is not between those of the pools.
        """
        low, high = self.pressures
        if not low <= pressure <= high:
            raise InputError(f"expected a pressure of {low:g} to {high:g} bar, as the pools have, got {pressure:g}")
        enthalpy = self.energy + pressure * BAR * self.volume
        return np.asarray(-enthalpy / (BOLTZMANN * temperature) - self._denominator)

    def average(self, phase: NDArray[np.bool_], temperature: float, pressure: float) -> Average | None:
        """Averages over the frames of ``phase`` (C,); None where too few frames carry the weight."""
        logs = self.log_weights(temperature, pressure)[phase]
        enthalpy = self.energy + pressure * BAR * self.volume
        return average_of(logs, enthalpy[phase], self.volume[phase], self.stretch[phase], temperature)


def _free_energies(reduced: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K,) free energies in kT0: the minimum of the convex function whose gradient is the condition of Shirts, (C1).

    ``reduced`` (K, C) is u_k of every frame and ``counts`` (K,) the frames of each pool.
    """
    if len(counts) == 1:
        return np.zeros(1)
    logs = np.log(counts)

    def objective(free: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        terms = logs[:, None] + np.append(0.0, free)[:, None] - reduced
        total = logsumexp(terms, axis=0)
        expected = np.exp(terms - total).sum(axis=1)
        value = (total.sum() - counts[1:] @ free) / counts.sum()
        return float(value), (expected - counts)[1:] / counts.sum()

    # Start from neighbours alone: the mean difference of u over the frames of both, as pools that overlap have it.
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    steps = []
    for k in range(len(counts) - 1):
        both = slice(first[k], first[k + 2])
        steps.append(float(np.median(reduced[k + 1, both] - reduced[k, both])))
    found = minimize(
        objective, np.cumsum(steps), jac=True, method="BFGS", options={"gtol": _TOLERANCE, "maxiter": 2000}
    )
    return np.append(0.0, found.x)
