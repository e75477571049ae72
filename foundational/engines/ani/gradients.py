"""Gradients of the loss by the compiled kernels."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.engines.ani.derivative_store import DerivativeStore
from foundational.engines.ani.kernels.training import Loss, Model, Table, batch_gradient
from foundational.specs.ani import LossSpec

#: Atoms in a chunk, about: what one thread takes through networks and forces while it is in its cache.
_CHUNK: Final = 128


class KernelGradients:
    """The gradient of ``loss`` for batches of the configurations of ``table``, at ``model``'s present parameters."""

    def __init__(self, model: Model, table: Table, store: DerivativeStore, loss: LossSpec) -> None:
        self._model, self._table, self._store = model, table, store
        numbers = (loss.energy_weight, loss.energy_power, loss.force_weight, loss.stress_weight)
        self._loss = Loss(*(np.float32(number) for number in numbers))

    def __call__(self, batch: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Gradients (parts, M, elements, P) and losses (parts, M), whose sums are those of the batch."""
        self._store.provide(batch)
        bounds = chunk_bounds(self._table.offsets, batch)
        shape = self._model.parameters.shape
        gradients = np.empty((len(bounds) - 1, *shape), dtype=np.float32)
        losses = np.empty((len(bounds) - 1, shape[0]), dtype=np.float32)
        share = np.float32(1 / len(batch))
        batch_gradient(batch, bounds, share, self._table, self._model, self._loss, gradients, losses)
        return gradients, losses


def chunk_bounds(offsets: NDArray[np.int64], batch: NDArray[np.int64]) -> NDArray[np.int64]:
    """(chunks+1,) bounds of runs of whole configurations with at least ``_CHUNK`` atoms, the last excepted.

    >>> chunk_bounds(np.array([0, 100, 200, 300, 400]), np.array([3, 0, 2])).tolist()
    [0, 2, 3]
    """
    bounds, atoms = [0], 0
    for k, c in enumerate(batch):
        atoms += offsets[c + 1] - offsets[c]
        if atoms >= _CHUNK:
            bounds.append(k + 1)
            atoms = 0
    if bounds[-1] != len(batch):
        bounds.append(len(batch))
    return np.array(bounds)


def training_table(
    configurations: Configurations,
    species: NDArray[np.int64],
    aevs: NDArray[np.float32],
    energies: NDArray[np.float64],
    scale: float,
    weights: NDArray[np.float32],
    store: DerivativeStore | None,
) -> Table:
    """Everything the kernels need; ``energies`` (M, C) eV without self-energies, ``scale`` eV.

    Unknown labels are zero in it, and said to be unknown.
    """
    assert configurations.labels is not None
    known = configurations.labels.known(configurations.offsets)
    known["stress"] &= ~configurations.without_volume
    stress = np.nan_to_num(configurations.labels.stress) * configurations.volume[:, None, None]
    strain = np.stack([stress[:, a, b] for a, b in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))], axis=1)
    return Table(
        configurations.offsets,
        species,
        aevs,
        np.nan_to_num((energies / scale).astype(np.float32)),
        np.nan_to_num((configurations.labels.forces / scale).astype(np.float32)),
        (strain / scale).astype(np.float32),
        np.stack([known[name] for name in ("energy", "forces", "stress")], axis=1),
        weights,
        np.empty((0, 0), dtype=np.float32) if store is None else store.rows,
        *(
            (np.empty(0, dtype=np.int64),) * 4
            if store is None
            else (store.slots, store.first_slot, store.first_row, store.slot_count)
        ),
    )
