"""What an export writes: parts of a dataset, with the labels that a trainer can take, and what is excluded and why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import NDArray

from foundational.data.batches import to_configurations
from foundational.data.configurations import Configurations, Labels, concatenate
from foundational.data.fingerprint import hexadecimal
from foundational.data.layout import is_foreign
from foundational.errors import InputError
from foundational.interchange.writing.boxes import in_boxes
from foundational.interchange.writing.own_fields import atom_fields_of, fields_of

if TYPE_CHECKING:
    import xarray as xr

#: Names of files for the codes of the variable ``split``.
PARTS: Final = ("train", "valid", "test")
#: Labels that trainers read.
LABELS: Final = ("energy", "forces", "stress")
#: Which boundary conditions a trainer takes: any; periodic cells only, others in a box of vacuum; or no others at all.
Boundaries = Literal["any", "boxed", "periodic"]


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
class IsolatedAtom:
    """The energy of an isolated atom, the zero of the cohesive energy."""

    energy: float
    """eV."""
    source: Literal["configuration", "record"]


@dataclass(frozen=True, eq=False)
class Part:
    """The configurations of one file, with symmetric stresses; an unknown label is NaN."""

    name: str
    """train, valid or test."""
    configurations: Configurations
    ids: tuple[str, ...]
    """32 hexadecimal digits each; ``isolated-Ni`` for an isolated atom of which a record states the energy."""
    config_types: tuple[str | None, ...]
    """What another program or the layout calls it, such as ``bulk`` or ``IsolatedAtom``."""
    methods: tuple[str | None, ...]
    """Id of the method of its labels."""
    fields: tuple[Mapping[str, Any], ...] = ()
    """Of each configuration the fields of other programs by name; empty where none has any."""
    atom_fields: tuple[Mapping[str, NDArray[Any]], ...] = ()
    """The same of the atoms of each configuration, a row an atom."""

    @property
    def labels(self) -> Labels:
        """Its labels; all NaN where none is known."""
        if self.configurations.labels is None:
            raise AssertionError("a part always has labels")
        return self.configurations.labels

    def known(self) -> dict[str, NDArray[np.bool_]]:
        """For energy, forces and stress, (C,) whether it is known."""
        return self._known

    @cached_property
    def _known(self) -> dict[str, NDArray[np.bool_]]:
        known = self.labels.known(self.configurations.offsets)
        return {name: known[name] for name in LABELS}

    def take(self, rows: NDArray[np.integer]) -> "Part":
        """The configurations ``rows``, in that order."""
        chosen = rows.tolist()

        def of(values: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(values[row] for row in chosen)

        return replace(
            self,
            configurations=self.configurations.take(rows),
            ids=of(self.ids),
            config_types=of(self.config_types),
            methods=of(self.methods),
            fields=of(self.fields) if self.fields else (),
            atom_fields=of(self.atom_fields) if self.atom_fields else (),
        )

    def fields_of(self, row: int) -> Mapping[str, Any]:
        """The fields of one configuration."""
        return self.fields[row] if self.fields else {}

    def atom_fields_of(self, row: int) -> Mapping[str, NDArray[Any]]:
        """The fields of the atoms of one configuration."""
        return self.atom_fields[row] if self.atom_fields else {}


@dataclass(frozen=True)
class Plan:
    """All that an export writes."""

    parts: tuple[Part, ...]
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
    """
    if wrong := sorted(set(labels) - set(LABELS)):
        raise InputError(f"--labels: expected some of {', '.join(LABELS)}, got {', '.join(wrong)}")
    whole = to_configurations(dataset)
    chosen, asymmetric = _chosen_labels(whole, labels)
    flat = (whole.volume == 0) & ~np.isnan(chosen.stress).all(axis=(1, 2))
    chosen = replace(chosen, stress=np.where(flat[:, None, None], np.nan, chosen.stress))
    whole = whole.with_labels(chosen)
    roles = dataset["role"].to_numpy() if "role" in dataset else np.zeros(len(whole), np.int8)
    everything = Part(
        "train",
        whole,
        tuple(hexadecimal(dataset["id"].to_numpy())),
        _config_types(dataset, roles),
        _methods(dataset, len(whole)),
        fields_of(dataset),
        atom_fields_of(dataset, whole.offsets),
    )
    isolated = _isolated_atoms(everything, roles, stated_isolated or {})
    keep, excluded = _kept(everything, roles, demands)
    if not keep.any():
        reasons = "; ".join(f"{count:,} × {reason}" for reason, count in excluded.items()) or "it has no labels"
        raise InputError(f"nothing is left to export: {reasons}")
    split = dataset["split"].to_numpy() if "split" in dataset else np.zeros(len(whole), np.int8)
    split = np.where(roles == 1, 0, split)
    parts = []
    for code, name in enumerate(PARTS):
        rows = np.flatnonzero(keep & (split == code))
        if rows.size:
            parts.append(replace(everything.take(rows), name=name))
    boxed = int((keep & ~whole.pbc.all(axis=1)).sum()) if demands.boundaries == "boxed" else 0
    if boxed:
        parts = [replace(part, configurations=in_boxes(part.configurations)) for part in parts]
    if demands.isolated:
        parts = _with_stated(parts, isolated)
    known = [part.known() for part in parts]
    return Plan(
        tuple(parts),
        _elements(*(part.configurations.atomic_numbers for part in parts)),
        tuple(name for name in LABELS if any(of[name].any() for of in known)),
        isolated,
        dict(excluded),
        boxed,
        asymmetric,
        int(flat.sum()),
    )


def _elements(*atomic_numbers: NDArray[np.integer]) -> tuple[str, ...]:
    return tuple(chemical_symbols[z] for z in np.unique(np.concatenate(atomic_numbers)).tolist())


