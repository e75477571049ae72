"""Errors of models on labelled configurations, and how their uncertainty relates to those errors."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr
from ase.data import chemical_symbols
from numpy.typing import NDArray

from foundational.data.batches import iterate_batches
from foundational.data.configurations import Configurations, Labels, concatenate, joined_labels
from foundational.data.labeller import Model
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.extrapolation import energy_uncertainty
from foundational.errors import InputError
from foundational.evaluation.report import Report
from foundational.labelling.batches import label_all
from foundational.progress import Progress
from foundational.science.calibration import calibration
from foundational.science.error_metrics import ForceErrors, energy_errors, force_errors, stress_error
from foundational.science.picking import configuration_uncertainty
from foundational.units import MEV


@dataclass(frozen=True)
class ModelErrors:
    """Errors of one model over the labels that are known; None where no label of a kind is."""

    mae_meV_per_atom: float | None = None  # noqa: N815 - the unit's own spelling
    mae_shifted_meV_per_atom: float | None = None  # noqa: N815
    """Mean absolute error after the mean signed error is removed; blind to a wrong constant."""
    rmse_meV_per_atom: float | None = None  # noqa: N815
    p99_meV_per_atom: float | None = None  # noqa: N815
    """99th percentile of the absolute error."""
    max_meV_per_atom: float | None = None  # noqa: N815
    mean_error_meV_per_atom: float | None = None  # noqa: N815
    force_mae_meV_per_A: float | None = None  # noqa: N815
    force_rmse_meV_per_A: float | None = None  # noqa: N815
    stress_mae_meV_per_A3: float | None = None  # noqa: N815
    configurations: int = 0
    energies: int = 0
    """Configurations whose energy is known."""
    forces: int = 0
    """Configurations whose forces are known."""
    stresses: int = 0
    """Configurations whose stress is known, by the reference and by the model."""
    estimated_error_meV_per_atom: float | None = None  # noqa: N815
    """Root mean square of the error of the energy that the model estimates; of an ensemble only."""
    outside_of_training_data: int | None = None
    """Configurations with an atom that is farther from the training data than any atom of these."""
    by_composition: dict[str, "ModelErrors"] = field(default_factory=dict)
    """Where there are several compositions: the errors of each, by its formula such as ``AlNi3``."""
    by_element: dict[str, ForceErrors] = field(default_factory=dict)
    """Where there are several elements: the errors of the forces on the atoms of each."""

    def as_dict(self) -> dict[str, Any]:
        """The errors by name, without those that are unknown."""
        return _known(asdict(self))


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


def evaluate(
    model: Model,
    data: Configurations | xr.Dataset,
    *,
    seen: Callable[[Configurations, Labels], None] | None = None,
    progress: Progress | None = None,
) -> ModelErrors:
    """Energy, force and stress errors of ``model`` on all of ``data``; a lazy dataset is read piece by piece.

    Labels that are not known are not compared. ``seen`` gets each batch with the labels of the model, for a picture.

    Raises
    ------
    InputError
        where there are no configurations or no labels.
    """
    total = len(data) if isinstance(data, Configurations) else int(data.sizes["configuration"])
    cells: list[Configurations] = []
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
        if seen is not None:
            seen(batch, labels)
        pairs.append((labels, batch.labels))
        cells.append(batch.with_labels(None))
        done += len(batch)
    if not done:
        raise InputError("expected at least one configuration to evaluate on, got none")
    predicted, reference = (joined_labels([_bare(pair[side]) for pair in pairs]) for side in (0, 1))
    errors = compare(concatenate(cells), predicted, reference)
    if not isinstance(model, Ensemble) or model.extrapolation is None:
        return errors
    estimated, outside = energy_uncertainty(model, concatenate(cells))
    size = estimated / concatenate(cells).n_atoms * MEV
    return replace(
        errors,
        estimated_error_meV_per_atom=float(np.sqrt(np.mean(size**2))) if model.members > 1 else None,
        outside_of_training_data=int(outside.sum()),
    )


def compare(configurations: Configurations, predicted: Labels, reference: Labels) -> ModelErrors:
    """Errors of ``predicted`` against ``reference`` labels of ``configurations``, over all and by composition.

    Raises
    ------
    InputError
        If no label is known that could be compared.
    """
    whole = _errors(configurations, predicted, reference)
    if not whole.energies + whole.forces + whole.stresses:
        raise InputError("expected labelled configurations to evaluate on, got none with a known label")
    compositions = formulas(configurations)
    names = sorted(set(compositions))
    groups = {name: np.flatnonzero([c == name for c in compositions]) for name in names} if len(names) > 1 else {}
    of_model, of_reference = configurations.with_labels(predicted), configurations.with_labels(reference)
    by_composition = {}
    for name, rows in groups.items():
        model, truth = of_model.take(rows), of_reference.take(rows)
        assert model.labels is not None
        assert truth.labels is not None
        by_composition[name] = _errors(truth, model.labels, truth.labels)
    elements = np.unique(configurations.atomic_numbers)
    by_element = {}
    known = np.isfinite(reference.forces).all(axis=1)
    for z in elements.tolist() if len(elements) > 1 else ():
        atoms = known & (configurations.atomic_numbers == z)
        if atoms.any():
            by_element[chemical_symbols[z]] = force_errors(predicted.forces[atoms], reference.forces[atoms])
    return replace(whole, by_composition=by_composition, by_element=by_element)


def formulas(configurations: Configurations) -> list[str]:
    """The reduced formula of each configuration, elements by symbol, such as ``AlNi3``.

    >>> numbers = np.array([28, 28, 28, 13, 28, 28], dtype=np.uint8)
    >>> cells, positions = np.tile(np.eye(3), (2, 1, 1)), np.zeros((6, 3), np.float32)
    >>> formulas(Configurations(np.array([4, 2], np.int32), cells, np.ones((2, 3), bool), numbers, positions))
    ['AlNi3', 'Ni']
    """
    elements = np.unique(configurations.atomic_numbers)
    counts = np.zeros((len(configurations), len(elements)), dtype=np.int64)
    place = np.searchsorted(elements, configurations.atomic_numbers)
    np.add.at(counts, (configurations.configuration_of_atom, place), 1)
    reduced = counts // np.gcd.reduce(counts, axis=1)[:, None]
    kinds, which = np.unique(reduced, axis=0, return_inverse=True)
    symbols = [chemical_symbols[z] for z in elements.tolist()]
    names = []
    for row in kinds.tolist():
        parts = sorted((symbol, n) for symbol, n in zip(symbols, row, strict=True) if n)
        names.append("".join(symbol + (str(n) if n > 1 else "") for symbol, n in parts))
    return [names[k] for k in which.ravel().tolist()]


def mean_errors(errors: Sequence[ModelErrors], names: Sequence[str]) -> dict[str, float]:
    """The mean over networks of each error of ``names`` that all of them have."""
    found = {name: [getattr(e, name) for e in errors] for name in names}
    return {name: float(np.mean(values)) for name, values in found.items() if values and None not in values}


def _errors(configurations: Configurations, predicted: Labels, reference: Labels) -> ModelErrors:
    """Errors over what is known of all ``configurations`` together."""
    energy = np.isfinite(reference.energy)
    atoms = np.isfinite(reference.forces).all(axis=1)
    stress = np.isfinite(reference.stress).all(axis=(1, 2)) & np.isfinite(predicted.stress).all(axis=(1, 2))
    found: dict[str, Any] = {}
    if energy.any():
        found |= asdict(
            energy_errors(predicted.energy[energy], reference.energy[energy], configurations.n_atoms[energy])
        )
    if atoms.any():
        found |= asdict(force_errors(predicted.forces[atoms], reference.forces[atoms]))
    if stress.any():
        found["stress_mae_meV_per_A3"] = stress_error(predicted.stress[stress], reference.stress[stress])
    return ModelErrors(
        **found,
        configurations=len(configurations),
        energies=int(energy.sum()),
        forces=int(np.logical_or.reduceat(atoms, configurations.offsets[:-1]).sum()),
        stresses=int(stress.sum()),
    )


def _bare(labels: Labels) -> Labels:
    return replace(labels, atomic_energies=None)


def _known(values: dict[str, Any]) -> dict[str, Any]:
    """Without what is None or empty, at every level."""
    bare = {name: _known(value) if isinstance(value, dict) else value for name, value in values.items()}
    return {name: value for name, value in bare.items() if value is not None and value != {}}


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
        where there is only one member, or no energies or forces.
    """
    if ensemble.members < 2:
        raise InputError("expected an ensemble of at least two members to calibrate, got one; train more members")
    parts: dict[str, list[NDArray[np.floating]]] = {name: [] for name in ("energy", "atom", "error", "force", "wrong")}
    for batch in _batches(data):
        if batch.labels is None:
            raise InputError("expected labelled configurations to calibrate on, got some without labels")
        predicted = ensemble.predict(batch, progress=progress)
        assert predicted.forces is not None
        energy, atoms = np.isfinite(batch.labels.energy), np.isfinite(batch.labels.forces).all(axis=1)
        error = (predicted.energy.mean(axis=0) - batch.labels.energy) / batch.n_atoms
        parts["energy"].append((predicted.energy.std(axis=0, ddof=1) / batch.n_atoms)[energy])
        parts["error"].append(error[energy])
        parts["atom"].append(configuration_uncertainty(predicted.atomic_energies, batch.offsets)[energy])
        parts["force"].append(predicted.forces.std(axis=0, ddof=1)[atoms].ravel())
        parts["wrong"].append((predicted.forces.mean(axis=0) - batch.labels.forces)[atoms].ravel())
    joined = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    if missing := [label for label, name in (("energies", "error"), ("forces", "wrong")) if not len(joined[name])]:
        raise InputError(f"expected configurations with energies and forces to calibrate on, got no {missing[0]}")
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


