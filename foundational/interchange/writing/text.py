"""Extended XYZ for MACE, for everything that reads it through ASE, and for NEP."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from ase.data import chemical_symbols
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import NDArray

from foundational.data.atomic_write import write_whole
from foundational.interchange.writing.parts import AnyPart, Part

_SYMBOLS: Final = np.array(chemical_symbols)


@dataclass(frozen=True)
class Flavour:
    """Which keys a family of readers takes labels from."""

    energy: tuple[str, ...]
    forces: str
    stress: Callable[[NDArray[np.float64], float], str]
    """The entry of the comment line for a stress (3, 3) in eV/Å³ and a volume in Å³."""


def _numbers(values: NDArray[np.floating]) -> str:
    return " ".join(map(repr, values.reshape(-1).tolist()))


#: Six numbers under a key of MACE: a reader who takes them for a stress of nine fails, and does not mix them up.
MACE: Final = Flavour(
    ("REF_energy",),
    "REF_forces",
    lambda stress, volume: f'REF_stress="{_numbers(full_3x3_to_voigt_6_stress(stress))}"',  # noqa: ARG005
)
#: ASE's reader makes a calculator of these keys; it takes nine numbers of ``stress`` for a matrix.
ASE: Final = Flavour(
    ("energy", "free_energy"),
    "forces",
    lambda stress, volume: f'stress="{_numbers(stress)}"',  # noqa: ARG005
)
#: Any version of GPUMD reads ``virial``, in eV, compression positive.
NEP: Final = Flavour(("energy",), "forces", lambda stress, volume: f'virial="{_numbers(-stress * volume)}"')


def write_text(part: AnyPart, path: Path, flavour: Flavour) -> None:
    """Write one file; what is not known has no key and no column."""
    write_whole(path, (frame.encode() for block in part.blocks() for frame in _frames(block, flavour)))


def _frames(part: Part, flavour: Flavour) -> Iterator[str]:
    c, labels, known = part.configurations, part.labels, part.known()
    formats = {name: _format(array) for name, array in (("pos", c.positions), ("forces", labels.forces))}
    symbols = _SYMBOLS[c.atomic_numbers]
    volumes = c.volume
    for i, n in enumerate(c.n_atoms.tolist()):
        atoms = slice(int(c.offsets[i]), int(c.offsets[i + 1]))
        columns, line, tables = "species:S:1:pos:R:3", "%s" + formats["pos"], [c.positions[atoms]]
        if known["forces"][i]:
            columns += f":{flavour.forces}:R:3"
            line += formats["forces"]
            tables.append(labels.forces[atoms])
        for name, values in part.atom_fields_of(i).items():
            kind, form, table = _column(values)
            columns += f":{name}:{kind}:{table.shape[1]}"
            line += form * table.shape[1]
            tables.append(table)
        entries = [f'Lattice="{_numbers(c.cell[i])}"'] if c.cell[i].any() else []
        entries += [f"Properties={columns}"]
        if known["energy"][i]:
            entries += [f"{key}={labels.energy[i].item()!r}" for key in flavour.energy]
        if known["stress"][i]:
            entries.append(flavour.stress(labels.stress[i], float(volumes[i])))
        entries.append('pbc="{}"'.format(" ".join("T" if periodic else "F" for periodic in c.pbc[i])))
        entries.append(f"id=0x{part.ids[i]}" if not part.ids[i].startswith("isolated") else f"id={part.ids[i]}")
        if (config_type := part.config_types[i]) is not None:
            entries.append(f"config_type={_quoted(config_type)}")
        if (method := part.methods[i]) is not None:
            entries.append(f"method={_quoted(method)}")
        entries += [f"{name}={_value(value)}" for name, value in part.fields_of(i).items()]
        rows = np.column_stack([symbols[atoms].astype(object), *(table.astype(object) for table in tables)])
        yield f"{n}\n{' '.join(entries)}\n" + ((line + "\n") * n) % tuple(rows.reshape(-1))


def _column(values: NDArray[Any]) -> tuple[str, str, NDArray[Any]]:
    """Kind, format and (N, columns) values of a field of the atoms."""
    table = values.reshape(len(values), -1)
    if table.dtype.kind == "b":
        return "L", " %s", np.where(table, "T", "F")
    if table.dtype.kind == "O":  # a blank would begin another column
        return "S", " %s", np.array([["_".join(str(text).split()) or "_" for text in row] for row in table], object)
    return ("I", " %d", table) if table.dtype.kind in "iu" else ("R", " %r", table)


def _format(array: NDArray[Any]) -> str:
    return (" %.9g" if array.dtype == np.float32 else " %r") * 3


def _value(value: Any) -> str:
    """A field as ASE and other readers spell it."""
    if isinstance(value, bool):
        return "T" if value else "F"
    if isinstance(value, list):
        return f'"{" ".join(map(_value, np.ravel(np.array(value)).tolist()))}"'
    return _quoted(value) if isinstance(value, str) else repr(value)


def _quoted(text: str) -> str:
    plain = text.replace('"', "'").replace("\n", " ")
    return plain if plain and all(c.isalnum() or c in "-_.:/@+" for c in plain) else f'"{plain}"'
