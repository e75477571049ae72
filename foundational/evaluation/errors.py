"""Errors of models on labelled configurations, and how their uncertainty relates to those errors."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr
from ase.data import chemical_symbols
from numpy.typing import NDArray

from foundational.data.batches import iterate_batches
from foundational.data.configurations import Configurations, Labels
from foundational.data.labeller import Model
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.extrapolation import energy_uncertainty
from foundational.errors import InputError
from foundational.evaluation.report import Report
from foundational.labelling.batches import label_all
from foundational.progress import Progress
from foundational.science.calibration import calibration
from foundational.science.error_metrics import ErrorSums, ForceErrors, energy_errors
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
    found = _Comparison()
    uncertain = model if isinstance(model, Ensemble) and model.extrapolation is not None else None
    estimated: list[NDArray[np.float64]] = []
    done = outside = 0
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
        found.add(batch, labels, batch.labels)
        if uncertain is not None:
            size, far = energy_uncertainty(uncertain, batch)
            estimated.append(size / batch.n_atoms * MEV)
            outside += int(far.sum())
        done += len(batch)
    if not done:
        raise InputError("expected at least one configuration to evaluate on, got none")
    errors = found.errors()
    if uncertain is None:
        return errors
    typical = float(np.sqrt(np.mean(np.concatenate(estimated) ** 2))) if uncertain.members > 1 else None
    return replace(errors, estimated_error_meV_per_atom=typical, outside_of_training_data=outside)


class _Comparison:
    """Errors over all configurations, by composition and by element; sums of what comes batch by batch."""

    def __init__(self) -> None:
        self._whole = _Sums()
        self._compositions: dict[str, _Sums] = {}
        self._elements: dict[int, ErrorSums] = {}

    def add(self, configurations: Configurations, predicted: Labels, reference: Labels) -> None:
        """Compare ``predicted`` with ``reference`` labels of ``configurations``."""
        c = configurations
        self._whole.add(c.n_atoms, predicted, reference)
        names = np.array(formulas(c))
        for name in sorted(set(names.tolist())):
            sums = self._compositions.setdefault(name, _Sums())
            if (names == name).all():
                sums.add(c.n_atoms, predicted, reference)
                continue
            rows = np.flatnonzero(names == name)
            model, truth = (c.with_labels(labels).take(rows).labels or labels for labels in (predicted, reference))
            sums.add(c.n_atoms[rows], model, truth)
        known = np.isfinite(reference.forces).all(axis=1)
        for z in np.unique(c.atomic_numbers).tolist():
            atoms = known & (c.atomic_numbers == z)
            self._elements.setdefault(z, ErrorSums()).add(predicted.forces[atoms], reference.forces[atoms])

    def errors(self) -> ModelErrors:
        """What was found; InputError if no label is known that could be compared."""
        whole = self._whole.errors()
        if not whole.energies + whole.forces + whole.stresses:
            raise InputError("expected labelled configurations to evaluate on, got none with a known label")
        several = sorted(self._compositions) if len(self._compositions) > 1 else []
        elements = {z: sums for z, sums in sorted(self._elements.items()) if len(self._elements) > 1 and sums.count}
        return replace(
            whole,
            by_composition={name: self._compositions[name].errors() for name in several},
            by_element={chemical_symbols[z]: sums.of_forces() for z, sums in elements.items()},
        )


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


class _Sums:
    """What is known of all configurations that were added; energies are kept, since percentiles need them."""

    def __init__(self) -> None:
        self._energies: list[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32]]] = []
        self._force, self._stress = ErrorSums(), ErrorSums()
        self._counts = {"configurations": 0, "energies": 0, "forces": 0, "stresses": 0}

    def add(self, n_atoms: NDArray[np.int32], predicted: Labels, reference: Labels) -> None:
        """Take configurations of ``n_atoms`` (C,) atoms."""
        energy = np.isfinite(reference.energy)
        atoms = np.isfinite(reference.forces).all(axis=1)
        stress = np.isfinite(reference.stress).all(axis=(1, 2)) & np.isfinite(predicted.stress).all(axis=(1, 2))
        self._energies.append((predicted.energy[energy], reference.energy[energy], n_atoms[energy]))
        self._force.add(predicted.forces[atoms], reference.forces[atoms])
        self._stress.add(predicted.stress[stress], reference.stress[stress])
        self._counts["configurations"] += len(n_atoms)
        self._counts["energies"] += int(energy.sum())
        self._counts["forces"] += int(np.logical_or.reduceat(atoms, np.cumsum(n_atoms) - n_atoms).sum())
        self._counts["stresses"] += int(stress.sum())

    def errors(self) -> ModelErrors:
        """Errors over all of them."""
        found: dict[str, Any] = {}
        if self._counts["energies"]:
            predicted, reference, n_atoms = (np.concatenate(parts) for parts in zip(*self._energies, strict=True))
            found |= asdict(energy_errors(predicted, reference, n_atoms))
        if self._force.count:
            found |= asdict(self._force.of_forces())
        if self._stress.count:
            found["stress_mae_meV_per_A3"] = self._stress.mean
        return ModelErrors(**found | self._counts)


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
