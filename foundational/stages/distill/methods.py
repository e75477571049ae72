"""The methods by which a round of distillation chooses: functions with one interface, by name in :data:`METHODS`.

Each looks at a :class:`Round` and returns :class:`Picks`. Whatever it needs is computed when it asks for it: a method
that looks at no model trains none. A method continues what was chosen before it, so that the order of choosing is one
order, and a smaller budget is a prefix of a larger one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import to_configurations
from foundational.data.configurations import Configurations
from foundational.engines.ani.descriptors import configuration_features, kernel_features
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.last_layer import by_parts, last_layer_features
from foundational.errors import InputError
from foundational.execution.tasks import Tasks
from foundational.science.picking import (
    configuration_uncertainty,
    mean_uncertainty,
    pick_farthest,
    pick_from_grid,
    pick_informative,
    pick_most_uncertain,
)
from foundational.specs.ani import AevSpec
from foundational.specs.distill import DistillSpec

#: λ of `random_and_optimal`, in variances of the largest component.
_RIDGE: Final = 1e-4
#: Parts of the range of energy and of order parameter in ``grid``.
_BINS: Final = 20


@dataclass(frozen=True, eq=False)
class Pool:
    """Everything that may be chosen, and what is known of it; read as far as a method asks for it."""

    dataset: xr.Dataset
    aev: AevSpec
    walker: NDArray[np.integer] | None = None
    """(C,)"""
    step: NDArray[np.integer] | None = None
    """(C,)"""
    order_parameter: NDArray[np.float64] | None = None
    """(C,)"""

    @cached_property
    def n_atoms(self) -> NDArray[np.int32]:
        """(C,) atoms of each."""
        return np.asarray(self.dataset["n_atoms"].to_numpy())

    @cached_property
    def energy(self) -> NDArray[np.float64] | None:
        """(C,) eV; NaN where it is not known; None without labels."""
        if "energy" in self.dataset:
            return np.asarray(self.dataset["energy"].to_numpy())
        return None

    @cached_property
    def configurations(self) -> Configurations:
        """All of them, in memory."""
        return to_configurations(self.dataset)

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """(C, 2K) see :func:`configuration_features`."""
        return configuration_features(self.configurations, self.aev)

    @cached_property
    def kernel_features(self) -> NDArray[np.float64]:
        """(C, F) see :func:`kernel_features`."""
        return kernel_features(self.configurations, self.aev)


@dataclass(frozen=True)
class Round:
    """What a method sees of one round."""

    pool: Pool
    spec: DistillSpec
    candidates: NDArray[np.int64]
    """Indices into the pool of what may be chosen, in random order."""
    chosen: NDArray[np.int64]
    """Indices of what is chosen already, in order."""
    random: np.random.Generator
    train: Callable[[], Ensemble]
    tasks: Tasks = field(default_factory=Tasks)
    """Where candidates are scored."""

    @cached_property
    def ensemble(self) -> Ensemble:
        """Networks trained on what is chosen; this takes its time."""
        return self.train()

    @cached_property
    def atomic_energies(self) -> NDArray[np.floating]:
        """(M, A) eV of the candidates' atoms, in their order."""
        candidates = self.pool.configurations.take(self.candidates)
        return np.concatenate(by_parts(Ensemble.atomic_energies, self.ensemble, candidates, self.tasks), axis=1)

    @cached_property
    def uncertainty(self) -> NDArray[np.float64]:
        """Of each candidate, eV: the largest deviation of an atomic energy in it."""
        offsets = np.concatenate([[0], np.cumsum(self.pool.n_atoms[self.candidates], dtype=np.int64)])
        return configuration_uncertainty(self.atomic_energies, offsets)


@dataclass(frozen=True)
class Picks:
    """What a round chose."""

    indices: NDArray[np.int64]
    """Into the pool, in the order of choosing."""
    reason: str
    """One of the meanings of ``selection_reason``."""
    uncertainty: NDArray[np.float64] | None = None
    """eV, where there was a model."""


