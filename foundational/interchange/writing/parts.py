"""The configurations of one file of an export: in memory, or in a dataset from which blocks are read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from foundational.data.batches import Offsets, batch_slices, to_configurations
from foundational.data.configurations import Configurations, Labels, concatenate
from foundational.data.fingerprint import hexadecimal
from foundational.data.layout import is_foreign
from foundational.interchange.writing.boxes import in_boxes
from foundational.interchange.writing.own_fields import atom_fields_of, fields_of

if TYPE_CHECKING:
    import xarray as xr

#: Labels that trainers read.
LABELS: Final = ("energy", "forces", "stress")
#: Atoms in a block: 30 MB of positions, forces and labels, and as much again while they are written.
BLOCK: Final = 524_288
#: Configurations whose ids are read at a time.
_IDS: Final = 131_072


@dataclass(frozen=True)
class IsolatedAtom:
    """The energy of an isolated atom, the zero of the cohesive energy."""

    energy: float
    """eV."""
    source: Literal["configuration", "record"]


@dataclass(frozen=True, eq=False)
class Part:
    """The configurations of one file in memory, with symmetric stresses; an unknown label is NaN."""

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

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def n_atoms(self) -> NDArray[np.int32]:
        """(C,) atoms of each."""
        return self.configurations.n_atoms

    @property
    def labels(self) -> Labels:
        """Its labels; all NaN where none is known."""
        assert self.configurations.labels is not None  # a part always has labels
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

    def blocks(self) -> "Iterator[Part]":
        """Itself."""
        yield self

    def whole(self) -> "Part":
        """Itself."""
        return self

    def each_id(self) -> Iterator[str]:
        """Its ids."""
        return iter(self.ids)


@dataclass(frozen=True, eq=False)
class Source:
    """The dataset of an export, and how its configurations are written."""

    dataset: "xr.Dataset"
    labels: tuple[str, ...]
    """Those that are written; others are unknown."""
    offsets: Offsets
    methods: tuple[str | None, ...]
    """Id of the method of each configuration."""
    known: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    """For energy, forces and stress, (C,) whether it is known and written."""
    boxed: bool = False
    """Whether what is not periodic is put in a box of vacuum."""

    @classmethod
    def of(cls, dataset: "xr.Dataset", labels: Sequence[str]) -> "Source":
        """That of ``dataset``."""
        return cls(dataset, tuple(labels), Offsets.of(dataset), _methods(dataset))

    def read(self, rows: NDArray[np.int64], name: str = "") -> Part:
        """The configurations ``rows`` in memory.

        Raises
        ------
        ChecksumError
            A damaged chunk was met.
        """
        few = self.offsets.take(self.dataset, rows).load()
        c = to_configurations(few)
        c = c.with_labels(_written_labels(c, self.labels))
        return Part(
            name,
            in_boxes(c) if self.boxed else c,
            tuple(hexadecimal(few["id"].to_numpy())),
            _config_types(few),
            tuple(self.methods[row] for row in rows.tolist()),
            fields_of(few),
            atom_fields_of(few, c.offsets),
        )


@dataclass(frozen=True, eq=False)
class StoredPart:
    """The configurations of one file, which are read block by block."""

    name: str
    """train, valid or test."""
    source: Source
    rows: NDArray[np.int64]
    """Those of the dataset, in the order of the file."""
    stated: Mapping[str, float] = field(default_factory=dict)
    """eV by element: isolated atoms of a record, which come last."""

    def __len__(self) -> int:
        return len(self.rows) + len(self.stated)

    @property
    def n_atoms(self) -> NDArray[np.int32]:
        """(C,) atoms of each."""
        return np.concatenate([self.source.offsets.n_atoms[self.rows], np.ones(len(self.stated), np.int32)])

    @property
    def methods(self) -> tuple[str | None, ...]:
        """Id of the method of the labels of each."""
        of = self.source.methods
        own = tuple(of[row] for row in self.rows.tolist())
        return own + (of[self.rows[0]],) * len(self.stated)

    def known(self) -> dict[str, NDArray[np.bool_]]:
        """For energy, forces and stress, (C,) whether it is known."""
        more = len(self.stated)
        return {
            name: np.concatenate([self.source.known[name][self.rows], np.full(more, name == "energy")])
            for name in LABELS
        }

    def blocks(self) -> Iterator[Part]:
        """All of them, some at a time, in order.

        Raises
        ------
        ChecksumError
            A damaged chunk was met.
        """
        for block in batch_slices(self.source.offsets.n_atoms[self.rows], BLOCK):
            yield self.source.read(self.rows[block], self.name)
        if self.stated:
            yield self._isolated()

    def whole(self) -> Part:
        """All of them in memory, for a file that must be made at once.

        Raises
        ------
        ChecksumError
            A damaged chunk was met.
        """
        first = self.source.read(self.rows, self.name)
        if not self.stated:
            return first
        last = self._isolated()
        return replace(
            first,
            configurations=concatenate([first.configurations, last.configurations]),
            ids=first.ids + last.ids,
            config_types=first.config_types + last.config_types,
            methods=first.methods + last.methods,
            fields=(*first.fields, *repeat({}, len(last))) if first.fields else (),
            atom_fields=(*first.atom_fields, *repeat({}, len(last))) if first.atom_fields else (),
        )

    def take(self, rows: NDArray[np.integer]) -> "StoredPart | Part":
        """The configurations ``rows``, in that order."""
        return self.whole().take(rows) if self.stated else replace(self, rows=self.rows[rows])

    def each_id(self) -> Iterator[str]:
        """Its ids."""
        ids = self.source.dataset["id"]
        for start in range(0, len(self.rows), _IDS):
            yield from hexadecimal(ids[self.rows[start : start + _IDS]].to_numpy())
        yield from (f"isolated-{element}" for element in self.stated)

    def _isolated(self) -> Part:
        """A frame for each isolated atom whose energy only a record states."""
        count = len(self.stated)
        labels = Labels(
            np.array(list(self.stated.values())),
            np.full((count, 3), np.nan, np.float32),
            np.full((count, 3, 3), np.nan),
        )
        atoms = Configurations(
            np.ones(count, np.int32),
            np.zeros((count, 3, 3)),
            np.zeros((count, 3), bool),
            np.array([atomic_numbers[element] for element in self.stated], np.uint8),
            np.zeros((count, 3), self.source.dataset["positions"].dtype),
            labels,
        )
        ids = tuple(f"isolated-{element}" for element in self.stated)
        return Part(self.name, atoms, ids, ("IsolatedAtom",) * count, (self.source.methods[self.rows[0]],) * count)


#: The configurations of one file.
AnyPart = Part | StoredPart


def symmetric(stress: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(C,) whether each stress (C, 3, 3) equals its transpose, but for rounding; true where it is unknown."""
    scale = np.abs(stress).max(axis=(1, 2), initial=0.0)
    difference = np.abs(stress - stress.transpose(0, 2, 1)).max(axis=(1, 2), initial=0.0)
    equal: NDArray[np.bool_] = np.logical_not(difference > 1e-6 * scale)
    return equal


