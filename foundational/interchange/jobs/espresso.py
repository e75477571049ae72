"""Input of pw.x: the template's namelists and cards, with cell and atoms of one configuration."""

import re
from collections.abc import Mapping
from typing import Any, Final

from foundational.errors import InputError
from foundational.interchange.jobs.structure import Structure, row
from foundational.interchange.jobs.template import number, with_meshes

_CARDS: Final = (
    "ATOMIC_SPECIES",
    "ATOMIC_POSITIONS",
    "K_POINTS",
    "CELL_PARAMETERS",
    "OCCUPATIONS",
    "CONSTRAINTS",
    "ATOMIC_FORCES",
    "ATOMIC_VELOCITIES",
    "ADDITIONAL_K_POINTS",
    "SOLVENTS",
    "HUBBARD",
)
_CARD: Final = re.compile(rf"^\s*({'|'.join(_CARDS)})\b", re.IGNORECASE)
_RYDBERG: Final = 13.605693122994
#: Keys of &SYSTEM that the structure decides.
_OWN: Final = ("ibrav", "nat", "ntyp", "celldm", "a", "b", "c", "cosab", "cosac", "cosbc", "space_group")


def filled(text: str, structure: Structure) -> str:
    """The template ``text`` for ``structure``.

    ``ibrav``, ``nat``, ``ntyp`` and the cards CELL_PARAMETERS and ATOMIC_POSITIONS are those of the structure; forces
    and stress are asked for where the template says nothing of them.

    Raises
    ------
    InputError
        A namelist or a species is absent, the calculation is not scf, or the template switches forces off.
    """
    namelists, cards = _parts(with_meshes(text, structure))
    for name in ("CONTROL", "SYSTEM"):
        if name not in namelists:
            raise InputError(f"--template: expected the namelist &{name}, which pw.x needs; it is missing")
    _require_forces(namelists["CONTROL"])
    species = {line.split()[0] for line in cards.get("ATOMIC_SPECIES", [])[1:] if line.split()}
    if absent := [element for element in structure.elements if element not in species]:
        raise InputError(
            f"--template: expected a line for {', '.join(absent)} in the card ATOMIC_SPECIES "
            f"(element, mass, pseudopotential), got {', '.join(sorted(species)) or 'none'}"
        )
    if "K_POINTS" not in cards:
        raise InputError("--template: expected the card K_POINTS, it is missing; {kmesh:0.25} adapts it to the cell")
    system = [line for line in namelists["SYSTEM"] if not _assigns(line, _OWN)]
    system = [f"  ibrav = 0, nat = {len(structure.numbers)}, ntyp = {len(structure.elements)}", *system]
    control = namelists["CONTROL"]
    control = [
        *(f"  {key} = .true." for key in ("tprnfor", "tstress") if not any(_assigns(line, (key,)) for line in control)),
        *control,
    ]
    kept = [cards["ATOMIC_SPECIES"][0]]
    kept += [line for line in cards["ATOMIC_SPECIES"][1:] if line.split() and line.split()[0] in structure.elements]
    lines = []
    for name, body in (namelists | {"CONTROL": control, "SYSTEM": system}).items():
        lines += [f"&{name}", *body, "/"]
    for name, card in cards.items():
        if name not in {"CELL_PARAMETERS", "ATOMIC_POSITIONS"}:
            lines += kept if name == "ATOMIC_SPECIES" else card
    lines += ["CELL_PARAMETERS angstrom", *map(row, structure.cell)]
    lines += ["ATOMIC_POSITIONS angstrom"]
    lines += [
        f"{symbol} {row(position)}" for symbol, position in zip(structure.symbols, structure.positions, strict=True)
    ]
    return "\n".join(lines) + "\n"


def stated(text: str) -> dict[str, Any]:
    """What an input says that the output must say too: the cutoff, the mesh of k-points, the pseudopotentials."""
    namelists, cards = _parts(text)
    found: dict[str, Any] = {}
    for line in namelists.get("SYSTEM", []):
        if match := re.search(r"\becutwfc\s*=\s*([\d.]+(?:[dDeE][-+]?\d+)?)", line):
            found["cutoff_eV"] = round(number(match[1], "ecutwfc") * _RYDBERG, 3)
    card = cards.get("K_POINTS", [""])
    kind = card[0].partition("K_POINTS")[2].strip(" {}()").lower()
    if kind == "gamma":
        found["k_points"] = "1x1x1"
    elif kind == "automatic" and len(card) > 1 and len(numbers := card[1].split()) >= 3:
        found["k_points"] = "x".join(numbers[:3])
    for line in cards.get("ATOMIC_SPECIES", [])[1:]:
        if len(words := line.split()) >= 3:
            found[f"pseudopotential {words[0]}"] = words[2]
    return found


def _parts(text: str) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Namelists by name, without their first and last line; cards by name, with their first line."""
    namelists: dict[str, list[str]] = {}
    cards: dict[str, list[str]] = {}
    block: list[str] | None = None
    inside = False
    for line in text.splitlines():
        plain = line.partition("!")[0].rstrip()
        if not plain.strip():
            continue
        if not inside and (match := re.match(r"^\s*&(\w+)\s*(.*)$", plain)):
            block, inside = namelists.setdefault(match[1].upper(), []), True
            plain = match[2]
        if inside and block is not None:
            body, slash, _ = _closed(plain)
            block += [body] if body.strip() else []
            inside = not slash
        elif match := _CARD.match(plain):
            block = cards.setdefault(match[1].upper(), [])
            block.append(plain.strip())
        elif block is not None:
            block.append(plain)
    return namelists, cards


def _closed(line: str) -> tuple[str, bool, str]:
    """What stands before a slash that ends a namelist, outside of quotes; whether there is one."""
    quote = ""
    for place, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "/":
            return line[:place], True, line[place + 1 :]
    return line, False, ""


def _assigns(line: str, keys: tuple[str, ...]) -> bool:
    """Whether a line assigns one of ``keys``; a line with several assignments is divided before (`_require_forces`)."""
    return re.match(rf"^\s*({'|'.join(keys)})\s*(\(\d+\))?\s*=", line, re.IGNORECASE) is not None


def _require_forces(control: list[str]) -> None:
    text = "\n".join(control)
    calculation = re.search(r"calculation\s*=\s*['\"](\w[\w-]*)['\"]", text, re.IGNORECASE)
    if calculation is not None and calculation[1].lower() != "scf":
        raise InputError(f"--template: expected calculation = 'scf', one energy a configuration, got {calculation[1]}")
    for key in ("tprnfor", "tstress"):
        if re.search(rf"{key}\s*=\s*\.f", text, re.IGNORECASE):
            raise InputError(f"--template: expected {key} = .true., got .false.; a set needs forces and stresses")


def divided(text: str) -> str:
    """``text`` with one assignment a line in each namelist, so that single ones can be replaced."""
    lines, inside = [], False
    for line in text.splitlines():
        plain = line.partition("!")[0] if inside or line.lstrip().startswith("&") else line
        if line.lstrip().startswith("&"):
            inside = True
        if inside and plain.count("=") > 1:
            plain = re.sub(r",\s*(?=\w+(?:\(\d+\))?\s*=)", "\n", plain)
        lines += plain.split("\n")
        if inside and _closed(plain)[1]:
            inside = False
    return "\n".join(lines)


def inputs(files: Mapping[str, str], main: str, structure: Structure) -> dict[str, str]:
    """The files of one folder that the structure changes."""
    return {main: filled(divided(files[main]), structure)}
