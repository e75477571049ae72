"""Errors of models on labelled configurations, and how their uncertainty relates to those errors."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import iterate_batches
from foundational.data.configurations import Configurations, Labels
from foundational.data.labeller import Model
from foundational.engines.ani.ensemble import Ensemble
from foundational.errors import InputError
from foundational.evaluation.report import Report
from foundational.labelling.batches import label_all
from foundational.progress import Progress
from foundational.science.calibration import calibration
from foundational.science.error_metrics import EnergyErrors, ForceErrors, energy_errors, force_errors, stress_error
from foundational.science.picking import configuration_uncertainty
from foundational.units import MEV


@dataclass(frozen=True)
class ModelErrors(ForceErrors, EnergyErrors):
    """Errors of one model."""

    stress_mae_meV_per_A3: float | None = None  # noqa: N815 - the unit's own spelling
    """None where the reference has no stresses."""

    def as_dict(self) -> dict[str, float]:
        """The errors by name, without those that are unknown."""
        return {name: value for name, value in asdict(self).items() if value is not None}


class EnergyErrorTable(Report):
    """Errors of the energy per atom, of each network, meV/atom."""

    mae_meV: tuple[float, ...]  # noqa: N815
    mae_shifted_meV: tuple[float, ...]  # noqa: N815
    """After each network's mean signed error is removed."""
    p99_meV: tuple[float, ...]  # noqa: N815
    """99th percentile of the absolute error."""
    max_meV: tuple[float, ...]  # noqa: N815


def error_table(predicted: NDArray[np.float64], energy_per_atom: NDArray[np.float64]) -> EnergyErrorTable:
    """Errors of M networks, from predicted (M, C) and reference (C,) energies per atom in eV."""
    error = (predicted - energy_per_atom) * MEV
    size = np.abs(error)
    return EnergyErrorTable(
        mae_meV=tuple(size.mean(axis=1).tolist()),
        mae_shifted_meV=tuple(np.abs(error - error.mean(axis=1, keepdims=True)).mean(axis=1).tolist()),
        p99_meV=tuple(np.quantile(size, 0.99, axis=1).tolist()),
        max_meV=tuple(size.max(axis=1).tolist()),
    )


def evaluate(model: Model, data: Configurations | xr.Dataset, *, progress: Progress | None = None) -> ModelErrors:
    """Energy, force and stress errors of ``model`` on all of ``data``; a lazy dataset is read piece by piece.

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

        labels = label_all(model, batch, progress=report)
        pairs.append((labels, batch.labels))
        n_atoms.append(batch.n_atoms)
        done += len(batch)
    if not done:
        raise InputError("expected at least one configuration to evaluate on, got none")
    energy, forces, stress = (_joined(pairs, name) for name in ("energy", "forces", "stress"))
    return ModelErrors(
        **asdict(energy_errors(*energy, np.concatenate(n_atoms))),
        **asdict(force_errors(*forces)),
        stress_mae_meV_per_A3=stress_error(*stress) if np.isfinite(stress[1]).all() else None,
    )


def calibrate(
    ensemble: Ensemble, data: Configurations | xr.Dataset, *, progress: Progress | None = None
) -> dict[str, dict[str, float | None]]:
    """Calibrate the deviation between members on ``data``, on which nothing was trained.

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
        predicted = ensemble.predict(batch, progress=progress)
        assert predicted.forces is not None
        parts["energy"].append(predicted.energy.std(axis=0, ddof=1) / batch.n_atoms)
        parts["error"].append((predicted.energy.mean(axis=0) - batch.labels.energy) / batch.n_atoms)
        parts["atom"].append(configuration_uncertainty(predicted.atomic_energies, batch.offsets))
        parts["force"].append(predicted.forces.std(axis=0, ddof=1).ravel())
        parts["wrong"].append((predicted.forces.mean(axis=0) - batch.labels.forces).ravel())
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


def _joined(pairs: list[tuple[Labels, Labels]], name: str) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """One label of all batches: predicted, reference."""
    predicted, reference = (np.concatenate([getattr(pair[side], name) for pair in pairs]) for side in (0, 1))
    return predicted, reference
