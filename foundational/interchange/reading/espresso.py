"""What output of Quantum ESPRESSO says of the method."""

import re
from pathlib import Path
from typing import Any, Final

from foundational.interchange.label_choice import ENERGY_UNITS

#: Lines of the head that are read: all that is needed stands before the first configuration.
_LINES: Final = 2000
_VERSION: Final = re.compile(r"Program PWSCF v\.?(\S+)")
_FUNCTIONAL: Final = re.compile(r"Exchange-correlation\s*=\s*(.+?)\s*(?:\(|$)")
_CUTOFF: Final = re.compile(r"kinetic-energy cutoff\s*=\s*([\d.]+)\s*Ry")


def espresso_method(path: Path) -> dict[str, Any]:
    """Version, functional and cutoff, by the fields of `MethodRecord`."""
    said: dict[str, Any] = {}
    with path.open(encoding="utf-8", errors="replace") as stream:
        for _, line in zip(range(_LINES), stream, strict=False):
            if match := _VERSION.search(line):
                said.setdefault("version", match[1])
            elif match := _FUNCTIONAL.search(line):
                said.setdefault("functional", match[1])
            elif match := _CUTOFF.search(line):
                said.setdefault("cutoff_eV", round(float(match[1]) * ENERGY_UNITS["Ry"], 3))
    return said
