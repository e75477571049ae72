"""``check --deep``: networks trained on energies and forces test the units, sign and order of what is stored.

Each of a few networks trains on its own three quarters of the configurations. Energies and forces are compared on the
other quarter, stresses on all configurations, since no network saw a stress. Where energies and forces cannot both be
fitted, networks are trained on the forces alone, and the stored energies compared with theirs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.checks.report import Finding, Status, found, not_applicable, passed, places
from foundational.data.batches import to_configurations
from foundational.data.configurations import Configurations
from foundational.engines.ani.ensemble import Prediction
from foundational.engines.ani.training import train
from foundational.interchange.label_choice import LabelChoice
from foundational.progress import Progress
from foundational.science.stress_regression import LEAST, VOIGT, StressRegression, regress, six
from foundational.seeds import derive, generator
from foundational.specs.ani import AniSpec
from foundational.stages.check.units import CONSISTENT, Units, explain, order_option, ratios_near, sign_option

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
#: Energies that go with those of networks of forces alone above this give a ratio, near which ratios are tried.
_ROUGH: Final = 0.5
_TRIED: Final = 3
#: A slope of the stress that no unit explains is a defect beyond this factor.
_FAR: Final = 3.0
#: Above this correlation, and with slopes within this factor of one, energies and forces were fitted together.
_WELL_FITTED: Final = 0.9
_NEAR: Final = 1.2
_ENERGY, _STRESS = "networks: energy against forces", "networks: stress"
_AGAIN: Final = "import the source again with"


@dataclass(frozen=True)
class Stated:
    """How the labels were read, and from what."""

    labels: LabelChoice
    imported: bool
    """Whether they come from a file of another program, which can be imported again."""

    def again(self, options: str) -> str:
        """What a user can do, with ``options``."""
        return f"{_AGAIN} {options}" if self.imported else f"the labels agree as if imported with {options}"


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
        return [not_applicable(_ENERGY, reason), not_applicable(_STRESS, reason)]
    c = to_configurations(dataset, chosen)
    assert c.labels is not None
    known = c.labels.known(c.offsets)
    forces = bool(known["forces"].any()) and bool(np.any(c.labels.forces[c.atoms_of(np.flatnonzero(known["forces"]))]))
    part = generator(seed, "check", "fold").permutation(len(c)) % _MEMBERS
    prediction = _trained(c, settings, part, seed, progress)
    energy, force = _energy_fit(c, prediction, part), _force_fit(c, prediction, part)
    plain = Units.stated(stated.labels)
    ratio = 1.0
    if forces and not (energy.good and force.good):
        ratio, energy, force, prediction = _from_forces(c, settings, part, plain, seed, progress)
    fitted = min(abs(energy.correlation), force.correlation) if forces else energy.correlation
    findings, stress = [], _stress(c, prediction, fitted)
    slope = abs(stress.slope) if isinstance(stress, StressRegression) else float("nan")
    units = explain(plain, abs(ratio), slope)
    if not forces:
        findings.append(not_applicable(_ENERGY, "no forces that are not zero"))
    elif min(abs(energy.correlation), force.correlation) < _FITTED:
        reason = f"correlation {energy.correlation:.2f} of energies, {force.correlation:.2f} of forces"
        findings.append(not_applicable(_ENERGY, f"the networks fit too little to conclude anything ({reason})"))
    else:
        findings.append(_energy_finding(ratio, energy, units, plain, stated))
    if isinstance(stress, str):
        return [*findings, not_applicable(_STRESS, stress)]
    return [*findings, *_stress_findings(stress, units, stated, chosen[_stressed(c)])]


def _from_forces(
    c: Configurations, settings: AniSpec, part: NDArray[np.int64], plain: Units, seed: int, progress: Progress | None
) -> tuple[float, "_Fit", "_Fit", Prediction]:
    """The ratio of energies to those that forces imply, how both are fitted, and the networks that fit both.

    Networks of the forces alone give the ratio roughly. Networks that fit forces and energies over a ratio that units
    explain prove it.
    """
    alone = _trained(_without_energy(c), settings, part, seed, progress)
    energy, force = _energy_fit(c, alone, part), _force_fit(c, alone, part)
    if abs(energy.correlation) < _ROUGH or force.correlation < _FITTED:
        return 1.0, energy, force, alone
    sign = float(np.sign(energy.slope))
    for size in ratios_near(plain, energy.slope)[:_TRIED]:
        rescaled = _rescaled(c, sign * size)
        prediction = _trained(rescaled, settings, part, seed, progress)
        fits = _energy_fit(rescaled, prediction, part), _force_fit(rescaled, prediction, part)
        if all(fit.good for fit in fits):
            return sign * size, *fits, prediction
    if abs(energy.correlation) < _FITTED:
        return 1.0, energy, force, alone
    prediction = _trained(_rescaled(c, energy.slope), settings, part, seed, progress)
    return energy.slope, energy, force, prediction


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


def _energy_fit(c: Configurations, prediction: Prediction, part: NDArray[np.int64]) -> _Fit:
    """Of energies per atom on those of networks that did not see them, less what composition and volume explain.

    Forces alone do not determine how the energy depends on the volume.
    """
    assert c.labels is not None
    numbers = np.unique(c.atomic_numbers)
    owner = c.configuration_of_atom
    shares = np.stack([np.bincount(owner, c.atomic_numbers == z, len(c)) for z in numbers], axis=1) / c.n_atoms[:, None]
    volume = np.where(c.pbc.all(axis=1), c.volume / c.n_atoms, 0.0)
    volume = volume / max(float(np.median(volume)), 1e-9)
    design = np.column_stack([shares, volume, volume**2])
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


def _energy_finding(ratio: float, fit: _Fit, units: Units | None, plain: Units, stated: Stated) -> Finding:
    said = f"slope {ratio:.3g}, correlation {abs(fit.correlation):.2f}"
    if ratio < 0:
        sentence = f"the forces have the sign of the gradient, opposite to that of forces ({said})"
        return found(_ENERGY, "defect", sentence, "change the sign of the forces in the file, and import it again")
    changed = units is not None and (units.energy, units.forces) != (plain.energy, plain.forces)
    if changed and units is not None:
        sentence = f"the energies are in {units.energy} and the forces in {units.forces} ({said} of what they imply)"
        return found(_ENERGY, "defect", sentence, stated.again(units.options(plain)))
    if not 1 / CONSISTENT < ratio < CONSISTENT:
        sentence = f"the energies are {ratio:.3g} times what the forces imply ({said})"
        return found(_ENERGY, "defect", sentence, "find the units of the file, and state --energy-unit, --forces-unit")
    return passed(_ENERGY, f"energies and forces go together ({said})")


def _stress_findings(
    stress: StressRegression, units: Units | None, stated: Stated, rows: NDArray[np.int64]
) -> list[Finding]:
    """One finding a fault of the stress; where there is none, one that says what was tested."""
    findings = []
    if stress.moved:
        holds = ", ".join(f"{VOIGT[i]} holds {VOIGT[stress.order[i]]}" for i in stress.moved)
        findings.append(
            found(
                f"{_STRESS} order",
                "defect",
                f"the components are in another order: {holds}",
                stated.again(order_option(stress.order, stated.labels)),
            )
        )
    findings += [*_unit_findings(stress, units, stated), *_odd_rows(stress, rows)]
    if stress.zero:
        names = ", ".join(VOIGT[i] for i in stress.zero)
        sentence = f"{names} is zero in every configuration, and the networks' is not: it was not computed"
        findings.append(found(f"{_STRESS} zero", "defect", sentence, "import the source without its stress"))
    if stress.unrelated and not findings:
        names = ", ".join(VOIGT[i] for i in stress.unrelated)
        sentence = f"{names} goes with no component of the networks' stress"
        findings.append(found(f"{_STRESS} order", "defect", sentence, "find out what the file's stress is"))
    if findings:
        return findings
    determined = ", ".join(name for name, known in zip(VOIGT, stress.determined, strict=True) if known)
    slopes = ", ".join(
        f"{name} {slope:.2f}"
        for name, slope in zip(("pressure", "rest of the diagonal", "shear"), stress.slopes, strict=True)
        if np.isfinite(slope)
    )
    return [passed(_STRESS, f"unit, sign and order of {determined} hold (slopes: {slopes or 'not determined'})")]


def _unit_findings(stress: StressRegression, units: Units | None, stated: Stated) -> list[Finding]:
    plain = Units.stated(stated.labels)
    known = stress.slopes[np.isfinite(stress.slopes)]
    if not len(known):
        return []
    said = f"slope {stress.slope:.3g}"
    findings = []
    if len(set(np.sign(known))) > 1:
        sentence = "pressure, rest of the diagonal and shear differ in sign: the stress is inconsistent"
        return [found(f"{_STRESS} sign", "defect", sentence, "find out what the file's stress is")]
    if stress.slope < 0:
        sentence = f"the sign is opposite ({said} on the networks' stress)"
        findings.append(found(f"{_STRESS} sign", "defect", sentence, stated.again(sign_option(stated.labels))))
    if units is not None and units.stress != plain.stress:
        sentence = f"the unit is {_name(units.stress)} ({said} on the networks' stress)"
        only = f"--stress-unit {units.stress}"
        findings.append(found(f"{_STRESS} unit", "defect", sentence, stated.again(only)))
    elif units is None and not 1 / CONSISTENT < abs(stress.slope) < CONSISTENT:
        sentence = f"the stress is {abs(stress.slope):.3g} times what energies and forces imply"
        advice = "state --stress-unit, or --virial-key where it is a virial"
        status: Status = "defect" if not 1 / _FAR < abs(stress.slope) < _FAR else "warning"
        findings.append(found(f"{_STRESS} unit", status, sentence, advice))
    return findings


def _name(unit: str) -> str:
    """A unit in words; a number is what one of it is in eV/Å³."""
    return unit if not unit[0].isdigit() else f"{unit} eV/Å³, as after one conversion too many"


def _odd_rows(stress: StressRegression, rows: NDArray[np.int64]) -> list[Finding]:
    kinds: Sequence[tuple[str, str, NDArray[np.int64]]] = (
        ("sign", "have a stress of opposite sign to that of most", stress.opposite),
        ("unit", "have a stress of another scale than most", stress.other_scale),
        ("zero", "have a stress of exactly zero where the networks' is not: it is not known", stress.zero_rows),
    )
    return [
        found(
            f"{_STRESS} {kind}",
            "defect",
            f"at least {len(odd)} configurations {sentence} ({places(rows[odd])})",
            "import these configurations apart, with their own options",
            rows[odd].tolist(),
        )
        for kind, sentence, odd in kinds
        if len(odd)
    ]
