"""What the last hidden layers of an ensemble make of configurations: the gradient of the energy by the last weights."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from foundational.data.configurations import Configurations
from foundational.engines.ani.aev import compute_aevs, species_of
from foundational.engines.ani.ensemble import Ensemble, runs
from foundational.engines.ani.network import layer_widths, layers

_ATOMS_AT_ONCE = 65_536
_CELU_ALPHA = np.float32(0.1)


def last_layer_features(ensemble: Ensemble, configurations: Configurations) -> NDArray[np.float32]:
    """(C, M·elements·H) mean over each configuration's atoms of the last hidden layer of each member and element.

    The energy per atom is linear in them: with the layers below held fixed, they are all that a configuration's energy
    can teach. Each column is scaled to a root mean square of 1.
    """
    widths = layer_widths(ensemble.mean.shape[-1], ensemble.network.hidden)
    width = int(widths[-1])
    elements = len(ensemble.elements)
    out = np.zeros((len(configurations), ensemble.members, elements, width), dtype=np.float32)
    for part, rows, _ in runs(configurations, _ATOMS_AT_ONCE):
        aevs = compute_aevs(part, ensemble.aev, ensemble.elements)
        species = species_of(part.atomic_numbers, ensemble.elements)
        for e in range(elements):
            own = np.flatnonzero(species == e)
            for m in range(ensemble.members):
                hidden = np.zeros((len(species), width), dtype=np.float32)
                hidden[own] = last_layer(ensemble, m, e, aevs[own])
                out[rows, m, e] = np.add.reduceat(hidden, part.offsets[:-1]) / part.n_atoms[:, None]
    flat = out.reshape(len(configurations), -1)
    scale = np.sqrt(np.mean(flat**2, axis=0))
    return np.asarray(flat / np.where(scale > 0, scale, 1), dtype=np.float32)


def last_layer(ensemble: Ensemble, member: int, element: int, aevs: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, H) the last hidden layer of one network for the environment vectors (n, K) of atoms of one element."""
    widths = layer_widths(ensemble.mean.shape[-1], ensemble.network.hidden)
    x: NDArray[np.float32] = (aevs - ensemble.mean[member, element]) / ensemble.deviation[member, element]
    for weights, bias in layers(ensemble.parameters[member, element], widths)[:-1]:
        x = _activated(x @ weights + bias, ensemble.network.activation)
    return x


def _activated(x: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    if name == "gelu":
        return np.asarray(x * np.float32(0.5) * (1 + erf(x * np.float32(0.5**0.5))))
    return np.asarray(np.maximum(x, 0) + np.minimum(_CELU_ALPHA * np.expm1(np.minimum(x, 0) / _CELU_ALPHA), 0))
