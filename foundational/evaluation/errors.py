"""Errors of a model on labelled configurations, and what its uncertainty is worth."""

from collections.abc import Iterator

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import iterate_batches
from foundational.data.configurations import Configurations, Labels
from foundational.data.labeller import Model
from foundational.engines.ani.ensemble import Ensemble
from foundational.errors import InputError
from foundational.labelling.batches import label_all
from foundational.progress import Progress
from foundational.science.calibration import calibration
from foundational.science.error_metrics import energy_errors, force_errors, stress_errors
from foundational.science.picking import configuration_uncertainty


def evaluate(model: Model, data: Configurations | xr.Dataset, *, progress: Progress | None = None) -> dict[str, float]:
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
    n_atoms: list[NDArray[np.int32]] = []
    pairs: list[tuple[Labels, Labels]] = []
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
    energy, forces, stress = (_both(pairs, name) for name in ("energy", "forces", "stress"))
    errors = {**energy_errors(*energy, np.concatenate(n_atoms)), **force_errors(*forces)}
    if np.isfinite(stress[1]).all():
        errors |= stress_errors(*stress)
    return errors


def calibrate(
    ensemble: Ensemble, data: Configurations | xr.Dataset, *, progress: Progress | None = None
) -> dict[str, dict[str, float | None]]:
    """What the deviation between members is worth on ``data``, which nothing was trained on.

    Returns
    -------
    dict
        :func:`calibration` of ``energy`` (deviation and error of the energy per atom), ``atom`` (the largest deviation
        of an atomic energy, by which distillation chooses, against that error) and ``force`` (of all components).

    Raises
    ------
    InputError
        where there is only one member, or no labels.
    """
    if ensemble.members < 2:
        raise InputError("expected an ensemble of at least two members to calibrate, got one; train more members")
    parts: dict[str, list[NDArray[np.floating]]] = {name: [] for name in ("energy", "atom", "error", "force", "wrong")}
    for batch in _batches(data):
        if batch.labels is None:
            raise InputError("expected labelled configurations to calibrate on, got some without labels")
        found = ensemble.predict(batch, progress=progress)
        assert found.forces is not None
        parts["energy"].append(found.energy.std(axis=0, ddof=1) / batch.n_atoms)
        parts["error"].append((found.energy.mean(axis=0) - batch.labels.energy) / batch.n_atoms)
        parts["atom"].append(configuration_uncertainty(found.atomic_energies, batch.offsets))
        parts["force"].append(found.forces.std(axis=0, ddof=1).ravel())
        parts["wrong"].append((found.forces.mean(axis=0) - batch.labels.forces).ravel())
    joined = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    return {
        "energy": calibration(joined["energy"], joined["error"]),
        "atom": calibration(joined["atom"], joined["error"]),
        "force": calibration(joined["force"], joined["wrong"]),
    }


def _batches(data: Configurations | xr.Dataset) -> Iterator[Configurations]:
    if isinstance(data, Configurations):
        yield data
    else:
        for _, batch in iterate_batches(data):
            yield batch


def _both(pairs: list[tuple[Labels, Labels]], name: str) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """One label of all batches: predicted, reference."""
    found, reference = (np.concatenate([getattr(pair[side], name) for pair in pairs]) for side in (0, 1))
    return found, reference