def _written_labels(c: Configurations, labels: Sequence[str]) -> Labels:
    """Labels as trainers take them: those that were not asked for are unknown, as the stress of a cell without volume.

    Stresses are symmetric.
    """
    count, atoms = len(c), len(c.positions)
    found = c.labels
    energy, stress = np.full(count, np.nan), np.full((count, 3, 3), np.nan)
    forces: NDArray[Any] = np.full((atoms, 3), np.nan, np.float32)
    if found is None:
        return Labels(energy, forces, stress)
    if "stress" in labels:
        stress = np.where(
            (c.volume == 0)[:, None, None], np.nan, 0.5 * (found.stress + found.stress.transpose(0, 2, 1))
        )
    return Labels(
        found.energy if "energy" in labels else energy, found.forces if "forces" in labels else forces, stress
    )


def _config_types(dataset: "xr.Dataset") -> tuple[str | None, ...]:
    """The texts of an imported ``config_type``; ``IsolatedAtom`` for isolated atoms, the word of GAP and MACE."""
    roles = dataset["role"].to_numpy().tolist() if "role" in dataset else [0] * dataset.sizes["configuration"]
    texts: list[str | None] = [None] * len(roles)
    if "config_type" in dataset and is_foreign(dataset["config_type"]) and "values" in dataset["config_type"].attrs:
        values = list(dataset["config_type"].attrs["values"])
        texts = [values[code] if code >= 0 else None for code in dataset["config_type"].to_numpy().tolist()]
    return tuple("IsolatedAtom" if role == 1 else text for text, role in zip(texts, roles, strict=True))


def _methods(dataset: "xr.Dataset") -> tuple[str | None, ...]:
    """Id of the method of each configuration, from the attribute ``methods``, or else the labeller of all."""
    records = dataset.attrs.get("methods")
    if records and "method" in dataset:
        names = [str(record["id"]) for record in records]
        return tuple(names[code] if code >= 0 else None for code in dataset["method"].to_numpy().tolist())
    labeller = dataset.attrs.get("labeller")
    return (None if labeller is None else str(labeller),) * dataset.sizes["configuration"]
