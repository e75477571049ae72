"""Input of CP2K: the template with the sections &CELL and &COORD of one configuration."""

import re
from collections.abc import Mapping
from typing import Any

from foundational.errors import InputError
from foundational.interchange.jobs.structure import Structure, row
from foundational.interchange.jobs.template import with_meshes


def inputs(files: Mapping[str, str], main: str, structure: Structure) -> dict[str, str]:
    """The input with the structure in &SUBSYS.

    Raises
    ------
    InputError
        There is no &SUBSYS, a kind is absent, or forces are not asked for.
    """
    text = with_meshes(files[main], structure)
    if not re.search(r"^\s*&SUBSYS\b", text, re.IGNORECASE | re.MULTILINE):
        raise InputError(f"--template: expected the section &SUBSYS in {main}, it is missing")
    if not re.search(r"^\s*RUN_TYPE\s+ENERGY_FORCE\b", text, re.IGNORECASE | re.MULTILINE):
        raise InputError(f"--template: expected RUN_TYPE ENERGY_FORCE in {main}; a set needs forces")
    if not re.search(r"^\s*&FORCES\b", text, re.IGNORECASE | re.MULTILINE):
        raise InputError(f"--template: expected &FORCES ON in &PRINT of &FORCE_EVAL in {main}; CP2K prints none else")
    if level := re.search(r"^\s*PRINT_LEVEL\s+(LOW|SILENT)\b", text, re.IGNORECASE | re.MULTILINE):
        raise InputError(
            f"--template: expected PRINT_LEVEL MEDIUM in {main}, got {level[1]}, at which CP2K prints no positions"
        )
    kinds = {kind.capitalize() for kind in re.findall(r"^\s*&KIND\s+(\w+)", text, re.IGNORECASE | re.MULTILINE)}
    if absent := [element for element in structure.elements if element not in kinds]:
        raise InputError(f"--template: expected &KIND {absent[0]} in {main}, got {', '.join(sorted(kinds)) or 'none'}")
    for section in ("CELL", "COORD"):
        pattern = rf"^[ \t]*&{section}\b.*?^[ \t]*&END(?:[ \t]+{section})?[ \t]*\n"
        text = re.sub(pattern, "", text, flags=re.IGNORECASE | re.MULTILINE | re.DOTALL)
    periodic = "".join(axis for axis, closed in zip("XYZ", structure.pbc.tolist(), strict=True) if closed) or "NONE"
    lines = ["    &CELL", *(f"      {name} {row(vector)}" for name, vector in zip("ABC", structure.cell, strict=True))]
    lines += [f"      PERIODIC {periodic}", "    &END CELL", "    &COORD"]
    lines += [f"      {symbol} {row(at)}" for symbol, at in zip(structure.symbols, structure.positions, strict=True)]
    lines += ["    &END COORD"]
    own = "\n".join(lines)
    text = re.sub(
        r"^([ \t]*&SUBSYS\b.*)$", lambda match: f"{match[1]}\n{own}", text, count=1, flags=re.IGNORECASE | re.MULTILINE
    )
    return {main: text}


def stated(files: Mapping[str, str], main: str) -> dict[str, Any]:
    """What the input says that the output must say too: the mesh of k-points and the functional."""
    found: dict[str, Any] = {}
    if match := re.search(r"^\s*SCHEME\s+MONKHORST-PACK\s+(\d+)\s+(\d+)\s+(\d+)", files[main], re.I | re.M):
        found["k_points"] = "x".join(match.groups())
    if match := re.search(r"^\s*&XC_FUNCTIONAL\s+(\w+)", files[main], re.IGNORECASE | re.MULTILINE):
        found["functional"] = match[1].upper()
    return found
