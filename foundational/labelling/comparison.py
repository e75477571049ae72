"""Stored labels compared with those that a labeller computes now."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foundational.data.batches import to_configurations
from foundational.data.configurations import Configurations, Labels, concatenate
from foundational.data.labeller import Model
from foundational.data.layout import VARIABLES
from foundational.data.store import open_store
from foundational.errors import InputError
from foundational.specs.base import Spec

#: Largest difference that is rounding: an energy per atom, a force, a stress, in the units of the layout. Forces are
#: stored in float32; other builds of a program differ by less than this, other methods by much more.
_TOLERANCES: Final = {"energy": 1e-6, "forces": 1e-4, "stress": 1e-6}


class LabelComparison(Spec):
    """Largest differences between stored labels and those that the labeller gives now."""

    labeller: str
    configurations: int
    """How many were labelled again."""
    energy_eV_per_atom: float  # noqa: N815 - the unit's own spelling
    forces_eV_per_A: float  # noqa: N815
    stress_eV_per_A3: float  # noqa: N815
    problems: tuple[str, ...]
    """Each label that differs by more than rounding."""

    @property
    def ok(self) -> bool:
        """Whether no label differs by more than rounding."""
        return not self.problems


def compare_labels(
    store: Path, model: Model, count: int, recipes: Mapping[str, Model] | None = None
) -> LabelComparison:
    """Labels of ``count`` stored configurations, spread evenly, compared with those of ``model``.

    Parameters
    ----------
    recipes
        What labels the configurations of a recipe, where that is not ``model``.

    Raises
    ------
    InputError
        If the store has no labels.
    """
    dataset = open_store(store)
    total = dataset.sizes["configuration"]
    rows = np.arange(total)
    if "method" in dataset:  # the labels of earlier methods were kept
        rows = np.flatnonzero(dataset["method"].to_numpy() == dataset["method"].to_numpy().max())
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(np.int64))]
    stored = to_configurations(dataset, chosen)
    if stored.labels is None:
        raise InputError(f"{store}: the dataset has no labels to compare")
    if recipes and "recipe" in dataset:
        labels = _labelled(stored.with_labels(None), model, dataset["recipe"].to_numpy()[chosen], recipes)
    else:
        labels = model.label(stored.with_labels(None))
    problems, largest = [], {}
    owner = stored.configuration_of_atom
    for name, tolerance in _TOLERANCES.items():
        difference = np.abs(np.asarray(getattr(labels, name), dtype=np.float64) - getattr(stored.labels, name))
        worst = np.zeros(len(stored))
        rows = owner if name == "forces" else np.arange(len(stored))
        np.maximum.at(worst, rows, difference.reshape(len(difference), -1).max(axis=1))
        worst /= stored.n_atoms if name == "energy" else 1
        largest[name] = float(worst.max(initial=0.0))
        problems += [
            f"{name} of configuration {chosen[row]} differs by {worst[row]:.3g} from what the labeller gives, "
            f"more than {tolerance:g}"
            for row in np.flatnonzero(~(worst <= tolerance))
        ]
    return LabelComparison(
        labeller=model.id,
        configurations=len(stored),
        energy_eV_per_atom=largest["energy"],
        forces_eV_per_A=largest["forces"],
        stress_eV_per_A3=largest["stress"],
        problems=tuple(problems),
    )


def _labelled(
    configurations: Configurations, model: Model, codes: NDArray[np.int8], recipes: Mapping[str, Model]
) -> Labels:
    """Labels of all configurations, those of each recipe by its own model, where it has one."""
    groups = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    parts = []
    for rows in groups:
        alone = configurations.take(rows)
        name = VARIABLES["recipe"].meanings[codes[rows[0]]]
        parts.append(alone.with_labels(recipes.get(name, model).label(alone)))
    labels = concatenate(parts).take(np.argsort(np.concatenate(groups))).labels
    assert labels is not None
    return labels
