"""The unit of energies without forces: how much energy a change of volume costs, against what is known of elements."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from foundational.checks.collection import Collection
from foundational.checks.report import Finding, found, not_applicable, passed
from foundational.elements import SYMBOLS

#: eV: bulk modulus times volume per atom at ambient conditions (C. Kittel, Introduction to Solid State Physics, 8th
#: edition, chapters 1 and 3).
_MODULI: Final = {
    "Li": 1.5, "Be": 5.1, "C": 15.7, "Na": 1.7, "Mg": 5.1, "Al": 7.5, "Si": 12.3, "K": 1.5, "Ca": 4.1, "Sc": 6.8,
    "Ti": 11.5, "V": 13.9, "Cr": 14.2, "Mn": 4.5, "Fe": 12.4, "Co": 13.3, "Ni": 12.7, "Cu": 10.1, "Zn": 5.7, "Ga": 7.0,
    "Ge": 10.9, "As": 5.3, "Rb": 1.8, "Sr": 4.1, "Y": 7.5, "Zr": 12.1, "Nb": 19.1, "Mo": 26.5, "Ru": 27.2, "Rh": 23.1,
    "Pd": 16.6, "Ag": 10.7, "Cd": 6.3, "In": 6.7, "Sn": 10.0, "Sb": 7.2, "Te": 4.9, "Cs": 1.4, "Ba": 4.1, "La": 5.6,
    "Hf": 15.2, "Ta": 22.5, "W": 32.0, "Re": 34.0, "Os": 36.5, "Ir": 31.2, "Pt": 26.2, "Au": 18.4, "Hg": 5.5,
    "Tl": 6.4, "Pb": 8.1, "Bi": 6.9, "Th": 11.0, "U": 12.8,
}  # fmt: skip
_UNITS: Final = {"Hartree": 1 / 27.211386, "Ry": 1 / 13.605693, "kcal/mol": 23.060548, "kJ/mol": 96.485332, "meV": 1e3}
#: Fewest configurations, and the least range of their volumes (5–95 %) as a share of the median.
_LEAST: Final = 8
_RANGE: Final = 0.03
#: Largest standard error of the modulus as a share of it, and the factor by which modulus and unit may be off.
_ERROR: Final = 0.3
_FACTOR: Final = 5.0
#: Of the median volume per atom: beyond are surfaces and gases.
_WIDE: Final = 1.5
_RULE: Final = "energy scale"


def check_scale(data: Collection) -> Finding:
    """The curvature of energy over volume, where no forces tell the unit of energies."""
    if np.isfinite(data.mean_force).any():
        return not_applicable(_RULE, "forces are known, against which energies are compared")
    names = [SYMBOLS[z] for z in data.elements]
    if other := [name for name in names if name not in _MODULI]:
        return not_applicable(_RULE, f"no bulk modulus of {', '.join(other)} is at hand")
    rows = np.flatnonzero(np.isfinite(data.energy) & data.periodic & ~data.isolated)
    if len(rows):
        per_atom = data.volume[rows] / data.n_atoms[rows]
        rows = rows[per_atom < _WIDE * np.median(per_atom)]
    if len(rows) < _LEAST:
        return not_applicable(_RULE, "too few periodic configurations with energies")
    shares = data.composition[rows] / data.n_atoms[rows, None]
    expected = float(np.mean(shares @ np.array([_MODULI[name] for name in names])))
    fitted = _modulus(data.energy[rows] / data.n_atoms[rows], data.volume[rows] / data.n_atoms[rows], shares)
    if fitted is None:
        return not_applicable(_RULE, "the volumes do not differ enough to tell")
    ratio = fitted / expected
    said = f"bulk modulus times volume is {fitted:.3g} eV/atom; {expected:.3g} is known of {', '.join(names)}"
    if 1 / _FACTOR < ratio < _FACTOR:
        return passed(_RULE, said)
    unit = min(_UNITS, key=lambda name: abs(np.log(ratio / _UNITS[name])))
    return found(
        _RULE,
        "defect",
        f"energies are not in eV: {said}",
        f"import the source again with the --energy-unit that it states, such as {unit}",
    )


def _modulus(energy: NDArray[np.float64], volume: NDArray[np.float64], shares: NDArray[np.float64]) -> float | None:
    """eV/atom: second derivative of the energy per atom by the relative volume; None where it is not determined."""
    low, middle, high = np.quantile(volume, [0.05, 0.5, 0.95])
    if high - low < _RANGE * middle:
        return None
    x = volume / middle - 1
    design = np.column_stack([shares, x, x**2])
    if len(energy) < 2 * design.shape[1]:
        return None
    weights = np.ones(len(energy))
    for _ in range(10):  # diverged energies are the subject of another rule
        inverse = np.linalg.pinv((design * weights[:, None]).T @ design)
        coefficients = inverse @ (design * weights[:, None]).T @ energy
        residual = energy - design @ coefficients
        sigma = 1.4826 * float(np.median(np.abs(residual))) + 1e-12
        weights = np.clip(1 - (residual / (6 * sigma)) ** 2, 0, 1) ** 2
        if not weights.any():
            return None
    curvature = 2 * float(coefficients[-1])
    error = 2 * float(np.sqrt(inverse[-1, -1])) * float(np.sqrt(np.average(residual**2, weights=weights)))
    return curvature if curvature > 0 and error < _ERROR * curvature else None
