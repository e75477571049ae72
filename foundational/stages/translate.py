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
from foundational.engines.labeller import Labeller, label_all
from foundational.errors import EngineError
from foundational.specs.translation import GuardSpec

#: What a translated set keeps of its parent: where a configuration came from, not what its labels were.
CARRIED = ("order_parameter", "walker", "step", "selected_at", "split")

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Translation:
    """A translated set, and what was left out of it."""

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
    progress: Progress | None = None,
) -> Translation:
    """Carry ``parent`` to ``element``.

    Configurations whose scaled atoms are closer than ``scale × guard.minimum_distance`` are filtered before labelling,
    those with an energy per atom more than ``guard.maximum_energy`` above the lowest of the set after it.

    Parameters
    ----------
    scale
        length of the target over that of the parent, dimensionless
    labeller
        gives the target's energies, forces and stresses

    Raises
    ------
    EngineError
        where nothing is left.
    """
    ids = hexadecimal(parent["id"].to_numpy())
    candidates = scaled(to_configurations(parent), scale, element)
    distance = shortest_distances(candidates)
    limit = scale * guard.minimum_distance
    kept = np.flatnonzero(distance >= limit)
    filtered = [
        {"parent_id": ids[c], "reason": f"atoms {distance[c]:.3f} Å apart, less than {limit:.3f} Å"}
        for c in np.flatnonzero(distance < limit)
    ]
    labelled = candidates.take(kept)
    labels = label_all(labeller, labelled, executor=executor, progress=progress)
    energy = labels.energy / labelled.n_atoms
    sane = energy <= energy.min(initial=np.inf) + guard.maximum_energy
    filtered += [
        {
            "parent_id": ids[kept[c]],
            "reason": f"{energy[c] - energy.min():.3f} eV/atom above the lowest, more than {guard.maximum_energy}",
        }
        for c in np.flatnonzero(~sane)
    ]
    if not sane.any():
        raise EngineError(f"all {len(candidates)} configurations were filtered; the scale {scale:.4f} cannot be right")
    rows = kept[sane]
    carried: dict[str, NDArray[Any]] = {name: parent[name].to_numpy()[rows] for name in CARRIED if name in parent}
    dataset = to_dataset(
        labelled.with_labels(labels).take(np.flatnonzero(sane)),
        attrs={"element": element, "labeller": labeller.id},
        parent_id=parent["id"].to_numpy()[rows],
        **carried,
    )
    return Translation(dataset, tuple(filtered))
