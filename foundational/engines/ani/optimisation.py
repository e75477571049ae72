"""The loop of AdamW over shuffled batches, and how the learning rate goes."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foundational.engines.ani.kernels.prediction import atomic_energies
from foundational.engines.ani.kernels.training import Model, adamw
from foundational.engines.ani.network import decay_mask
from foundational.errors import EngineError
from foundational.progress import Progress
from foundational.seeds import generator
from foundational.specs.ani import OneCycle, OptimisationSpec, Plateau

Gradients = Callable[[NDArray[np.int64]], tuple[NDArray[np.float32], NDArray[np.float32]]]


@dataclass(frozen=True)
class Validation:
    """Configurations on which a plateau is detected."""

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
    count: int,
    gradients: Gradients,
    validation: Validation | None,
    seed: int,
    progress: Progress | None,
) -> None:
    """Train ``model``'s parameters in place on ``count`` configurations.

    ``gradients`` gives for a batch the gradients and losses of its parts at the present parameters.
    """
    parameters = model.parameters
    batches = math.ceil(count / spec.batch)
    epochs = max(spec.epochs, math.ceil((spec.least_steps or 0) / batches))
    first, second = np.zeros_like(parameters), np.zeros_like(parameters)
    decay = decay_mask(model.widths) * np.float32(spec.weight_decay)
    if spec.schedule.name == "one_cycle":
        cycle = OneCycleRates(spec.schedule, spec.learning_rate, batches * epochs)
    plateau = PlateauRates(spec.schedule, spec.learning_rate, parameters) if spec.schedule.name == "plateau" else None
    step = 0
    for epoch in range(epochs):
        order = generator(seed, "epoch", epoch).permutation(count)
        total = np.zeros(len(parameters))
        for batch in np.array_split(order, batches):
            parts, losses = gradients(batch)
            rates = plateau.rates if plateau else np.full(len(parameters), cycle.rate(step), dtype=np.float32)
            step += 1
            adamw(parameters, parts, first, second, decay, rates, step)
            total += losses.sum(axis=0)
        if not np.isfinite(total).all():
            raise EngineError(
                f"training diverged in epoch {epoch + 1}: expected a finite loss; lower the learning rate"
            )
        if progress is not None:
            progress(epoch + 1, epochs, f"loss {total.mean() / batches:.3g}")
        if plateau and plateau.judge(total if validation is None else validation.errors(model), parameters):
            break
    if plateau:
        parameters[:] = plateau.best
