"""Input of VASP: POSCAR, and a POTCAR of the elements in its order."""

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from foundational.errors import InputError
from foundational.interchange.jobs.structure import Structure, row
from foundational.interchange.jobs.template import number

_GGA: Final = {"PE": "PBE", "PS": "PBEsol", "RP": "RPBE", "91": "PW91", "CA": "LDA", "AM": "AM05"}


def inputs(files: Mapping[str, str], main: str, structure: Structure) -> dict[str, str]:
    """POSCAR with atoms of one element together, and POTCAR out of ``POTCAR.<element>`` files.

    Raises
    ------
    InputError
        A POTCAR is of other elements than the configuration, or the INCAR moves atoms.
    """
    incar = _tags(files[main])
    if incar.get("NSW", "0") not in {"0", ""}:
        raise InputError(f"--template: expected NSW = 0 in {main}, one energy a configuration, got {incar['NSW']}")
    out = {"POSCAR": _poscar(structure)}
    elements = structure.elements
    if all(f"POTCAR.{element}" in files for element in elements):
        out["POTCAR"] = "".join(files[f"POTCAR.{element}"] for element in elements)
    elif "POTCAR" in files:
        found = [title.split()[1].partition("_")[0] for title in re.findall(r"TITEL\s*=\s*(.+)", files["POTCAR"])]
        if found != elements:
            raise InputError(
                f"--template: expected a POTCAR of {' '.join(elements)}, in this order, got {' '.join(found) or 'none'}"
                "; give POTCAR.<element> for each element, and they are joined"
            )
    return out


def leave_out(name: str) -> bool:
    """Whether a file of the template is an ingredient, and not copied itself."""
    return name.startswith("POTCAR.")


def stated(files: Mapping[str, str], main: str) -> dict[str, Any]:
    """What the inputs say that the output must say too: cutoff, functional, mesh or spacing of k-points."""
    tags = _tags(files[main])
    found: dict[str, Any] = {}
    if "ENCUT" in tags:
        found["cutoff_eV"] = number(tags["ENCUT"], "ENCUT")
    if tags.get("GGA", "").upper() in _GGA and "METAGGA" not in tags:
        found["functional"] = _GGA[tags["GGA"].upper()]
    if "KPOINTS" in files:
        lines = [line.split() for line in files["KPOINTS"].splitlines()]
        automatic = len(lines) > 3 and lines[1][:1] == ["0"] and lines[2] and lines[2][0][0].lower() in "gm"
        if automatic and len(lines[3]) >= 3:
            found["k_points"] = "x".join(lines[3][:3])
    elif "KSPACING" in tags:
        found["k_spacing"] = number(tags["KSPACING"], "KSPACING")
    return found


def _tags(text: str) -> dict[str, str]:
    """The tags of an INCAR."""
    found = {}
    for line in text.splitlines():
        for part in re.split(r"[!#]", line)[0].split(";"):
            name, equals, value = part.partition("=")
            if equals:
                found[name.strip().upper()] = value.strip()
    return found


def _poscar(structure: Structure) -> str:
    """Cartesian, in the order of the atoms of each element; VASP needs the atoms of an element together."""
    symbols = np.array(structure.symbols)
    order = np.concatenate([np.flatnonzero(symbols == element) for element in structure.elements])
    lines = [" ".join(structure.elements), "1.0", *map(row, structure.cell), " ".join(structure.elements)]
    lines += [" ".join(str(int((symbols == element).sum())) for element in structure.elements), "Cartesian"]
    lines += [row(structure.positions[atom]) for atom in order]
    return "\n".join(lines) + "\n"