def active(view: Round, budget: int) -> Picks:
    """The most uncertain candidates (arXiv 2311.05407), no two of a round close together on one trajectory."""
    walker, step = (None if x is None else x[view.candidates] for x in (view.pool.walker, view.pool.step))
    best = pick_most_uncertain(
        view.uncertainty,
        budget,
        threshold=view.spec.threshold,
        walker=walker,
        step=step,
        separation=view.spec.separation,
    )
    return Picks(view.candidates[best], "uncertainty", view.uncertainty[best])


def diverse(view: Round, budget: int) -> Picks:
    """Uncertainty times novelty: farthest points, distances multiplied by the mean uncertainty.

    Within a round each pick lowers the score of what resembles it, so that no event is chosen twice over, and what
    the model knows well is not chosen however far it lies.
    """
    features, batch = view.pool.features, view.pool.configurations.take(view.candidates)
    weight = mean_uncertainty(view.atomic_energies, batch.offsets)
    if view.spec.threshold is not None:
        weight = np.where(view.uncertainty > view.spec.threshold, weight, 0.0)
        budget = min(budget, int(np.count_nonzero(weight)))
    best = pick_farthest(features[view.candidates], features[view.chosen], budget, weight=weight)
    return Picks(view.candidates[best], "uncertainty", view.uncertainty[best])


def informative(view: Round, budget: int) -> Picks:
    """Where the networks are most uncertain, with each pick taken into account: D-optimal in their last layers."""
    features = last_layer_features(view.ensemble, view.pool.configurations, view.tasks)
    best = pick_informative(features[view.candidates], features[view.chosen], budget)
    return Picks(view.candidates[best], "diversity", view.uncertainty[best])


def random(view: Round, budget: int) -> Picks:
    """The next candidates, which are in random order."""
    return Picks(view.candidates[:budget], "random")


def random_and_optimal(view: Round, budget: int) -> Picks:
    """In turn one at random and one by D-optimal design in features of a kernel; it trains no model.

    Models with few parameters lose accuracy in the mean where a set has another distribution than the pool. The half
    at random keeps that distribution, and the other half covers what is rare.
    """
    features = view.pool.kernel_features
    best = pick_informative(features[view.candidates], features[view.chosen], budget, _RIDGE, alternate=True)
    return Picks(view.candidates[best], "diversity")


def farthest_point(view: Round, budget: int) -> Picks:
    """Farthest points by their environment vectors."""
    features = view.pool.features
    return Picks(view.candidates[pick_farthest(features[view.candidates], features[view.chosen], budget)], "diversity")


def grid(view: Round, budget: int) -> Picks:
    """An even filling of a grid over energy and order parameter, the manual distillation of arXiv 2311.05407.

    Raises
    ------
    InputError
        where the pool has no order parameters.
    """
    order, energy = view.pool.order_parameter, view.pool.energy
    if order is None or energy is None or not np.isfinite(order).all() or not np.isfinite(energy).all():
        raise InputError("expected a pool with energies and order parameters for the method 'grid'; take another one")
    coordinates = np.column_stack([energy / view.pool.n_atoms, order])
    picks = pick_from_grid(coordinates, view.candidates, view.chosen, budget, _BINS, view.random)
    return Picks(picks, "diversity")


def quests(view: Round, budget: int) -> Picks:
    """Minimum set cover by differential entropy, of the library ``quests`` (doi 10.1038/s41467-025-59232-0)."""
    from foundational.engines.quests import cover  # noqa: PLC0415 - an optional dependency

    pool = view.pool.configurations
    picks = cover(pool.take(view.candidates), pool.take(view.chosen), budget)
    return Picks(view.candidates[picks], "diversity")


METHODS: Final[dict[str, Callable[[Round, int], Picks]]] = {
    "active": active,
    "diverse": diverse,
    "informative": informative,
    "random": random,
    "random-and-optimal": random_and_optimal,
    "farthest-point": farthest_point,
    "grid": grid,
    "quests": quests,
}
#: Methods that look at no environment of an atom, so that the size of the pool hardly matters.
WITHOUT_FEATURES: Final = frozenset({"random", "grid"})
#: Methods that look at no network.
WITHOUT_NETWORKS: Final = frozenset({"random", "random-and-optimal", "farthest-point", "grid", "quests"})
