"""Input of GPAW: the user's script, and the configuration as a file that ASE reads."""

from collections.abc import Mapping
from typing import Any, Final

from foundational.errors import InputError
from foundational.interchange.jobs.structure import Structure, row
from foundational.interchange.jobs.template import with_meshes

#: The file that the script reads.
STRUCTURE: Final = "structure.xyz"


def inputs(files: Mapping[str, str], main: str, structure: Structure) -> dict[str, str]:
    """The script and ``structure.xyz``.

    Raises
    ------
    InputError
        The script does not read that file.
    """
    if STRUCTURE not in files[main]:
        raise InputError(f'--template: expected ase.io.read("{STRUCTURE}") in {main}; the script does not read it')
    lattice = " ".join(row(vector) for vector in structure.cell)
    pbc = " ".join("T" if closed else "F" for closed in structure.pbc.tolist())
    lines = [f"{len(structure.numbers)}", f'Lattice="{lattice}" Properties=species:S:1:pos:R:3 pbc="{pbc}"']
    lines += [f"{symbol} {row(at)}" for symbol, at in zip(structure.symbols, structure.positions, strict=True)]
    return {main: with_meshes(files[main], structure), STRUCTURE: "\n".join(lines) + "\n"}


def stated(files: Mapping[str, str], main: str) -> dict[str, Any]:  # noqa: ARG001 - as those of other codes
    """Nothing: a script may compute its settings."""
    return {}
