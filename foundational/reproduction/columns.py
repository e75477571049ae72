"""The flat columns in which metrics/paper keeps crystals and properties: one list a quantity, one number a network."""

from typing import Any

from foundational.evaluation.crystals import CrystalReport
from foundational.evaluation.properties import FccPropertyValues


def crystal_columns(report: CrystalReport) -> dict[str, list[Any]]:
    """``<crystal>_error_meV`` (meV/atom), ``<crystal>_bond_error`` (Å) and ``rank_ok``."""
    columns: dict[str, list[Any]] = {}
    for name, errors in report.errors().items():
        columns[f"{name}_error_meV"] = list(errors.energy_meV_per_atom)
        columns[f"{name}_bond_error"] = list(errors.nearest_neighbour_distance)
    return columns | {"rank_ok": list(report.rank_ok)}


def property_columns(networks: list[FccPropertyValues | None]) -> dict[str, list[float | None]]:
    """Each property by its name with unit; None where a network has none."""
    rows = [None if network is None else network.model_dump() for network in networks]
    return {name: [None if row is None else row[name] for row in rows] for name in FccPropertyValues.model_fields}
