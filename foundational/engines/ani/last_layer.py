"""What the last hidden layers of an ensemble make of configurations: the gradient of the energy by the last weights."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from foundational.data.batches import batch_slices
from foundational.data.configurations import Configurations
from foundational.engines.ani.aev import compute_aevs, species_of
from foundational.engines.ani.ensemble import Ensemble, runs
from foundational.engines.ani.network import layer_widths, layers
from foundational.engines.ani.threads import kernel_threads
from foundational.execution.tasks import Tasks

_ATOMS_AT_ONCE = 65_536
#: Batches of so many atoms in a task: seconds.
_BATCHES_PER_TASK = 8
_CELU_ALPHA = np.float32(0.1)


def last_layer_features(
    ensemble: Ensemble, configurations: Configurations, tasks: Tasks | None = None
) -> NDArray[np.float32]:
    """(C, M·elements·H) mean over each configuration's atoms of the last hidden layer of each member and element.

    The energy per atom is linear in them: with the layers below held fixed, they are all that a configuration's energy
    can teach. Each column is scaled to a root mean square of 1.

    Parameters
    ----------
    tasks
        Where parts of the configurations are computed; None: here.
    """
    flat = np.concatenate(by_parts(last_layer_means, ensemble, configurations, tasks))
    return np.asarray(flat / rms(flat), dtype=np.float32)


def rms(flat: NDArray[np.float32]) -> NDArray[np.float32]:
    """(F,) root mean square of each column of (C, F), 1 where a column is zero."""
    scale = np.sqrt(np.mean(flat**2, axis=0))
    return np.asarray(np.where(scale > 0, scale, 1), dtype=np.float32)


def by_parts(
    function: Callable[[Ensemble, Configurations], NDArray[Any]],
    ensemble: Ensemble,
    configurations: Configurations,
    tasks: Tasks | None,
) -> list[NDArray[Any]]:
    """``function(ensemble, part)`` of neighbouring parts, in order; each is a task.

    The parts end where `runs` ends a batch, so that no number depends on them.
    """
    slices = list(batch_slices(configurations.n_atoms, _ATOMS_AT_ONCE))
    starts = [rows.start for rows in slices[::_BATCHES_PER_TASK]] or [0]
    parts = (configurations.take(slice(a, b)).with_labels(None) for a, b in pairwise([*starts, len(configurations)]))
    return list((tasks or Tasks()).results(function, ((ensemble, part) for part in parts)))


def last_layer_means(ensemble: Ensemble, configurations: Configurations) -> NDArray[np.float32]:
    """The features of `last_layer_features` without their scale; bits do not depend on the number of threads."""
    with kernel_threads():
        return _last_layer_means(ensemble, configurations)


def _last_layer_means(ensemble: Ensemble, configurations: Configurations) -> NDArray[np.float32]:
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
    return out.reshape(len(configurations), -1)


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
