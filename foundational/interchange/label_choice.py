"""What a user says of the labels of a file: keys, units, sign and order of the stress.

Nothing is guessed of a unit: what is not eV, Å and eV/Å³ with tension positive must be said.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal

from foundational.errors import InputError, did_you_mean
from foundational.specs.base import Spec

#: eV in one of each unit of energy.
ENERGY_UNITS: Final = {
    "eV": 1.0,
    "meV": 1e-3,
    "Hartree": 27.211386245988,
    "Ry": 13.605693122994,
    "kcal/mol": 0.0433641153087705,
    "kJ/mol": 0.0103642696562622,
}
#: eV/Å in one of each unit of force.
FORCE_UNITS: Final = {
    "eV/A": 1.0,
    "meV/A": 1e-3,
    "Hartree/Bohr": 27.211386245988 / 0.529177210903,
    "Ry/Bohr": 13.605693122994 / 0.529177210903,
    "eV/Bohr": 1 / 0.529177210903,
    "Hartree/A": 27.211386245988,
    "Ry/A": 13.605693122994,
    "kcal/mol/A": 0.0433641153087705,
    "kJ/mol/A": 0.0103642696562622,
}
#: eV/Å³ in one of each unit of stress (CODATA 2018: 1 eV/Å³ is 160.2176634 GPa).
STRESS_UNITS: Final = {
    "eV/A3": 1.0,
    "GPa": 1 / 160.2176634,
    "kbar": 0.1 / 160.2176634,
    "bar": 1e-4 / 160.2176634,
    "Hartree/Bohr3": 27.211386245988 / 0.529177210903**3,
    "Hartree/A3": 27.211386245988,
    "Ry/Bohr3": 13.605693122994 / 0.529177210903**3,
}
#: Orders of six components of a stress: places of xx yy zz yz xz xy among them.
ORDERS: Final = {
    "ase": ("xx", "yy", "zz", "yz", "xz", "xy"),
    "vasp": ("xx", "yy", "zz", "xy", "yz", "xz"),
    "xx,yy,zz,xy,yz,xz": ("xx", "yy", "zz", "xy", "yz", "xz"),
}
#: Nine components, row after row.
MATRIX: Final = ("xx", "xy", "xz", "yx", "yy", "yz", "zx", "zy", "zz")
_NUMBER: Final = re.compile(r"\d+\.?\d*([eE][-+]?\d+)?")


class LabelChoice(Spec):
    """What a user says of the labels of a file; whatever is not said follows from the names."""

    energy_key: str | None = None
    forces_key: str | None = None
    stress_key: str | None = None
    virial_key: str | None = None
    energy_unit: str = "eV"
    """Of energies, of virials, and of forces together with Å."""
    forces_unit: str | None = None
    """Of forces where it is not that of the energies together with Å."""
    stress_unit: str = "eV/A3"
    stress_sign: Literal["tension", "compression"] = "tension"
    """What a positive stress is in the file. VASP prints compression positive."""
    stress_order: str = "ase"
    """Of six components: ase (xx yy zz yz xz xy), vasp (xx yy zz xy yz xz), or six names with commas; or nine names.
    Nine numbers are a matrix, row after row, where the order is ase or vasp."""
    nan: Literal["refuse", "unknown"] = "refuse"
    """What NaN in a label means: the frame is bad, or the label is not known."""

    @property
    def order(self) -> tuple[str, ...]:
        """The names of six or nine components in the order of the file.

        Raises
        ------
        InputError
            If it is no order of them.
        """
        if self.stress_order in ORDERS:
            return ORDERS[self.stress_order]
        names = tuple(part.strip().lower() for part in self.stress_order.split(","))
        if sorted(names) == sorted(MATRIX):
            return names
        names = tuple({"zy": "yz", "zx": "xz", "yx": "xy"}.get(name, name) for name in names)
        if sorted(names) != sorted(ORDERS["ase"]):
            raise InputError(
                "--stress-order: expected ase, vasp, xx,yy,zz,yz,xz,xy or nine names such as "
                f"{','.join(MATRIX)} in the order of the file, got {self.stress_order!r}"
            )
        return names

    def with_defaults(self, defaults: Mapping[str, str]) -> "LabelChoice":
        """The same choice, with ``defaults`` of a format for what the user did not say."""
        return LabelChoice.model_validate({**defaults, **self.model_dump(include=self.model_fields_set)})

    def check(self) -> None:
        """Refuse units and orders that do not exist, before any file is read."""
        self.factor(self.energy_unit, ENERGY_UNITS, "--energy-unit")
        _ = self.forces_scale
        self.factor(self.stress_unit, STRESS_UNITS, "--stress-unit")
        _ = self.order

    @property
    def forces_scale(self) -> float:
        """eV/Å in one of the unit of forces."""
        if self.forces_unit is None:
            return self.factor(self.energy_unit, ENERGY_UNITS, "--energy-unit")
        return self.factor(self.forces_unit, FORCE_UNITS, "--forces-unit")

    def unit_of(self, label: str, key: str) -> str:
        """The unit of ``label``, which stands under ``key``, in the file."""
        if label != "stress":
            return (self.forces_unit or f"{self.energy_unit}/Å") if label == "forces" else self.energy_unit
        if ("virial" in key.lower() and "stress" not in key.lower()) or key == self.virial_key:
            return f"{self.energy_unit}, virial −σV"
        return self.stress_unit if self.stress_sign == "tension" else f"{self.stress_unit}, compression positive"

    def factor(self, unit: str, known: Mapping[str, float], option: str) -> float:
        """What one of ``unit``, a name or this number itself, is in units of the layout.

        Raises
        ------
        InputError
            If the unit is neither known nor a positive number.
        """
        found = known.get(unit)
        if found is None and _NUMBER.fullmatch(unit):
            found = float(unit) or None
        if found is None:
            spelled = unit.replace("Å", "A").replace("³", "3").replace("^", "")
            found = {name.lower(): value for name, value in known.items()}.get(spelled.lower())
        if found is None:
            raise InputError(
                f"{option}: expected one of {', '.join(known)} or a number, got {unit!r}; {did_you_mean(unit, known)}"
            )
        return found


def keys_of(choice: LabelChoice) -> dict[str, str | None]:
    """By label: the key that a user named, None where none was."""
    return {
        "energies": choice.energy_key,
        "forces": choice.forces_key,
        "stresses": choice.stress_key,
        "virials": choice.virial_key,
    }
