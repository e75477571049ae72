"""How far atoms are from the training data, and what that makes of the deviation between networks.

Networks that were trained on the same data err together where these data end, so their deviation alone is too small
there. The second measure is the posterior variance of a linear model in the last hidden layer: with φ the layer and a
constant 1, and A the mean of φφᵀ over the training atoms of an element, q = φᵀ (A + λ)⁻¹ φ / (H + 1). Its mean over the
training atoms is 1 by construction. The deviation of an energy is multiplied by √(1 + mean q) over its atoms, that of
the forces on an atom by √(1 + q) of this atom, and both by one factor from configurations that were not trained on.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.engines.ani.aev import compute_aevs, species_of
from foundational.engines.ani.ensemble import Ensemble, Prediction, runs
from foundational.engines.ani.last_layer import last_layer
from foundational.engines.ani.network import layer_widths

_ATOMS_AT_ONCE = 16_384
#: λ as a part of the mean of A's diagonal.
_REGULARISATION = 1e-6


@dataclass(frozen=True, eq=False)
class Extrapolation:
    """The measure for the networks of one ensemble."""

    inverse: NDArray[np.float32]
    """(M, E, H+1, H+1) (A + λ)⁻¹ / (H + 1)."""
    scale: float = 1.0
    """By which deviations are multiplied, from configurations that were not trained on."""
    largest: float = np.inf
    """The largest √q of the training atoms: beyond it an atom is outside of the data."""

    def of_members(self, members: slice) -> Self:
        """That of some of the networks."""
        return replace(self, inverse=self.inverse[members])


@dataclass(frozen=True)
class Uncertainty:
    """Estimated standard deviations of errors, and how far each atom is from the training data."""

    energy: NDArray[np.float64]
    """(C,) eV."""
    forces: NDArray[np.float64]
    """(A, 3) eV/Å."""
    extrapolation: NDArray[np.float64]
    """(A,) √q: about 1 for atoms of the training data, more the farther an atom is from them."""


def energy_uncertainty(
    ensemble: Ensemble, configurations: Configurations
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Estimated standard deviation (C,) of the error of the energy, eV; (C,) whether an atom is outside of the data."""
    found = ensemble.predict(configurations, forces=False)
    q = posterior_variance(ensemble, configurations)
    starts = configurations.offsets[:-1]
    mean, farthest = np.add.reduceat(q, starts) / configurations.n_atoms, np.maximum.reduceat(q, starts)
    measure = ensemble.extrapolation
    scale, largest = (1.0, np.inf) if measure is None else (measure.scale, measure.largest)
    many = ensemble.members > 1
    deviation = found.energy.std(axis=0, ddof=1) if many else np.full(len(configurations), np.nan)
    return scale * deviation * np.sqrt(1.0 + mean), np.sqrt(farthest) > largest


def uncertainty(ensemble: Ensemble, configurations: Configurations, predicted: Prediction | None = None) -> Uncertainty:
    """What the deviation between networks and their distance from the training data say of errors.

    Parameters
    ----------
    predicted
        What ``ensemble.predict(configurations)`` gave, if it is at hand.
    """
    found = ensemble.predict(configurations) if predicted is None else predicted
    assert found.forces is not None
    q = posterior_variance(ensemble, configurations)
    scale = 1.0 if ensemble.extrapolation is None else ensemble.extrapolation.scale
    many = ensemble.members > 1
    energy = found.energy.std(axis=0, ddof=1) if many else np.full(len(configurations), np.nan)
    forces = found.forces.std(axis=0, ddof=1, dtype=np.float64) if many else np.full((len(q), 3), np.nan)
    inflated = np.sqrt(1.0 + np.add.reduceat(q, configurations.offsets[:-1]) / configurations.n_atoms)
    return Uncertainty(scale * energy * inflated, scale * forces * np.sqrt(1.0 + q)[:, None], np.sqrt(q))


def posterior_variance(ensemble: Ensemble, configurations: Configurations) -> NDArray[np.float64]:
    """(A,) q of each atom, a mean over the networks; NaN where the model does not have the measure."""
    out = np.full(len(configurations.positions), np.nan)
    if ensemble.extrapolation is None:
        return out
    inverse = ensemble.extrapolation.inverse
    for part, _, atoms in runs(configurations, _ATOMS_AT_ONCE):
        aevs = compute_aevs(part, ensemble.aev, ensemble.elements)
        species = species_of(part.atomic_numbers, ensemble.elements)
        q = np.zeros(len(species))
        for e in range(len(ensemble.elements)):
            own = np.flatnonzero(species == e)
            for m in range(ensemble.members if len(own) else 0):
                phi = _with_one(last_layer(ensemble, m, e, aevs[own]))
                q[own] += np.einsum("nh,nh->n", phi @ inverse[m, e], phi, dtype=np.float64)
        out[atoms] = np.maximum(q / ensemble.members, 0.0)
    return out


def fit_extrapolation(ensemble: Ensemble, configurations: Configurations) -> Extrapolation:
    """The measure for ``ensemble``, which was trained on ``configurations``."""
    width = int(layer_widths(ensemble.mean.shape[-1], ensemble.network.hidden)[-1]) + 1
    shape = (ensemble.members, len(ensemble.elements))
    sums, counts = np.zeros((*shape, width, width)), np.zeros(len(ensemble.elements))
    for part, _, _ in runs(configurations, _ATOMS_AT_ONCE):
        aevs = compute_aevs(part, ensemble.aev, ensemble.elements)
        species = species_of(part.atomic_numbers, ensemble.elements)
        for e in range(shape[1]):
            own = np.flatnonzero(species == e)
            counts[e] += len(own)
            for m in range(shape[0]):
                phi = _with_one(last_layer(ensemble, m, e, aevs[own])).astype(np.float64)
                sums[m, e] += phi.T @ phi
    inverse = np.empty(sums.shape, dtype=np.float32)
    for m, e in np.ndindex(*shape):
        mean = sums[m, e] / max(float(counts[e]), 1.0)
        ridge = _REGULARISATION * np.trace(mean) / width * np.eye(width)
        inverse[m, e] = np.linalg.inv(mean + ridge) / width
    measure = Extrapolation(inverse)
    q = posterior_variance(replace(ensemble, extrapolation=measure), configurations)
    return replace(measure, largest=float(np.sqrt(q.max(initial=0.0))))


def calibrated(ensemble: Ensemble, configurations: Configurations) -> Extrapolation:
    """The measure of ``ensemble`` with the scale that ``configurations`` give, on which nothing was trained.

    The scale is the root mean square of error over estimated deviation of the energy. It stays as it is where no energy
    is known or where there is one network.
    """
    measure = ensemble.extrapolation
    assert measure is not None
    if configurations.labels is None or ensemble.members < 2:
        return measure
    estimated, _ = energy_uncertainty(ensemble, configurations)
    predicted = ensemble.predict(configurations, forces=False)
    error = predicted.energy.mean(axis=0) - configurations.labels.energy
    known = np.isfinite(error) & (estimated > 0)
    if not known.any():
        return measure
    return replace(measure, scale=measure.scale * float(np.sqrt(np.mean((error[known] / estimated[known]) ** 2))))


def _with_one(hidden: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.hstack([hidden, np.ones((len(hidden), 1), dtype=np.float32)])
