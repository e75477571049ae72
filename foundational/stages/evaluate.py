"""Errors of a model on labelled configurations."""

from collections.abc import Callable

import numpy as np

from foundational.data.configurations import Configurations
from foundational.engines.labeller import Labeller, label_all
from foundational.errors import InputError
from foundational.science.metrics import energy_errors, force_errors, stress_errors

Progress = Callable[[int, int, str], None]


def evaluate(model: Labeller, configurations: Configurations, *, progress: Progress | None = None) -> dict[str, float]:
    """Energy, force and stress errors of ``model`` on all of ``configurations``, which it takes piece by piece.

    Returns
    -------
    dict
        ``mae_meV_per_atom``, ``mae_shifted_meV_per_atom`` (mean offset removed), ``rmse_…``, ``p99_…``, ``max_…``,
        ``mean_error_…``; ``force_mae_meV_per_A``, ``force_rmse_meV_per_A``; ``stress_mae_meV_per_A3`` where the
        reference has stresses.

    Raises
    ------
    InputError
        where there are no configurations or no labels.
    """
    reference = configurations.labels
    if reference is None or not len(configurations):
        raise InputError("expected labelled configurations to evaluate on, got none; label them first")
    found = label_all(model, configurations, progress=progress)
    errors = {
        **energy_errors(found.energy, reference.energy, configurations.n_atoms),
        **force_errors(found.forces, reference.forces),
    }
    if np.isfinite(reference.stress).all():
        errors |= stress_errors(found.stress, reference.stress)
    return errors
