"""Refinement: a translated set and the few configurations of the target itself that its networks know least of."""

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
from foundational.labelling.session import LabellingSession
from foundational.science.picking import configuration_uncertainty, pick_informative
from foundational.specs.ani import AniSpec


@dataclass(frozen=True)
class Refinement:
    """The refined set, and what was added to it."""

    dataset: xr.Dataset
    added: int
    failures: tuple[dict[str, Any], ...]
    """The pool's ids of those chosen on which the labeller failed, and its reasons."""


def refine(
    dataset: xr.Dataset,
    pool: xr.Dataset,
    count: int,
    session: LabellingSession,
    ani: AniSpec,
    seed: int,
) -> Refinement:
    """Add at most ``count`` configurations of ``pool`` to ``dataset``; all of them are for training.

    An ensemble is trained on the set. The picks are those of which its last layers know least, each pick taken into
    account at once (`pick_informative`); their uncertainty is recorded.

    Parameters
    ----------
    pool
        Configurations of the same element; their labels are not used.
    ani
        Settings for the target.

    Raises
    ------
    InputError
        If the pool is of another element.
    """
    element = dataset.attrs["element"]
    if pool.attrs["element"] != element:
        raise InputError(f"expected a pool of {element} to refine with, got one of {pool.attrs['element']}")
    known, candidates = to_configurations(dataset), to_configurations(pool).with_labels(None)
    ensemble = retrain(dataset, ani, ani.members, seed, progress=session.progress)
    features = last_layer_features(ensemble, concatenate([candidates, known.with_labels(None)]))
    picks = pick_informative(features[: len(candidates)], features[len(candidates) :], count)
    uncertainty = configuration_uncertainty(ensemble.atomic_energies(candidates), candidates.offsets)
    found = session.label_survivors(candidates.take(picks))
    picks_kept = picks[found.rows]
    chosen = candidates.take(picks_kept).with_labels(found.labels)
    failures = tuple(
        {"parent_id": bytes(pool["id"].to_numpy()[picks[c]]).hex(), "reason": reason}
        for c, reason in found.failures.items()
    )
    columns = _columns(dataset, pool, picks_kept, uncertainty[picks_kept])
    attrs = {name: dataset.attrs[name] for name in ("element", "labeller", "volume_per_atom") if name in dataset.attrs}
    return Refinement(to_dataset(concatenate([known, chosen]), attrs=attrs, **columns), len(picks_kept), failures)


def _columns(
    dataset: xr.Dataset, pool: xr.Dataset, picks: NDArray[np.int64], uncertainty: NDArray[np.float64]
) -> dict[str, NDArray[Any]]:
    """Variables of the set, going on over what was added; walkers of the pool are counted after those of the set."""
    n, added = dataset.sizes["configuration"], len(picks)
    walkers = int(dataset["walker"].to_numpy().max()) + 1 if "walker" in dataset else 0
    rounds = int(dataset["selected_at"].to_numpy().max()) + 1 if "selected_at" in dataset else 0
    new: dict[str, NDArray[Any]] = {
        "parent_id": pool["id"].to_numpy()[picks],
        "selected_at": np.full(added, rounds),
        "split": np.zeros(added, np.int8),
        "turned_into": np.zeros(added, np.int8),
    }
    new |= {name: pool[name].to_numpy()[picks] for name in ("order_parameter", "step") if name in pool}
    if "walker" in pool:
        new["walker"] = pool["walker"].to_numpy()[picks] + walkers
    columns = {name: np.concatenate([dataset[name].to_numpy(), new[name]]) for name in new if name in dataset}
    columns["uncertainty"] = np.concatenate([np.full(n, np.nan), uncertainty])
    return columns
