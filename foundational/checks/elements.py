"""Declared against found elements."""

from typing import TYPE_CHECKING

import numpy as np

from foundational.checks.collection import Collection
from foundational.checks.report import Finding, found, passed
from foundational.elements import NUMBERS, SYMBOLS

if TYPE_CHECKING:
    import xarray as xr


def check_elements(dataset: "xr.Dataset", data: Collection) -> Finding:
    """The elements that the dataset declares in its attributes against those that its atoms are of."""
    rule = "declared elements"
    declared = dataset.attrs.get("elements") or dataset.attrs.get("element")
    names = [SYMBOLS[z] for z in data.elements if 0 < z < len(SYMBOLS)]
    if not declared:
        return found(rule, "warning", f"no elements are declared; found {', '.join(names)}", "state the elements")
    stated = [declared] if isinstance(declared, str) else list(declared)
    numbers = [NUMBERS.get(name, -1) for name in stated]
    if extra := [SYMBOLS[z] for z in data.elements if int(z) not in numbers and 0 < z < len(SYMBOLS)]:
        columns = [list(data.elements).index(NUMBERS[name]) for name in extra]
        rows = np.flatnonzero(data.composition[:, columns].any(axis=1))
        return found(
            rule,
            "defect",
            f"declared {', '.join(stated)}, found {', '.join(extra)} as well",
            "check the names of species at import (--species), or exclude these configurations",
            rows.tolist(),
        )
    if missing := [name for name, z in zip(stated, numbers, strict=True) if z not in data.elements]:
        return found(
            rule, "defect", f"declared {', '.join(missing)}, of which no atom was found", "correct the element"
        )
    return passed(rule, ", ".join(names))
