"""The loop of AdamW over shuffled batches, and how the learning rate goes."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foundational.engines.ani.derivatives import DerivativeStore
from foundational.engines.ani.network import decay_mask
from foundational.engines.ani.prediction_kernel import atomic_energies
from foundational.engines.ani.training_kernel import Loss, Model, Table, adamw, batch_gradient
from foundational.errors import EngineError
from foundational.seeds import generator
from foundational.specs.ani import OneCycle, OptimisationSpec, Plateau

Progress = Callable[[int, int, str], None]

#: Atoms in a chunk, about: what one thread takes through networks and forces while it is in its cache.
_CHUNK = 128


@dataclass(frozen=True)
class Validation:
    """Configurations by which a plateau is judged."""

    aevs: NDArray[np.float32]
    """(A, K)"""
    species: NDArray[np.int64]
    """(A,)"""
    offsets: NDArray[np.int64]
    """(C+1,)"""
    energies: NDArray[np.float64]
    """(M, C) in units of the energy scale."""
    held_out: NDArray[np.bool_]
    """(M, C)"""

    def errors(self, model: Model) -> NDArray[np.float64]:
        """(M,) root mean square error of the energy per atom of what each member holds out."""
        out = np.empty((len(self.held_out), len(self.species)), dtype=np.float32)
        atomic_energies(self.aevs, self.species, model, out)
        found = np.add.reduceat(out.astype(np.float64), self.offsets[:-1], axis=1)
        squared: NDArray[np.float64] = ((found - self.energies) / np.diff(self.offsets)) ** 2
        mean: NDArray[np.float64] = (squared * self.held_out).sum(axis=1) / self.held_out.sum(axis=1)
        return np.sqrt(mean)


class OneCycleRates:
    """Cosine rise from 1/25 of the peak, cosine fall to nothing; the same for all members."""

    def __init__(self, spec: OneCycle, peak: float, steps: int) -> None:
        self._warmup, self._peak, self._steps = spec.warmup, peak, steps

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        progress = (step + 0.5) / self._steps
        low = self._peak / 25
        if progress < self._warmup:
            return low + (self._peak - low) * (1 - math.cos(math.pi * progress / self._warmup)) / 2
        return self._peak * (1 + math.cos(math.pi * (progress - self._warmup) / (1 - self._warmup))) / 2


class PlateauRates:
    """Each member's rate is cut when its error has not improved for a while; its best parameters are kept."""

    def __init__(self, spec: Plateau, peak: float, parameters: NDArray[np.float32]) -> None:
        self._spec = spec
        self.rates = np.full(len(parameters), peak, dtype=np.float32)
        self.best = parameters.copy()
        self._least = np.full(len(parameters), np.inf)
        self._waited = np.zeros(len(parameters), dtype=np.int64)

    def judge(self, errors: NDArray[np.float64], parameters: NDArray[np.float32]) -> bool:
        """Take in the errors after an epoch; True when every member's rate has fallen below the least."""
        better = errors < self._least
        self._least[better] = errors[better]
        self.best[better] = parameters[better]
        self._waited = np.where(better, 0, self._waited + 1)
        stalled = self._waited > self._spec.patience
        self.rates[stalled] *= self._spec.factor
        self._waited[stalled] = 0
        return bool((self.rates < self._spec.minimum).all())


def optimise(
    spec: OptimisationSpec,
    model: Model,
    table: Table,
    store: DerivativeStore,
    validation: Validation | None,
    seed: int,
    progress: Progress | None,
) -> None:
    """Train ``model``'s parameters in place."""
    parameters = model.parameters
    count = len(table.offsets) - 1
    batches = math.ceil(count / spec.batch)
    first, second = np.zeros_like(parameters), np.zeros_like(parameters)
    decay = decay_mask(model.widths) * np.float32(spec.weight_decay)
    weights = spec.loss
    loss = Loss(
        *(
            np.float32(w)
            for w in (weights.energy_weight, weights.energy_power, weights.force_weight, weights.stress_weight)
        )
    )
    schedule: OneCycleRates | PlateauRates = (
        OneCycleRates(spec.schedule, spec.learning_rate, batches * spec.epochs)
        if isinstance(spec.schedule, OneCycle)
        else PlateauRates(spec.schedule, spec.learning_rate, parameters)
    )
    step = 0
    for epoch in range(spec.epochs):
        order = generator(seed, "epoch", epoch).permutation(count)
        total = np.zeros(len(parameters))
        for batch in np.array_split(order, batches):
            store.provide(batch)
            bounds = _chunks(table.offsets, batch)
            gradients = np.empty((len(bounds) - 1, *parameters.shape), dtype=np.float32)
            losses = np.empty((len(bounds) - 1, len(parameters)), dtype=np.float32)
            batch_gradient(batch, bounds, np.float32(1 / len(batch)), table, model, loss, gradients, losses)
            rates = (
                schedule.rates
                if isinstance(schedule, PlateauRates)
                else np.full(len(parameters), schedule.rate(step), np.float32)
            )
            step += 1
            adamw(parameters, gradients, first, second, decay, rates, step)
            total += losses.sum(axis=0)
        if not np.isfinite(total).all():
            raise EngineError(
                f"training diverged in epoch {epoch + 1}: expected a finite loss; lower the learning rate"
            )
        if progress is not None:
            progress(epoch + 1, spec.epochs, f"loss {total.mean() / batches:.3g}")
        if isinstance(schedule, PlateauRates):
            errors = total if validation is None else validation.errors(model)
            if schedule.judge(errors, parameters):
                break
    if isinstance(schedule, PlateauRates):
        parameters[:] = schedule.best


def _chunks(offsets: NDArray[np.int64], batch: NDArray[np.int64]) -> NDArray[np.int64]:
    """(chunks+1,) bounds of runs of whole configurations with at least ``_CHUNK`` atoms, the last excepted."""
    bounds, atoms = [0], 0
    for k, c in enumerate(batch):
        atoms += offsets[c + 1] - offsets[c]
        if atoms >= _CHUNK:
            bounds.append(k + 1)
            atoms = 0
    if bounds[-1] != len(batch):
        bounds.append(len(batch))
    return np.array(bounds)