def _chosen_labels(whole: Configurations, labels: Sequence[str]) -> tuple[Labels, int]:
    """Labels as trainers take them, those that were not asked for unknown; and how many stresses were asymmetric."""
    count = len(whole)
    none = Labels(
        np.full(count, np.nan), np.full((len(whole.positions), 3), np.nan, np.float32), np.full((count, 3, 3), np.nan)
    )
    found = whole.labels or none
    transposed = found.stress.transpose(0, 2, 1)
    scale = np.abs(found.stress).max(axis=(1, 2), initial=0.0)
    asymmetric = int((np.abs(found.stress - transposed).max(axis=(1, 2), initial=0.0) > 1e-6 * scale).sum())
    symmetric = 0.5 * (found.stress + transposed)
    return Labels(
        found.energy if "energy" in labels else none.energy,
        found.forces if "forces" in labels else none.forces,
        symmetric if "stress" in labels else none.stress,
    ), asymmetric


def _config_types(dataset: "xr.Dataset", roles: NDArray[np.int8]) -> tuple[str | None, ...]:
    """The texts of an imported ``config_type``; ``IsolatedAtom`` for isolated atoms, the word of GAP and MACE."""
    texts: list[str | None] = [None] * len(roles)
    if "config_type" in dataset and is_foreign(dataset["config_type"]) and "values" in dataset["config_type"].attrs:
        values = list(dataset["config_type"].attrs["values"])
        texts = [values[code] if code >= 0 else None for code in dataset["config_type"].to_numpy().tolist()]
    return tuple("IsolatedAtom" if role == 1 else text for text, role in zip(texts, roles.tolist(), strict=True))


def _methods(dataset: "xr.Dataset", count: int) -> tuple[str | None, ...]:
    """Id of the method of each configuration, from the attribute ``methods``, or else the labeller of all."""
    records = dataset.attrs.get("methods")
    if records and "method" in dataset:
        names = [str(record["id"]) for record in records]
        return tuple(names[code] if code >= 0 else None for code in dataset["method"].to_numpy().tolist())
    labeller = dataset.attrs.get("labeller")
    return (None if labeller is None else str(labeller),) * count


def _isolated_atoms(everything: Part, roles: NDArray[np.int8], stated: Mapping[str, float]) -> dict[str, IsolatedAtom]:
    """Of configurations that are isolated atoms, else of the record."""
    c = everything.configurations
    found = {element: IsolatedAtom(energy, "record") for element, energy in stated.items()}
    for row in np.flatnonzero((roles == 1) & ~np.isnan(everything.labels.energy)):
        element = chemical_symbols[c.atomic_numbers[c.offsets[row]]]
        found[element] = IsolatedAtom(float(everything.labels.energy[row]), "configuration")
    return {element: found[element] for element in _elements(c.atomic_numbers) if element in found}


def _kept(everything: Part, roles: NDArray[np.int8], demands: Demands) -> tuple[NDArray[np.bool_], Counter[str]]:
    """(C,) what is written, and how many configurations are not, by reason."""
    known = everything.known()
    excluded: Counter[str] = Counter()
    keep = np.ones(len(roles), dtype=bool)

    def exclude(rows: NDArray[np.bool_], reason: str) -> None:
        nonlocal keep
        if count := int((rows & keep).sum()):
            excluded[reason] += count
        keep = keep & ~rows

    frames = roles == 0
    periodic: NDArray[np.bool_] = np.logical_and.reduce(everything.configurations.pbc, axis=1)
    labelled: NDArray[np.bool_] = np.logical_or.reduce(list(known.values()))
    if not demands.isolated:
        exclude(~frames, "isolated atoms: their energies are in isolated_atoms.json")
    if demands.boundaries == "periodic":
        exclude(~periodic, "the cell is not periodic, and the trainer needs crystals")
    exclude(~labelled, "no label is known")
    for name in demands.needs:
        exclude(frames & ~known[name], f"{name} unknown, without which the trainer cannot read it")
    if demands.uniform:
        for name in LABELS:
            some = known[name] & keep & frames
            if name not in demands.needs and some.any():
                exclude(frames & ~known[name], f"{name} unknown; the trainer would read it as zero, or stop")
    return keep, excluded


def _with_stated(parts: list[Part], isolated: Mapping[str, IsolatedAtom]) -> list[Part]:
    """``parts`` with a frame for each isolated atom whose energy only a record states, in the training part."""
    stated = {element: atom.energy for element, atom in isolated.items() if atom.source == "record"}
    if not stated or not parts or parts[0].name != PARTS[0]:
        return parts
    count = len(stated)
    atoms = Configurations(
        np.ones(count, np.int32),
        np.zeros((count, 3, 3)),
        np.zeros((count, 3), bool),
        np.array([atomic_numbers[element] for element in stated], np.uint8),
        np.zeros((count, 3), parts[0].configurations.positions.dtype),
        Labels(
            np.array(list(stated.values())), np.full((count, 3), np.nan, np.float32), np.full((count, 3, 3), np.nan)
        ),
    )
    first = parts[0]
    joined = replace(
        first,
        configurations=concatenate(
            [first.configurations.with_labels(replace(first.labels, atomic_energies=None)), atoms]
        ),
        ids=(*first.ids, *(f"isolated-{element}" for element in stated)),
        config_types=(*first.config_types, *["IsolatedAtom"] * count),
        methods=(*first.methods, *[first.methods[0]] * count),
        fields=(*first.fields, *[{}] * count) if first.fields else (),
        atom_fields=(*first.atom_fields, *[{}] * count) if first.atom_fields else (),
    )
    return [joined, *parts[1:]]
