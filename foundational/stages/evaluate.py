"""Errors of a model on labelled configurations, and what its uncertainty is worth."""

from collections.abc import Callable, Iterator

import numpy as np
import xarray as xr

from foundational.data.batches import iterate_batches
from foundational.data.configurations import Configurations
from foundational.engines.labeller import Labeller, label_all
from foundational.errors import InputError
from foundational.science.metrics import energy_errors, force_errors, stress_errors

Progress = Callable[[int, int, str], None]


def evaluate(
    model: Labeller, data: Configurations | xr.Dataset, *, progress: Progress | None = None
) -> dict[str, float]:
    """Energy, force and stress errors of ``model`` on all of ``data``; a lazy dataset is read piece by piece.

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
    total = len(data) if isinstance(data, Configurations) else int(data.sizes["configuration"])
    n_atoms, pairs = [], []
    done = 0
    for batch in _batches(data):
        if batch.labels is None:
            raise InputError(
                "expected labelled configurations to evaluate on, got some without labels; label them first"
            )
        start = done

        def report(part: int, _: int, message: str, start: int = start) -> None:
            if progress is not None:
                progress(start + part, total, message)

        found = label_all(model, batch, progress=report)
        pairs.append((found, batch.labels))
        n_atoms.append(batch.n_atoms)
        done += len(batch)
    if not done:
        raise InputError("expected at least one configuration to evaluate on, got none")
    energy, forces, stress = (
        [np.concatenate([getattr(pair[side], name) for pair in pairs]) for side in (0, 1)]
        for name in ("energy", "forces", "stress")
    )
    errors = {**energy_errors(*energy, np.concatenate(n_atoms)), **force_errors(*forces)}
    if np.isfinite(stress[1]).all():
        errors |= stress_errors(*stress)
    return errors


def _batches(data: Configurations | xr.Dataset) -> Iterator[Configurations]:
    if isinstance(data, Configurations):
        yield data
    else:
        for _, batch in iterate_batches(data):
            yield batch
