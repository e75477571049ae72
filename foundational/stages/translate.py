"""Translation: scale a set to another metal, filter what cannot be labelled, label the rest (arXiv 2311.05407)."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from ase.data import atomic_numbers
from numpy.typing import NDArray

from foundational.data.batches import to_configurations
from foundational.data.configurations import Configurations
from foundational.data.conversion import to_dataset
from foundational.data.distances import shortest_distances
from foundational.data.identity import hexadecimal
from foundational.engines.labeller import Labeller
from foundational.errors import EngineError
from foundational.specs.translation import GuardSpec
from foundational.stages.label_journal import LabelJournal
from foundational.stages.labelling import label_survivors

#: What a translated set keeps of its parent: where a configuration came from, not what its labels were.
CARRIED = ("order_parameter", "walker", "step", "selected_at", "split")
#: What a relabelled set keeps besides: its configurations are the parent's own.
OWN = ("volume", "selected_because")

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Translation:
    """A translated or relabelled set, and what was left out of it."""

    dataset: xr.Dataset
    filtered: tuple[dict[str, Any], ...]
    """One entry a configuration that was left out: its parent's id and the reason."""


def scaled(configurations: Configurations, scale: float, element: str) -> Configurations:
    """The same fractional coordinates in cells ``scale`` times as large, all atoms ``element``, without labels."""
    return replace(
        configurations,
        cell=configurations.cell * scale,
        positions=(configurations.positions.astype(np.float64) * scale).astype(np.float32),
        atomic_numbers=np.full_like(configurations.atomic_numbers, atomic_numbers[element]),
        labels=None,
    )


def translate(
    parent: xr.Dataset,
    element: str,
    scale: float,
    guard: GuardSpec,
    labeller: Labeller,
    *,
    executor: Executor | None = None,
    journal: LabelJournal | None = None,
    progress: Progress | None = None,
) -> Translation:
    """Carry ``parent`` to ``element``.

    Configurations whose scaled atoms are closer than ``scale × guard.minimum_distance`` are filtered before labelling;
    those on which the labeller fails, and those with an energy per atom more than ``guard.maximum_energy`` above the
    lowest of the set, after it.

    Parameters
    ----------
    scale
        length of the target over that of the parent, dimensionless
    labeller
        gives the target's energies, forces and stresses
    journal
        keeps labels as they come, where they are expensive

    Raises
    ------
    EngineError
        where nothing is left.
    """
    candidates = scaled(to_configurations(parent), scale, element)
    ids = hexadecimal(parent["id"].to_numpy())
    distance = shortest_distances(candidates)
    limit = scale * guard.minimum_distance
    near = {
        int(c): f"atoms {distance[c]:.3f} Å apart, less than {limit:.3f} Å" for c in np.flatnonzero(distance < limit)
    }
    kept = np.flatnonzero(distance >= limit)
    made = _labelled(
        parent, element, candidates.take(kept), kept, CARRIED, guard, labeller, executor, journal, progress
    )
    filtered = ({"parent_id": ids[c], "reason": reason} for c, reason in near.items())
    return Translation(made.dataset, (*filtered, *made.filtered))


def relabel(
    parent: xr.Dataset,
    guard: GuardSpec,
    labeller: Labeller,
    *,
    executor: Executor | None = None,
    journal: LabelJournal | None = None,
    progress: Progress | None = None,
) -> Translation:
    """The same configurations with other labels; left out are only those that `translate` leaves out after labelling.

    Raises
    ------
    EngineError
        where nothing is left.
    """
    candidates = to_configurations(parent).with_labels(None)
    rows = np.arange(len(candidates))
    element, carried = str(parent.attrs["element"]), (*CARRIED, *OWN)
    return _labelled(parent, element, candidates, rows, carried, guard, labeller, executor, journal, progress)


def _labelled(
    parent: xr.Dataset,
    element: str,
    candidates: Configurations,
    origin: NDArray[np.int64],
    carried: tuple[str, ...],
    guard: GuardSpec,
    labeller: Labeller,
    executor: Executor | None,
    journal: LabelJournal | None,
    progress: Progress | None,
) -> Translation:
    """Label ``candidates``, which come from the rows ``origin`` of the parent, and filter what is no use."""
    ids = hexadecimal(parent["id"].to_numpy())
    if not len(candidates):
        raise EngineError(f"all {len(ids)} configurations were filtered before labelling; the scale cannot be right")
    found = label_survivors(labeller, candidates, executor=executor, journal=journal, progress=progress)
    labelled = candidates.take(found.rows).with_labels(found.labels)
    origin_of_labelled = origin[found.rows]
    energy = found.labels.energy / labelled.n_atoms
    sane = energy <= energy.min() + guard.maximum_energy
    filtered = [{"parent_id": ids[origin[c]], "reason": reason} for c, reason in found.failures.items()]
    filtered += [
        {
            "parent_id": ids[origin_of_labelled[c]],
            "reason": f"{energy[c] - energy.min():.3f} eV/atom above the lowest, more than {guard.maximum_energy}",
        }
        for c in np.flatnonzero(~sane)
    ]
    rows = origin_of_labelled[sane]
    values: dict[str, NDArray[Any]] = {name: parent[name].to_numpy()[rows] for name in carried if name in parent}
    dataset = to_dataset(
        labelled.take(np.flatnonzero(sane)),
        attrs={"element": element, "labeller": labeller.id},
        parent_id=parent["id"].to_numpy()[rows],
        **values,
    )
    return Translation(dataset, tuple(filtered))
