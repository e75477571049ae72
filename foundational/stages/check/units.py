"""Which units of a file explain the slopes between its energies, forces and stresses, and what to state at import."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import exp, isfinite, log
from typing import Final

from foundational.interchange.label_choice import ENERGY_UNITS, FORCE_UNITS, MATRIX, STRESS_UNITS, LabelChoice
from foundational.science.stress_regression import VOIGT

#: Slopes within this factor of one are those of the stated units: a network's pressure may be off by a third.
CONSISTENT: Final = 1.6
#: A unit explains a slope within this factor.
_EXPLAINS: Final = 1.3
#: The most changes of units that are believed together, see `_changes`.
_MOST_CHANGES: Final = 2.3
#: What a slope that is off by a factor e counts against a change of unit.
_ERROR: Final = 8.0
#: Stresses that were converted from GPa or kbar, although they were in eV/Å³: eV/Å³ in one of these.
CONVERTED_TWICE: Final = {"160.21766": 160.2176634, "1602.1766": 1602.176634}
_STRESS: Final = STRESS_UNITS | CONVERTED_TWICE
#: Units of forces that programs write beside each unit of energy.
_NATURAL: Final = {
    "eV": ("eV/A",),
    "Hartree": ("Hartree/Bohr", "Hartree/A"),
    "Ry": ("Ry/Bohr", "Ry/A"),
    "kcal/mol": ("kcal/mol/A",),
    "kJ/mol": ("kJ/mol/A",),
    "meV": ("meV/A",),
}


@dataclass(frozen=True)
class Units:
    """Of the numbers in a file."""

    energy: str
    forces: str
    stress: str

    @classmethod
    def stated(cls, choice: LabelChoice) -> "Units":
        """Those with which a file was read."""
        return cls(
            choice.energy_unit,
            choice.forces_unit or f"{choice.energy_unit}/A",
            choice.stress_unit,
        )

    @property
    def factors(self) -> tuple[float, float, float]:
        """eV, eV/Å and eV/Å³ in one of each."""
        return _one(self.energy, ENERGY_UNITS), _force(self.forces), _one(self.stress, _STRESS)

    def expected(self, stated: "Units") -> tuple[float, float]:
        """Slopes of energies and of stresses on what forces imply, where ``stated`` was read and these are true."""
        (e, f, s), (true_e, true_f, true_s) = stated.factors, self.factors
        return (e / true_e) / (f / true_f), (s / true_s) / (f / true_f)

    def options(self, stated: "Units") -> str:
        """What to pass to ``foundational import`` in place of ``stated``."""
        parts = []
        if self.energy != stated.energy:
            parts.append(f"--energy-unit {self.energy}")
        if self.forces != f"{self.energy}/A":
            parts.append(f"--forces-unit {self.forces}")
        if self.stress != stated.stress:
            parts.append(f"--stress-unit {self.stress}")
        return " ".join(parts)


def _force(unit: str) -> float:
    """eV/Å in one of a unit of forces, or of a unit of energy together with Å."""
    return FORCE_UNITS[unit] if unit in FORCE_UNITS else _one(unit.removesuffix("/A"), ENERGY_UNITS)


def _one(unit: str, known: Mapping[str, float]) -> float:
    """What one of a unit is; a unit may be that number itself."""
    return known[unit] if unit in known else float(unit)


def explain(stated: Units, energy_over_forces: float, stress_over_forces: float) -> Units | None:
    """The units that explain the slopes with the fewest and most usual changes; None where none do.

    Parameters
    ----------
    energy_over_forces
        Slope of the read energies on those that the read forces imply; NaN where it is not known.
    stress_over_forces
        Absolute slope of the read stresses on those that the read forces, or else the energies, imply; or NaN.
    """
    known = [isfinite(energy_over_forces), isfinite(stress_over_forces)]
    best: tuple[float, Units] | None = None
    for units in _all(known[1], stated):
        errors = [
            abs(log(slope / value))
            for slope, value, use in zip(
                (energy_over_forces, stress_over_forces), units.expected(stated), known, strict=True
            )
            if use
        ]
        if max(errors, default=0.0) > log(_EXPLAINS):
            continue
        changes = _changes(units, stated)
        rank = changes + _ERROR * sum(errors)
        if changes <= _MOST_CHANGES and (best is None or rank < best[0]):
            best = (rank, units)
    return None if best is None else best[1]


def ratios_near(stated: Units, slope: float) -> list[float]:
    """Slopes of energies on those that forces imply, which units explain, best first.

    They are within a factor 2 of ``slope``.
    """
    found: dict[float, None] = {}
    for units in _all(False, stated):
        if _changes(units, stated) <= _MOST_CHANGES:
            found[round(log(units.expected(stated)[0]), 3)] = None
    near = sorted((abs(value - log(abs(slope))), value) for value in found)
    return [exp(value) for error, value in near if error < log(2)]


@lru_cache(maxsize=16)
def _all(stress: bool, stated: Units) -> list[Units]:
    stresses = tuple(dict.fromkeys((stated.stress, *_STRESS))) if stress else (stated.stress,)
    forces = dict.fromkeys((stated.forces, *FORCE_UNITS))
    return [Units(*units) for units in product(dict.fromkeys((stated.energy, *ENERGY_UNITS)), forces, stresses)]


def _changes(units: Units, stated: Units) -> float:
    """How far units are from the stated ones: changes, of which two that go together count little more than one."""
    energy, forces = units.energy != stated.energy, units.forces != stated.forces
    together = energy and forces and units.forces in _NATURAL.get(units.energy, ())
    unnatural = forces and units.forces not in _NATURAL.get(units.energy, ())
    stress = units.stress != stated.stress
    atomic = stress and units.stress.endswith("Bohr3") and units.energy not in units.stress
    return (1.2 if together else energy + forces + 0.5 * unnatural) + stress + 0.5 * atomic


def order_option(order: tuple[int, ...], stated: LabelChoice) -> str:
    """The option that names the order of the components, where the place of each holds another component.

    Parameters
    ----------
    order
        For each place of `VOIGT` the component that was read into it.
    """
    names = ",".join(_held(name, order) for name in stated.order)
    if stated.stress_order != "ase":
        return f"--stress-order {names}"
    nine = ",".join(_held(name, order) for name in MATRIX)
    return f"--stress-order {names} where the file has six numbers, or {nine} where it has nine"


def _held(name: str, order: tuple[int, ...]) -> str:
    """The component that was read into the place ``name``; below the diagonal with its letters reversed."""
    if name in VOIGT:
        return VOIGT[order[VOIGT.index(name)]]
    return VOIGT[order[VOIGT.index(name[::-1])]][::-1]


def sign_option(stated: LabelChoice) -> str:
    """The option that reverses the sign."""
    return f"--stress-sign {'compression' if stated.stress_sign == 'tension' else 'tension'}"
