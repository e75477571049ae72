"""Every unit that may be written after a number is what it is elsewhere."""

import ase.units
import pytest

from foundational.data.query.columns import COLUMNS, UNITS

GPA = ase.units.GPa
#: What one of each unit is in ASE's units, eV and Å.
ELSEWHERE = {
    "eV": 1.0,
    "meV": 1e-3,
    "GPa": GPA,
    "MPa": 1e-3 * GPA,
    "kbar": 1e3 * ase.units.bar,
    "bar": ase.units.bar,
    "Å³": 1.0,
    "nm³": ase.units.nm**3,
}


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit != "1"])
def test_units_of_a_column_are_those_of_ase(unit: str) -> None:
    def elsewhere(name: str) -> float:
        plain = name.replace("^3", "³").replace("A", "Å").removesuffix("/atom")
        if plain == "eV/Å³":
            return 1.0
        return ELSEWHERE[plain.removesuffix("/Å")]

    for written, factor in UNITS[unit].items():
        assert factor == pytest.approx(elsewhere(written) / elsewhere(unit), rel=1e-7), written
    assert UNITS[unit][unit] == 1.0


def test_every_column_has_a_unit_that_can_be_written() -> None:
    assert {column.unit for column in COLUMNS.values()} <= UNITS.keys()
    assert UNITS["1"] == {}
