"""What an export writes: parts of a dataset, with the labels that a trainer can take, and what is excluded and why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from foundational.data.batches import iterate_places
from foundational.data.layout import ATOM
from foundational.errors import InputError
from foundational.interchange.writing.parts import LABELS, AnyPart, IsolatedAtom, Source, StoredPart, symmetric

if TYPE_CHECKING:
    import xarray as xr

#: Names of files for the codes of the variable ``split``.
PARTS: Final = ("train", "valid", "test")
#: Which boundary conditions a trainer takes: any; periodic cells only, others in a box of vacuum; or no others at all.
Boundaries = Literal["any", "boxed", "periodic"]
#: Datasets of fewer atoms are read once, and held in memory.
_IN_MEMORY: Final = 4_194_304


@dataclass(frozen=True)
class Demands:
    """What a trainer can take; other configurations are excluded and counted."""

    needs: tuple[str, ...] = ()
    """Labels without which a configuration cannot be written."""
    uniform: bool = False
    """Whether all configurations must have the same labels."""
    isolated: bool = False
    """Whether isolated atoms are frames of the training file."""
    boundaries: Boundaries = "any"
    heads: bool = False
    """Whether it can train one head for each method."""


@dataclass(frozen=True)
class Plan:
    """All that an export writes."""

    parts: tuple[AnyPart, ...]
    elements: tuple[str, ...]
    """By atomic number."""
    labels: tuple[str, ...]
    """Those of energy, forces and stress that at least one configuration has."""
    isolated: Mapping[str, IsolatedAtom]
    """By element."""
    excluded: Mapping[str, int]
    """By reason: configurations that are not written."""
    boxed: int
    """Configurations that are not periodic and were put in a box of vacuum."""
    asymmetric: int
    """Configurations whose stress was not symmetric; the symmetric part is written."""
    without_volume: int = 0
    """Configurations whose cell has no volume, and that had a stress anyway; it is not written."""

    @property
    def missing_isolated(self) -> tuple[str, ...]:
        """Elements of which the energy of the isolated atom is not known."""
        return tuple(element for element in self.elements if element not in self.isolated)


def plan_export(
    dataset: "xr.Dataset",
    demands: Demands,
    *,
    labels: Sequence[str] = LABELS,
    stated_isolated: Mapping[str, float] | None = None,
) -> Plan:
    """Divide ``dataset`` into parts and exclude what a trainer cannot take.

    Parameters
    ----------
    labels
        Labels to write, of energy, forces and stress; others are treated as unknown.
    stated_isolated
        eV by element: what a record states; configurations of the dataset come first.

    Raises
    ------
    InputError
        If nothing is left to write, or a label is not one of the three.
    ChecksumError
        A damaged chunk was met.
    """
    if wrong := sorted(set(labels) - set(LABELS)):
        raise InputError(f"--labels: expected some of {', '.join(LABELS)}, got {', '.join(wrong)}")
    if dataset.sizes[ATOM] <= _IN_MEMORY:
        dataset = dataset.load()
    seen = _seen(Source.of(dataset, labels))
    roles = dataset["role"].to_numpy() if "role" in dataset else np.zeros(len(seen.periodic), np.int8)
    isolated = _isolated_atoms(seen, roles, stated_isolated or {})
    keep, excluded = _kept(seen, roles, demands)
    if not keep.any():
        reasons = "; ".join(f"{count:,} × {reason}" for reason, count in excluded.items()) or "it has no labels"
        raise InputError(f"nothing is left to export: {reasons}")
    split = dataset["split"].to_numpy() if "split" in dataset else np.zeros(len(roles), np.int8)
    split = np.where(roles == 1, 0, split)
    boxed = int((keep & ~seen.periodic).sum()) if demands.boundaries == "boxed" else 0
    source = replace(seen.source, boxed=boxed > 0)
    parts = [StoredPart(name, source, np.flatnonzero(keep & (split == code))) for code, name in enumerate(PARTS)]
    parts = [part for part in parts if len(part)]
    if demands.isolated and parts and parts[0].name == PARTS[0]:
        stated = {element: atom.energy for element, atom in isolated.items() if atom.source == "record"}
        parts[0] = replace(parts[0], stated=stated)
    return Plan(
        tuple(parts),
        _elements(source, keep, parts[0].stated if parts else {}),
        tuple(name for name in LABELS if any(part.known()[name].any() for part in parts)),
        isolated,
        dict(excluded),
        boxed,
        seen.asymmetric,
        seen.without_volume,
    )


@dataclass(frozen=True, eq=False)
class _Seen:
    """What a pass over the dataset shows."""

    source: Source
    periodic: NDArray[np.bool_]
    """(C,) along all three vectors."""
    energy: NDArray[np.float64]
    """(C,) eV."""
    first: NDArray[np.uint8]
    """(C,) atomic number of the first atom."""
    elements: tuple[str, ...]
    asymmetric: int
    without_volume: int


def _seen(source: Source) -> _Seen:
    count = len(source.methods)
    known = {name: np.zeros(count, dtype=bool) for name in LABELS}
    periodic, energy, first = np.zeros(count, dtype=bool), np.full(count, np.nan), np.zeros(count, np.uint8)
    present = np.zeros(256, dtype=bool)
    asymmetric = without_volume = 0
    for place in iterate_places(source.dataset):
        c, rows = place.configurations(source.dataset), place.rows
        periodic[rows] = c.pbc.all(axis=1)
        first[rows] = c.atomic_numbers[c.offsets[:-1]]
        present[np.unique(c.atomic_numbers)] = True
        if c.labels is None:
            continue
        asymmetric += int((~symmetric(c.labels.stress)).sum())
        of = c.labels.known(c.offsets)
        flat = (c.volume == 0) & of["stress"]
        without_volume += int(flat.sum()) if "stress" in source.labels else 0
        for name in source.labels:
            known[name][rows] = of[name] & ~flat if name == "stress" else of[name]
        if "energy" in source.labels:
            energy[rows] = c.labels.energy
    elements = tuple(chemical_symbols[z] for z in np.flatnonzero(present).tolist())
    return _Seen(replace(source, known=known), periodic, energy, first, elements, asymmetric, without_volume)


def _elements(source: Source, keep: NDArray[np.bool_], stated: Mapping[str, float]) -> tuple[str, ...]:
    """Those of the configurations to ``keep`` and of ``stated`` atoms, by atomic number."""
    present = np.zeros(256, dtype=bool)
    present[np.array([chemical_symbols.index(element) for element in stated], np.int64)] = True
    for place in iterate_places(source.dataset):
        numbers = source.dataset["atomic_numbers"][place.atoms].to_numpy()
        present[np.unique(numbers[np.repeat(keep[place.rows], place.n_atoms)])] = True
    return tuple(chemical_symbols[z] for z in np.flatnonzero(present).tolist())


def _isolated_atoms(seen: _Seen, roles: NDArray[np.int8], stated: Mapping[str, float]) -> dict[str, IsolatedAtom]:
    """Of configurations that are isolated atoms, else of the record."""
    found = {element: IsolatedAtom(energy, "record") for element, energy in stated.items()}
    for row in np.flatnonzero((roles == 1) & ~np.isnan(seen.energy)).tolist():
        found[chemical_symbols[seen.first[row]]] = IsolatedAtom(float(seen.energy[row]), "configuration")
    return {element: found[element] for element in seen.elements if element in found}


def _kept(seen: _Seen, roles: NDArray[np.int8], demands: Demands) -> tuple[NDArray[np.bool_], Counter[str]]:
    """(C,) what is written, and how many configurations are not, by reason."""
    known = seen.source.known
    excluded: Counter[str] = Counter()
    keep = np.ones(len(roles), dtype=bool)

    def exclude(rows: NDArray[np.bool_], reason: str) -> None:
        nonlocal keep
        if count := int((rows & keep).sum()):
            excluded[reason] += count
        keep = keep & ~rows

    frames = roles == 0
    labelled: NDArray[np.bool_] = np.logical_or.reduce(list(known.values()))
    if not demands.isolated:
        exclude(~frames, "isolated atoms: their energies are in isolated_atoms.json")
    if demands.boundaries == "periodic":
        exclude(~seen.periodic, "the cell is not periodic, and the trainer needs crystals")
    exclude(~labelled, "no label is known")
    for name in demands.needs:
        exclude(frames & ~known[name], f"{name} unknown, without which the trainer cannot read it")
    if demands.uniform:
        for name in LABELS:
            some = known[name] & keep & frames
            if name not in demands.needs and some.any():
                exclude(frames & ~known[name], f"{name} unknown; the trainer would read it as zero, or stop")
    return keep, excluded
