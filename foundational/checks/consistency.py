"""Unit, sign and order of stresses and the unit of energies, from the forces.

A pair potential is fitted to the forces alone. It is a poor model, but its stresses and energies go with the true
ones: another sign, unit or order of components stands out. ``foundational check --deep`` trains a network for this.
The virial theorem: σ V = −Σ r⊗f over pairs (doi:10.1063/1.3245303).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from foundational.checks.collection import Collection
from foundational.checks.limits import CheckLimits
from foundational.checks.pairs import pair_counts, pair_forces
from foundational.checks.report import Finding, found, not_applicable, passed
from foundational.data.batches import to_configurations

if TYPE_CHECKING:
    import xarray as xr

#: Atoms and configurations from which the pair potential is fitted.
_ATOMS = 6_000
_CONFIGURATIONS = 200
#: Fewer configurations determine no slope.
_LEAST = 8
#: The six components in the order of ASE's Voigt notation.
VOIGT = ("xx", "yy", "zz", "yz", "xz", "xy")
_PLACES = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
#: Slopes of a stored stress on the true one in eV/Å³, and the option that repairs the import.
_STRESS_UNITS = {
    "stress in GPa": 160.21766,
    "stress in kbar": 1602.1766,
    "stress in bar": 1.6021766e6,
    "stress in Hartree/Bohr³": 1 / 183.6315,
    "forces in Hartree/Bohr": 51.422067,
    "forces in Ry/Bohr": 25.711034,
}
_ENERGY_UNITS = {
    "energies in Hartree": 1 / 27.211386,
    "energies in Ry": 1 / 13.605693,
    "energies in kcal/mol": 23.060548,
    "energies in kJ/mol": 96.485332,
    "energies in meV": 1000.0,
    "forces in Hartree/Bohr and energies in eV": 51.422067,
    "forces in Ry/Bohr and energies in eV": 25.711034,
    "energies in Hartree or Ry and forces in Hartree/Bohr or Ry/Bohr": 1.8897261,
}
_UNKNOWN = "the --stress-unit or --energy-unit that it states"
#: What to pass to import for each of these.
_OPTIONS = {
    "energies in Hartree": "--energy-unit Hartree --forces-unit eV/A",
    "energies in Ry": "--energy-unit Ry --forces-unit eV/A",
    "energies in kcal/mol": "--energy-unit kcal/mol --forces-unit eV/A",
    "energies in kJ/mol": "--energy-unit kJ/mol --forces-unit eV/A",
    "energies in meV": "--energy-unit meV --forces-unit eV/A",
    "forces in Hartree/Bohr": "--forces-unit Hartree/Bohr",
    "forces in Ry/Bohr": "--forces-unit Ry/Bohr",
    "forces in Hartree/Bohr and energies in eV": "--forces-unit Hartree/Bohr",
    "forces in Ry/Bohr and energies in eV": "--forces-unit Ry/Bohr",
    "energies in Hartree or Ry and forces in Hartree/Bohr or Ry/Bohr": "--energy-unit Hartree --forces-unit "
    "Hartree/Bohr, or with --energy-unit Ry --forces-unit Ry/Bohr",
}


@dataclass(frozen=True, eq=False)
class PairModel:
    """What the pair potential of the forces says of R configurations."""

    rows: NDArray[np.int64]
    stress: NDArray[np.float64]
    """(R, 6) eV/Å³, in the order of `VOIGT`."""
    energy: NDArray[np.float64]
    """(R,) eV."""
    coefficients: NDArray[np.float64]
    """(K,) of the pair basis: its forces, eV/Å."""


def pair_model(dataset: "xr.Dataset", data: Collection) -> PairModel | None:
    """Fit a pair potential to forces; None where too few configurations have forces."""
    usable = np.flatnonzero((data.n_atoms > 1) & (data.mean_force > 1e-6) & data.periodic)
    if len(usable) < _LEAST:
        return None
    chosen = usable[np.unique(np.linspace(0, len(usable) - 1, min(len(usable), _CONFIGURATIONS)).astype(np.int64))]
    while len(chosen) > _LEAST and data.n_atoms[chosen].sum() > _ATOMS:
        chosen = chosen[::2]
    c = to_configurations(dataset, chosen)
    assert c.labels is not None
    design, virials = pair_forces(c, data.basis)
    flat = design.reshape(-1, data.basis.size)
    target = c.labels.forces.astype(np.float64).reshape(-1)
    normal = flat.T @ flat
    ridge = 1e-6 * max(float(np.trace(normal)) / len(normal), 1e-12)
    coefficients = np.linalg.solve(normal + ridge * np.eye(len(normal)), flat.T @ target)
    tensors = -(virials @ coefficients) / c.volume[:, None, None]
    knots = data.basis.knots
    force = coefficients.reshape(-1, len(knots) - 1)
    steps = (force + np.hstack([force[:, 1:], np.zeros((len(force), 1))])) / 2 * (knots[1] - knots[0])
    potential = np.cumsum(steps[:, ::-1], axis=1)[:, ::-1].reshape(-1)
    energy = pair_counts(c, data.basis) @ potential
    stress = np.stack([(tensors[:, i, j] + tensors[:, j, i]) / 2 for i, j in _PLACES], axis=1)
    return PairModel(chosen, stress, energy, coefficients.astype(np.float64))


def check_stress(model: PairModel | None, data: Collection, limits: CheckLimits) -> Finding:
    """Sign, unit and order of the stored stress against the stress that the forces imply."""
    rule = "stress against forces"
    if model is None:
        return not_applicable(rule, "too few periodic configurations with forces")
    stored = np.stack([data.stress[model.rows][:, i, j] for i, j in _PLACES], axis=1)
    known = np.isfinite(stored).all(axis=1) & stored.any(axis=1)
    if known.sum() < _LEAST:
        return not_applicable(rule, "too few configurations with forces and a stress")
    return compare_stress(stored[known], model.stress[known], limits, "the forces imply")


def compare_stress(
    stored: NDArray[np.float64], implied: NDArray[np.float64], limits: CheckLimits, reference: str
) -> Finding:
    """Compare (R, 6) stored stresses with (R, 6) implied ones, eV/Å³, both in the order of `VOIGT`.

    The order is found by the correlation of each stored shear component with each implied one; unit and sign by the
    slope over shear and deviatoric components, which an error in the pressure does not reach.
    """
    rule = "stress against forces"
    shear = [3, 4, 5]
    correlation = _correlations(stored[:, shear], implied[:, shear])
    strength = np.abs(correlation)
    best = strength.argmax(axis=1)
    determined = strength.max(axis=1) > limits.correlation
    if determined.all() and len(set(best)) == 3 and (best != np.arange(3)).any():
        names = ", ".join(f"{VOIGT[shear[k]]} holds {VOIGT[shear[best[k]]]}" for k in range(3) if best[k] != k)
        sentence = f"the shear components are in another order than {reference}: {names}"
        action = "import the source again with another --stress-order; foundational check --deep names it"
        return found(rule, "defect", sentence, action)
    own = np.concatenate([_deviatoric(stored)[:, :3], stored[:, shear]], axis=1).reshape(-1)
    other = np.concatenate([_deviatoric(implied)[:, :3], implied[:, shear]], axis=1).reshape(-1)
    together = _correlations(own[:, None], other[:, None])[0, 0]
    if abs(together) < limits.correlation:
        return not_applicable(rule, f"the comparison determines nothing (correlation {together:.2f})")
    slope = float(own @ other / (other @ other))
    return _slope_finding(rule, slope, together, limits, reference)


def _slope_finding(rule: str, slope: float, correlation: float, limits: CheckLimits, reference: str) -> Finding:
    said = f"slope {slope:.3g} on the stress that {reference}, correlation {correlation:.2f}"
    sign = " --stress-sign compression" if slope < 0 else ""
    opposite = " and of opposite sign" if slope < 0 else ""
    if not 1 / limits.unit_factor < abs(slope) < limits.unit_factor:
        unit = _nearest(abs(slope), _STRESS_UNITS, limits)
        like = f", as with {unit}" if unit else ", as for a virial, or another unit"
        option = f"--stress-unit {unit.split()[-1]}" if unit.startswith("stress") else _OPTIONS.get(unit, _UNKNOWN)
        size = f"{abs(slope):.3g} times what is expected{opposite}{like}"
        return found(rule, "defect", f"the stress is {size} ({said})", _again(option + sign))
    if slope < 0:
        return found(rule, "defect", f"the sign is opposite: tension must be positive ({said})", _again(sign.strip()))
    return passed(rule, said)


def _nearest(slope: float, units: dict[str, float], limits: CheckLimits) -> str:
    """The unit whose factor is ``slope`` within the limit; empty where none is."""
    unit = min(units, key=lambda name: abs(np.log(slope / units[name])))
    return unit if abs(np.log(slope / units[unit])) < np.log(limits.unit_factor) else ""


def check_energy_unit(model: PairModel | None, data: Collection, limits: CheckLimits) -> Finding:
    """The unit of the energies against that of the forces: the forces' potential must go with the energies."""
    rule = "energy against forces"
    if model is None:
        return not_applicable(rule, "too few periodic configurations with forces")
    known = np.isfinite(data.energy[model.rows])
    rows, potential = model.rows[known], model.energy[known]
    atoms = data.n_atoms[rows].astype(np.float64)
    shares = data.composition[rows] / atoms[:, None]
    volume = data.volume[rows] / atoms
    relative = volume / np.median(volume) if len(volume) else volume
    design = np.column_stack([shares, relative, relative**2, potential / atoms])
    if len(rows) < 2 * design.shape[1]:
        return not_applicable(rule, "too few configurations with forces and energies")
    target = data.energy[rows] / atoms
    rest_target, rest_potential = (
        y - design[:, :-1] @ np.linalg.lstsq(design[:, :-1], y, rcond=None)[0] for y in (target, design[:, -1])
    )
    correlation = _correlations(rest_target[:, None], rest_potential[:, None])[0, 0]
    if correlation < limits.correlation:
        return not_applicable(rule, f"the comparison determines nothing (correlation {correlation:.2f})")
    slope = float(rest_target @ rest_potential / (rest_potential @ rest_potential))
    said = f"slope {slope:.3g} against the energy that the forces imply, correlation {correlation:.2f}"
    if 1 / limits.unit_factor < slope < limits.unit_factor:
        return passed(rule, said)
    unit = _nearest(slope, _ENERGY_UNITS, limits)
    like = f", as with {unit}" if unit else ""
    sentence = f"energies and forces have other units{like} ({said})"
    return found(
        rule, "defect", sentence, _again(_OPTIONS.get(unit, "the --energy-unit and --forces-unit that it states"))
    )


def _again(options: str) -> str:
    return f"import the source again with {options}"


def _deviatoric(stress: NDArray[np.float64]) -> NDArray[np.float64]:
    """(R, 6) without the pressure."""
    out = stress.copy()
    out[:, :3] -= stress[:, :3].mean(axis=1, keepdims=True)
    return out


def _correlations(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """(I, J) correlation of each column of ``a`` (R, I) with each of ``b`` (R, J), about zero; 0 if constant."""
    norm = np.linalg.norm(a, axis=0)[:, None] * np.linalg.norm(b, axis=0)[None]
    product = a.T @ b
    out: NDArray[np.float64] = np.divide(product, norm, out=np.zeros_like(product), where=norm > 0)
    return out
