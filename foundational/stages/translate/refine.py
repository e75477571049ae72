"""Augmentation: a translated set and the configurations of the target on which its networks are most uncertain."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import to_configurations
from foundational.data.configurations import concatenate
from foundational.data.conversion import to_dataset
from foundational.engines.ani.last_layer import last_layer_features
from foundational.errors import InputError
from foundational.evaluation.retraining import retrain
from foundational.labelling.candidates import Excluded
from foundational.labelling.session import LabellingSession
from foundational.science.picking import configuration_uncertainty, pick_informative
from foundational.specs.params import AniSettings


@dataclass(frozen=True, eq=False)
class Augmentation:
    """Configurations of the target to add to a translated set."""

    pool: xr.Dataset
    """Where they come from: configurations of the target, whose labels are not used."""
    count: int
    """At most this many are added."""
    settings: AniSettings
    """Of the ensemble whose uncertainty decides; its lengths are scaled to the target."""
    seed: int
    """Of that ensemble."""


@dataclass(frozen=True)
class AugmentedSet:
    """The translated set with what was added to it."""

    dataset: xr.Dataset
    added: int
    excluded: tuple[Excluded, ...]
    """Chosen configurations on which the labeller failed, by their ids in the pool."""


def add_target_configurations(
    dataset: xr.Dataset, augmentation: Augmentation, session: LabellingSession
) -> AugmentedSet:
    """Add configurations of the target to ``dataset``; all of them are for training.

    An ensemble is trained on the set. The configurations with the highest posterior variance of its last layers are
    added, each pick taken into account at once (`pick_informative`); their uncertainty is recorded.

    Raises
    ------
    InputError
        If the pool is of another element.
    """
    pool, element = augmentation.pool, dataset.attrs["element"]
    if pool.attrs["element"] != element:
        raise InputError(f"expected a pool of {element} to refine with, got one of {pool.attrs['element']}")
    ani = augmentation.settings.scaled("recipe", float(dataset.attrs["volume_per_atom"]))
    translated, candidates = to_configurations(dataset), to_configurations(pool).with_labels(None)
    ensemble = retrain(dataset, ani, ani.members, augmentation.seed, progress=session.progress)
    features = last_layer_features(ensemble, concatenate([candidates, translated.with_labels(None)]))
    picks = pick_informative(features[: len(candidates)], features[len(candidates) :], augmentation.count)
    uncertainty = configuration_uncertainty(ensemble.atomic_energies(candidates), candidates.offsets)
    survivors = session.label_survivors(candidates.take(picks))
    added = picks[survivors.rows]
    excluded = tuple(
        Excluded(bytes(pool["id"].to_numpy()[picks[c]]).hex(), reason) for c, reason in survivors.failures.items()
    )
    attrs = {name: dataset.attrs[name] for name in ("element", "labeller", "volume_per_atom")}
    augmented = to_dataset(
        concatenate([translated, candidates.take(added).with_labels(survivors.labels)]),
        attrs=attrs,
        **_columns(dataset, pool, added, uncertainty[added]),
    )
    return AugmentedSet(augmented, len(added), excluded)


def _columns(
    dataset: xr.Dataset, pool: xr.Dataset, picks: NDArray[np.int64], uncertainty: NDArray[np.float64]
) -> dict[str, NDArray[Any]]:
    """Variables of the set, continued over what was added; walkers of the pool follow those of the set."""
    n, added = dataset.sizes["configuration"], len(picks)
    walkers = int(dataset["walker"].to_numpy().max()) + 1 if "walker" in dataset else 0
    rounds = int(dataset["selection_round"].to_numpy().max()) + 1 if "selection_round" in dataset else 0
    new: dict[str, NDArray[Any]] = {
        "parent_id": pool["id"].to_numpy()[picks],
        "selection_round": np.full(added, rounds),
        "split": np.zeros(added, np.int8),
        "transformed_to": np.zeros(added, np.int8),
    }
    new |= {name: pool[name].to_numpy()[picks] for name in ("order_parameter", "step") if name in pool}
    if "walker" in pool:
        new["walker"] = pool["walker"].to_numpy()[picks] + walkers
    columns = {name: np.concatenate([dataset[name].to_numpy(), new[name]]) for name in new if name in dataset}
    columns["uncertainty"] = np.concatenate([np.full(n, np.nan), uncertainty])
    return columns
