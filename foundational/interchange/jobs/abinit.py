"""Input of ABINIT: the template with the cell and the atoms of one configuration."""

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from ase.data import atomic_numbers

from foundational.errors import InputError
from foundational.interchange.jobs.structure import Structure, row
from foundational.interchange.jobs.template import number, with_meshes

_HARTREE: Final = 27.211386245988
#: Variables that the structure decides.
_OWN: Final = ("natom", "typat", "acell", "rprim", "angdeg", "xred", "xcart", "xangst")
_VALUES: Final = r"(?:[ \t]+[^\n#!]*)?(?:\n[ \t]*[-+\d.][^\n]*)*"


def inputs(files: Mapping[str, str], main: str, structure: Structure) -> dict[str, str]:
    """The input with the structure at its end.

    The order of ``znucl`` in the template is that of ``pseudos``, so it stays.

    Raises
    ------
    InputError
        An element has no pseudopotential, or atoms move.
    """
    text = with_meshes(files[main], structure)
    if (match := re.search(r"^\s*ionmov\s+(\d+)", text, re.MULTILINE)) and int(match[1]):
        raise InputError(f"--template: expected no ionmov in {main}, one energy a configuration, got {match[1]}")
    znucl = _numbers(text, "znucl")
    if not znucl and len(structure.elements) == 1:
        znucl = [float(atomic_numbers[structure.elements[0]])]
        text += f"\nntypat 1\nznucl {znucl[0]:g}"
    if absent := [element for element in structure.elements if float(atomic_numbers[element]) not in znucl]:
        raise InputError(
            f"--template: expected znucl and pseudos for {', '.join(absent)} in {main}, in the same order, "
            f"got znucl {' '.join(f'{z:g}' for z in znucl) or 'of nothing'}"
        )
    for name in _OWN:
        text = re.sub(rf"^[ \t]*{name}\b{_VALUES}\n?", "", text, flags=re.MULTILINE | re.IGNORECASE)
    types = [znucl.index(float(z)) + 1 for z in structure.numbers.tolist()]
    lines = [f"natom {len(types)}", "typat", *map(str, types), "acell 1.0 1.0 1.0 angstrom", "rprim"]
    lines += [f"  {row(vector)}" for vector in structure.cell]
    lines += ["xred", *(f"  {row(fraction)}" for fraction in structure.positions @ np.linalg.inv(structure.cell))]
    return {main: text.rstrip("\n") + "\n" + "\n".join(lines) + "\n"}


def stated(files: Mapping[str, str], main: str) -> dict[str, Any]:
    """What the input says that the output must say too: the cutoff and the mesh of k-points."""
    found: dict[str, Any] = {}
    text = files[main]
    if match := re.search(r"^\s*ecut\s+([\d.]+(?:[dDeE][-+]?\d+)?)\s*(\w*)", text, re.MULTILINE):
        units = {"": _HARTREE, "ha": _HARTREE, "hartree": _HARTREE, "ry": _HARTREE / 2, "rydberg": _HARTREE / 2}
        factor = units.get(match[2].lower(), 1.0 if match[2].lower() == "ev" else _HARTREE)
        found["cutoff_eV"] = round(number(match[1], "ecut") * factor, 3)
    if len(mesh := _numbers(text, "ngkpt")) == 3:
        found["k_points"] = "x".join(f"{n:g}" for n in mesh)
    return found


def _numbers(text: str, name: str) -> list[float]:
    """The numbers of a variable, ``3*4`` as three fours."""
    match = re.search(rf"^\s*{name}\b(.*)$", text, re.MULTILINE | re.IGNORECASE)
    found: list[float] = []
    for word in re.split(r"[#!]", match[1])[0].split() if match else []:
        times, star, value = word.partition("*")
        try:
            found += [float(value)] * int(times) if star else [float(word)]
        except ValueError:
            break
    return found