#: Compositions in the table of a report; JSON has all.
_SHOWN = 12


def lines_of(errors: ModelErrors) -> Iterator[str]:
    """The errors and counts as a table, then those of each composition and of each element."""
    for name, value in errors.as_dict().items():
        if not isinstance(value, dict):
            yield f"{name:<28} {value if isinstance(value, int) else format(value, '.4g')}"
    if errors.by_composition:
        yield f"\n{'composition':<16}{'configurations':>15}{'meV/atom':>10}{'meV/Å':>10}{'meV/Å³':>10}"
        ordered = sorted(errors.by_composition.items(), key=lambda item: -item[1].configurations)
        for formula, part in ordered[:_SHOWN]:
            columns = (part.mae_meV_per_atom, part.force_mae_meV_per_A, part.stress_mae_meV_per_A3)
            yield f"{formula:<16}{part.configurations:>15}" + "".join(_column(value) for value in columns)
        if len(ordered) > _SHOWN:
            yield f"… and {len(ordered) - _SHOWN} more compositions; --json has all"
    if errors.by_element:
        yield f"\n{'element':<16}{'':>25}{'meV/Å':>10}"
        for symbol, forces in errors.by_element.items():
            yield f"{symbol:<41}{_column(forces.force_mae_meV_per_A)}"


def _column(value: float | None) -> str:
    return f"{'–' if value is None else format(value, '.4g'):>10}"
