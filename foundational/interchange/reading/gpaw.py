"""What text output of GPAW says that ASE's reader does not give: the free energies, to which the forces belong."""

import re
from pathlib import Path
from typing import Final

_FREE: Final = re.compile(r"^\s*Free energy:\s+([-+]?\d+\.\d+)\s*$")
_POSITIONS: Final = "Positions:"


def free_energies(path: Path) -> list[float | None]:
    """eV, of each configuration in order; None where none is printed."""
    found: list[float | None] = []
    with path.open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            if line.rstrip() == _POSITIONS:
                found.append(None)
            elif found and (match := _FREE.match(line)):
                found[-1] = float(match[1])
    return found
