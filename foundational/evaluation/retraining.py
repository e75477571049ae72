"""Retraining: networks trained on the training split of a dataset, in the one way in which validation trains them."""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import to_configurations
from foundational.data.configurations import Configurations, concatenate
from foundational.data.labeller import Labeller
from foundational.data.splits import TRAIN
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.terms.short_range import fit_short_range
from foundational.engines.ani.training import train
from foundational.engines.crystals.references import ReferenceCrystals
from foundational.errors import InputError
from foundational.evaluation.member_training import train_members
from foundational.evaluation.unseen_elements import composed_configurations, unseen_groups
from foundational.execution.tasks import Tasks
from foundational.progress import Progress
from foundational.specs.ani import AniSpec


@dataclass(frozen=True)
class EvaluationPlan:
    """How the networks of an evaluation are trained, and with which crystals they are compared."""

    settings: AniSpec
    """ANI settings, their lengths scaled to the metal."""
    reference: ReferenceCrystals
    """Relaxed crystals of the method that labelled the data."""
    tie: float
    """Reference gap below which two crystals tie, eV/atom."""
    seed: int
    """Root of all random streams, each derived from it by name."""


def volume_per_atom(dataset: xr.Dataset) -> float:
    """Å³, by which the lengths of environments are scaled: the attribute of that name.

    Raises
    ------
    InputError
        If the dataset does not have it, since no configuration has two atoms.
    """
    if "volume_per_atom" not in dataset.attrs:
        raise InputError(
            "expected configurations of two or more atoms, from whose volumes or distances the lengths of environments "
            "follow, got a dataset without the attribute volume_per_atom (Å³)"
        )
    return float(dataset.attrs["volume_per_atom"])


def training_rows(dataset: xr.Dataset) -> NDArray[np.int64]:
    """(n,) rows of the training split, ascending; all rows where the dataset has no split.

    Raises
    ------
    InputError
        Several methods gave the labels: their energies have other zeros.
    """
    if "method" in dataset and len(np.unique(dataset["method"].to_numpy())) > 1:
        names = ", ".join(str(method["id"]) for method in dataset.attrs.get("methods", ())) or "not named"
        raise InputError(
            f"expected labels of one method to train on, got several ({names}); train on a set of one of them, or "
            "export all with foundational export NAME --for mace --heads"
        )
    if "split" not in dataset:
        return np.arange(dataset.sizes["configuration"])
    return np.flatnonzero(dataset["split"].to_numpy() == TRAIN)


def untrained_rows(dataset: xr.Dataset, trained: Collection[bytes]) -> NDArray[np.int64]:
    """(n,) rows of ``dataset`` whose ids, 16 bytes each, are not among ``trained``, ascending."""
    return np.flatnonzero([row.tobytes() not in trained for row in dataset["id"].to_numpy()])


def with_short_range(ensemble: Ensemble, trained: Configurations, labeller: Labeller | None) -> Ensemble:
    """The networks with the terms that hold where their training data ``trained`` end; the metadata say which.

    Parameters
    ----------
    labeller
        What may be asked for the energies of pairs of atoms; None: the repulsion is ZBL's.
    """
    cutoff = ensemble.aev.radial.cutoff
    added = fit_short_range(trained, ensemble.elements, cutoff, labeller, ensemble.pair_potential)
    stated = {"short_range": json.dumps(added.record(ensemble.elements), sort_keys=True)}
    return replace(ensemble, short_range=added, metadata=ensemble.metadata | stated)


def retrain(
    data: xr.Dataset | Configurations,
    settings: AniSpec,
    members: int,
    seed: int,
    *,
    memory: int | None = None,
    device: str = "cpu",
    tasks: Tasks | None = None,
    progress: Progress | None = None,
) -> Ensemble:
    """Train ``members`` networks, each on every training row of ``data``.

    Where three of its elements are never together in a configuration, networks train twice: the second time also on
    configurations of three and four elements, whose labels follow from what the first networks give to one and two
    (`composed_configurations`).

    Parameters
    ----------
    data
        Labelled configurations. Of a dataset with a split only the training part is used; of `Configurations` all.
    settings
        ANI settings for this metal; their own number of members is not used.
    seed
        Of the first weights and of the order of configurations; each member derives its own from it.
    memory
        Bytes for cached derivatives; changes no result.
    device
        ``cpu``, or a device of torch such as ``cuda``.
    tasks
        Where networks train on CPUs, each as a task; None: here, all at once.

    Raises
    ------
    InputError
        where labels are missing or not finite.
    """
    if isinstance(data, Configurations):
        configurations, rows = data, np.arange(len(data))
    else:
        configurations, rows = to_configurations(data), training_rows(data)
    settings = settings.model_copy(update={"members": members})

    unseen = unseen_groups(configurations.take(rows))
    passes = 2 if unseen else 1

    def trained(batch: Configurations, rows: NDArray[np.int64], number: int) -> Ensemble:
        sets, shown = [rows] * members, _of_passes(progress, number, passes)
        if device == "cpu":
            return train_members(settings, batch, sets, seed, tasks, memory=memory, progress=shown)
        return train(settings, batch, sets, seed, memory=memory, device=device, progress=shown)

    first = trained(configurations, rows, 0)
    if not unseen:
        return first
    more = composed_configurations(configurations.take(rows), unseen, first, seed)
    both = concatenate([configurations, more])
    second = trained(both, np.concatenate([rows, np.arange(len(configurations), len(both))]), 1)
    names = ("training_data", "training_configurations")
    stated = {name: first.metadata[name] for name in names} | {"composed_configurations": str(len(more))}
    return replace(second, metadata=second.metadata | stated)


def _of_passes(progress: Progress | None, number: int, passes: int) -> Progress | None:
    """``progress`` of pass ``number`` of several that take as long as each other."""
    if progress is None or passes == 1:
        return progress
    shown = progress

    def report(done: int, total: int, message: str) -> None:
        shown(number * total + done, passes * total, message)

    return report
