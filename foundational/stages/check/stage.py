"""``check --deep``: networks trained on energies and forces test the units, sign and order of what is stored.

Each of a few networks trains on its own three quarters of the configurations. Energies and forces are compared on the
other quarter, stresses on all configurations, since no network saw a stress. Where energies and forces cannot both be
fitted, networks are trained on the forces alone, and the stored energies compared with those of the networks.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.checks.report import Finding, not_applicable
from foundational.data.batches import to_configurations
from foundational.data.configurations import Configurations
from foundational.engines.ani.ensemble import Prediction
from foundational.engines.ani.training import train
from foundational.progress import Progress
from foundational.science.stress_regression import LEAST, StressRegression, regress, six
from foundational.seeds import derive, generator
from foundational.specs.ani import AniSpec
from foundational.stages.check.findings import ENERGY, STRESS, Stated, energy_finding, stress_findings
from foundational.stages.check.units import Units, explain, ratios_near

_MEMBERS: Final = 4
_EPOCHS: Final = 20
_STEPS: Final = 1500
_LEAST_STEPS: Final = 400
#: Atoms of the configurations that are looked at; the others of a large set are not.
_ATOMS: Final = 12_000
#: Atoms times features of all steps of one member; about half a minute of one processor.
_WORK: Final = 2.5e8
#: Correlation of energies, or of forces, with those of networks that did not see them: below, nothing is concluded.
_FITTED: Final = 0.8
#: Correlation of energies and of forces above which their slopes give a ratio, near which ratios are tried.
_ROUGH: Final = 0.5
_TRIED: Final = 3
#: Above this correlation, and with slopes within this factor of one, energies and forces were fitted together.
_WELL_FITTED: Final = 0.9
_NEAR: Final = 1.2


@dataclass(frozen=True)
class _Fit:
    """How stored labels go with predicted ones."""

    correlation: float
    slope: float
    """Of stored on predicted."""

    @property
    def good(self) -> bool:
        """Whether it was fitted together with the other label."""
        return self.correlation >= _WELL_FITTED and 1 / _NEAR < self.slope < _NEAR


def check_deep(
    dataset: xr.Dataset, settings: AniSpec, seed: int, stated: Stated, *, progress: Progress | None = None
) -> list[Finding]:
    """What networks find in ``dataset``.

    Parameters
    ----------
    settings
        ANI settings, their lengths scaled to the dataset; members and length of training are those of this check.
    seed
        Root of the random streams ``check``.
    stated
        How the labels were read.
    """
    chosen = _sample(dataset, seed)
    if len(chosen) < LEAST:
        reason = f"fewer than {LEAST} configurations of two or more atoms have energies"
        return [not_applicable(ENERGY, reason), not_applicable(STRESS, reason)]
    c = to_configurations(dataset, chosen)
    assert c.labels is not None
    known = c.labels.known(c.offsets)
    forces = bool(known["forces"].any()) and bool(np.any(c.labels.forces[c.atoms_of(np.flatnonzero(known["forces"]))]))
    part = generator(seed, "check", "fold").permutation(len(c)) % _MEMBERS

    def trained(configurations: Configurations) -> Prediction:
        return _trained(configurations, settings, part, seed, progress)

    prediction = trained(c)
    energy, force = _fits(c, prediction, part)
    plain = Units.stated(stated.labels)
    ratio = 1.0
    if forces and not (energy.good and force.good):
        rough = energy.slope / force.slope if min(energy.correlation, force.correlation) > _ROUGH else 1.0
        ratio, energy, force, prediction = _other_ratio(c, trained, part, plain, rough)
    fitted = min(abs(energy.correlation), force.correlation) if forces else energy.correlation
    findings, stress = [], _stress(c, prediction, fitted)
    slope = abs(stress.slope) if isinstance(stress, StressRegression) else float("nan")
    units = explain(plain, abs(ratio), slope)
    if not forces:
        findings.append(not_applicable(ENERGY, "no forces that are not zero"))
    elif min(abs(energy.correlation), force.correlation) < _FITTED:
        reason = f"correlation {energy.correlation:.2f} of energies, {force.correlation:.2f} of forces"
        findings.append(not_applicable(ENERGY, f"the networks fit too little to conclude anything ({reason})"))
    else:
        findings.append(energy_finding(ratio, energy.correlation, units, plain, stated))
    if isinstance(stress, str):
        return [*findings, not_applicable(STRESS, stress)]
    return [*findings, *stress_findings(stress, units, stated, chosen[_stressed(c)])]


def _other_ratio(
    c: Configurations,
    trained: Callable[[Configurations], Prediction],
    part: NDArray[np.int64],
    plain: Units,
    rough: float,
) -> tuple[float, _Fit, _Fit, Prediction]:
    """The ratio of energies to those that forces imply, how both are fitted, and the networks that fit both.

    Networks that fit forces and energies over a ratio that units explain prove it. Ratios are tried near a ``rough``
    one, and near that of networks of the forces alone.
    """
    tried = ratios_near(plain, rough)[:_TRIED]
    for size in tried:
        prediction = trained(_rescaled(c, size))
        fits = _fits(_rescaled(c, size), prediction, part)
        if all(fit.good for fit in fits):
            return size, *fits, prediction
    alone = trained(_without_energy(c))
    energy, force = _energy_fit(c, alone, part, volumes=False), _force_fit(c, alone, part)
    if abs(energy.correlation) < _FITTED or force.correlation < _FITTED:
        return 1.0, energy, force, alone
    sign = float(np.sign(energy.slope))
    for size in ratios_near(plain, energy.slope)[:_TRIED]:
        rescaled = _rescaled(c, sign * size)
        prediction = trained(rescaled)
        fits = _fits(rescaled, prediction, part)
        if all(fit.good for fit in fits):
            return sign * size, *fits, prediction
    return energy.slope, energy, force, trained(_rescaled(c, energy.slope))


def _fits(c: Configurations, prediction: Prediction, part: NDArray[np.int64]) -> tuple[_Fit, _Fit]:
    """Of energies and of forces."""
    return _energy_fit(c, prediction, part), _force_fit(c, prediction, part)


def _sample(dataset: xr.Dataset, seed: int) -> NDArray[np.int64]:
    """Rows of several atoms with an energy, at random up to a number of atoms, ascending."""
    n_atoms = dataset["n_atoms"].to_numpy().astype(np.int64)
    if "energy" not in dataset:
        return np.zeros(0, dtype=np.int64)
    usable = np.flatnonzero((n_atoms > 1) & np.isfinite(dataset["energy"].to_numpy()))
    if "role" in dataset:
        usable = usable[dataset["role"].to_numpy()[usable] == 0]
    order = generator(seed, "check", "sample").permutation(usable)
    total = np.cumsum(n_atoms[order])
    return np.sort(order[: max(LEAST, int(np.searchsorted(total, _ATOMS, side="right")))])


def _trained(
    c: Configurations, settings: AniSpec, part: NDArray[np.int64], seed: int, progress: Progress | None
) -> Prediction:
    """What networks say of all configurations; member m did not train on those of part m."""
    elements = len(np.unique(c.atomic_numbers))
    step = settings.training.batch * float(np.mean(c.n_atoms)) * settings.aev.length(elements)
    steps = int(np.clip(_WORK / step, _LEAST_STEPS, _STEPS))
    training = settings.training.model_copy(update={"epochs": _EPOCHS, "least_steps": steps})
    settings = settings.model_copy(update={"members": _MEMBERS, "training": training})
    shares = [np.flatnonzero(part != member) for member in range(_MEMBERS)]
    return train(settings, c, shares, derive(seed, "check", "train"), progress=progress).predict(c)


def _without_energy(c: Configurations) -> Configurations:
    assert c.labels is not None
    return replace(c, labels=replace(c.labels, energy=np.full(len(c), np.nan)))


def _rescaled(c: Configurations, ratio: float) -> Configurations:
    """Energies in the unit of the forces; forces with the sign of the energies."""
    assert c.labels is not None
    labels = replace(c.labels, energy=c.labels.energy / abs(ratio), forces=c.labels.forces * np.sign(ratio))
    return replace(c, labels=labels)


def _fit(stored: NDArray[np.float64], predicted: NDArray[np.float64]) -> _Fit:
    norm = float(np.sqrt((stored**2).sum() * (predicted**2).sum()))
    if norm == 0:
        return _Fit(0.0, float("nan"))
    correlation = float((stored * predicted).sum()) / norm
    return _Fit(correlation, float(np.sign(correlation) * np.sqrt((stored**2).sum() / (predicted**2).sum())))


def _energy_fit(c: Configurations, prediction: Prediction, part: NDArray[np.int64], *, volumes: bool = True) -> _Fit:
    """Of energies per atom on those of networks that did not see them, less what composition explains.

    Without ``volumes`` also less what the volume explains: forces alone do not determine that.
    """
    assert c.labels is not None
    numbers = np.unique(c.atomic_numbers)
    owner = c.configuration_of_atom
    shares = np.stack([np.bincount(owner, c.atomic_numbers == z, len(c)) for z in numbers], axis=1) / c.n_atoms[:, None]
    volume = np.where(c.pbc.all(axis=1), c.volume / c.n_atoms, 0.0)
    volume = volume / max(float(np.median(volume)), 1e-9)
    design = shares if volumes else np.column_stack([shares, volume, volume**2])
    stored, predicted = (
        energy / c.n_atoms - design @ np.linalg.lstsq(design, energy / c.n_atoms, rcond=None)[0]
        for energy in (c.labels.energy, prediction.energy[part, np.arange(len(c))])
    )
    typical = np.abs(stored - np.median(stored)) <= 12 * max(float(np.median(np.abs(stored - np.median(stored)))), 1e-9)
    return _fit(stored[typical], predicted[typical])  # energies that fit nothing are the subject of another rule


def _force_fit(c: Configurations, prediction: Prediction, part: NDArray[np.int64]) -> _Fit:
    assert c.labels is not None
    assert prediction.forces is not None
    seen = prediction.forces[part[c.configuration_of_atom], np.arange(len(c.positions))].astype(np.float64)
    known = np.isfinite(c.labels.forces).all(axis=1)
    return _fit(c.labels.forces[known].astype(np.float64), seen[known])


def _stressed(c: Configurations) -> NDArray[np.bool_]:
    """(C,) whether the stress is known and means something."""
    assert c.labels is not None
    known: NDArray[np.bool_] = c.labels.known(c.offsets)["stress"] & c.pbc.all(axis=1) & ~c.without_volume
    return known


def _stress(c: Configurations, prediction: Prediction, fitted: float) -> StressRegression | str:
    """The regression of stored stresses on predicted ones, or why there is none."""
    assert c.labels is not None
    assert prediction.stress is not None
    rows = _stressed(c)
    if np.count_nonzero(rows) < LEAST:
        return f"fewer than {LEAST} periodic configurations have a stress"
    if fitted < _FITTED:
        return f"the networks fit too little to conclude anything (correlation {fitted:.2f})"
    regression = regress(six(c.labels.stress[rows]), six(prediction.stress[:, rows]))
    return regression if regression.determined.any() else "the configurations determine no component of the stress"
