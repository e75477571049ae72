"""Frames of files become one dataset: labels, isolated atoms, splits, other fields, and a report of it all."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.configurations import Configurations, Labels
from foundational.data.conversion import narrowed, to_dataset, with_foreign
from foundational.data.extxyz import nine_digits_narrowed
from foundational.data.layout import ATOM, CONFIGURATION, VARIABLES
from foundational.errors import InputError
from foundational.interchange.fields import foreign_name, foreign_variable
from foundational.interchange.frame import Frame, FrameError
from foundational.interchange.labels import LabelChoice, Recognised, recognise
from foundational.specs.base import Spec

#: What becomes of a frame that cannot be taken: the import ends, or the frame is left out and counted.
OnBad = Literal["refuse", "skip"]
_ISOLATED: Final = {"isolatedatom", "isolated_atom", "isolated"}
#: Å; a single atom whose periodic images are all at least this far away is an isolated one.
_FAR: Final = 8.0
#: Å; atoms that are nearer lie on one another.
_COINCIDENT: Final = 1e-3
#: Bad frames that a report names.
_NAMED: Final = 20
_SPLITS: Final = {"train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1, "test": 2}


class LabelReport(Spec):
    """Where one label came from."""

    label: str
    key: str
    unit: str
    """Of the file, as the user stated it or by default."""
    configurations: int


class ImportReport(Spec):
    """What was taken from where, and what was not."""

    configurations: int
    atoms: int
    elements: tuple[str, ...]
    labels: tuple[LabelReport, ...]
    without: dict[str, int]
    """By label: configurations of which it is not known."""
    isolated_atoms: int
    fields: dict[str, str]
    """Other values that were kept, by name: their unit, or "not stated"."""
    skipped: tuple[str, ...]
    """Bad frames that were left out, each with its file, place and reason; at most twenty are named."""
    n_skipped: int
    remarks: dict[str, int]
    """What a user should know, and how many configurations it concerns."""


@dataclass
class Assembly:
    """Collects frames in compact arrays; memory grows by the numbers of the frames alone."""

    choice: LabelChoice = field(default_factory=LabelChoice)
    on_bad: OnBad = "refuse"
    _numbers: list[NDArray[np.uint8]] = field(default_factory=list)
    _positions: list[NDArray[np.float64]] = field(default_factory=list)
    _cells: list[NDArray[np.float64]] = field(default_factory=list)
    _pbc: list[NDArray[np.bool_]] = field(default_factory=list)
    _labels: dict[str, list[Any]] = field(
        default_factory=lambda: {"energy": [], "forces": [], "stress": [], "atomic_energies": []}
    )
    _info: dict[str, dict[int, Any]] = field(default_factory=dict)
    _arrays: dict[str, dict[int, NDArray[Any]]] = field(default_factory=dict)
    _roles: list[int] = field(default_factory=list)
    _taken: Counter[tuple[str, str]] = field(default_factory=Counter)
    _remarks: Counter[str] = field(default_factory=Counter)
    _skipped: list[str] = field(default_factory=list)
    _n_skipped: int = 0

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, frames: Iterable[Frame], progress: Callable[[int], None] | None = None) -> None:
        """Take all of ``frames``; ``progress`` is called with the number of frames so far.

        Raises
        ------
        FrameError
            If a frame is bad and bad ones are refused.
        """
        iterator = iter(frames)
        while True:
            try:
                frame = next(iterator)
                self._add(frame, recognise(frame, self.choice))
            except StopIteration:
                return
            except FrameError as error:
                if self.on_bad == "refuse":
                    raise
                self._n_skipped += 1
                if len(self._skipped) < _NAMED:
                    self._skipped.append(str(error))
            if progress is not None:
                progress(len(self) + self._n_skipped)

    def _add(self, frame: Frame, found: Recognised) -> None:
        _require_geometry(frame)
        row = len(self)
        self._numbers.append(frame.numbers)
        self._positions.append(frame.positions)
        self._cells.append(frame.cell)
        self._pbc.append(frame.pbc)
        self._roles.append(int(_is_isolated(frame)))
        for name, values in self._labels.items():
            values.append(getattr(found, name))
        for label, key in found.taken.items():
            self._taken[label, key] += 1
        for remark in found.remarks:
            self._remarks[remark] += 1
        for name, value in found.info.items():
            self._info.setdefault(name, {})[row] = value
        for name, array in found.arrays.items():
            self._arrays.setdefault(name, {})[row] = array

    def dataset(self, **attributes: Any) -> tuple[xr.Dataset, ImportReport]:
        """The dataset in memory and the report.

        Raises
        ------
        InputError
            If no frame was taken.
        """
        if not len(self):
            reasons = f"; the first one: {self._skipped[0]}" if self._skipped else ""
            raise InputError(f"expected at least one configuration to import, got none{reasons}")
        n_atoms = np.array([len(numbers) for numbers in self._numbers], dtype=np.int32)
        self._forget_zero_stress()
        configurations = Configurations(
            n_atoms,
            np.stack(self._cells),
            np.stack(self._pbc),
            np.concatenate(self._numbers),
            _narrow(np.concatenate(self._positions)),
            self._joined_labels(n_atoms),
        )
        further: dict[str, NDArray[Any]] = {}
        if any(self._roles):
            further["role"] = np.array(self._roles, dtype=np.int8)
        if (split := self._split()) is not None:
            further["split"] = split
        dataset = to_dataset(configurations, attrs=attributes, **further)
        foreign = dict(self._foreign(n_atoms))
        return with_foreign(dataset, foreign), self._report(dataset, foreign)

    def _forget_zero_stress(self) -> None:
        """A stress that is exactly zero in every configuration was not computed: it is not known."""
        known = [stress for stress in self._labels["stress"] if stress is not None]
        if known and not any(stress.any() for stress in known):
            self._labels["stress"] = [None] * len(self)
            self._remarks["the stress is exactly zero everywhere: not computed, so it is taken as unknown"] += len(
                known
            )
            self._taken = Counter({key: count for key, count in self._taken.items() if key[0] != "stress"})

    def _joined_labels(self, n_atoms: NDArray[np.int32]) -> Labels | None:
        values = self._labels
        if all(value is None for row in values.values() for value in row):
            return None

        def per_atom(name: str, width: int) -> NDArray[np.float64]:
            shapes = [(n, width)[: 1 + (width > 1)] for n in n_atoms.tolist()]
            rows = zip(values[name], shapes, strict=True)
            return _narrow(np.concatenate([np.full(shape, np.nan) if v is None else v for v, shape in rows]))

        atomic = None if all(v is None for v in values["atomic_energies"]) else per_atom("atomic_energies", 1)
        return Labels(
            np.array([np.nan if v is None else v for v in values["energy"]]),
            per_atom("forces", 3),
            np.stack([np.full((3, 3), np.nan) if v is None else v for v in values["stress"]]),
            atomic,
        )

    def _split(self) -> NDArray[np.int8] | None:
        """The split that the file names in every configuration, by name or by code; None where it names none."""
        column = self._info.get("split", {})
        if len(column) < len(self):
            return None
        codes = [_SPLITS.get(str(value).lower(), value) for value in column.values()]
        if not all(isinstance(code, int) and 0 <= code < len(VARIABLES["split"].meanings) for code in codes):
            self._remarks["split is none of train, validation and test: kept as imported_split"] += len(column)
            return None
        del self._info["split"]
        return np.array(codes, dtype=np.int8)

    def _foreign(self, n_atoms: NDArray[np.int32]) -> Iterator[tuple[str, xr.Variable]]:
        for name, column in sorted(self._info.items()):
            values = [column.get(row) for row in range(len(self))]
            yield foreign_name(name), foreign_variable(name, CONFIGURATION, values)
        for name, arrays in sorted(self._arrays.items()):
            widths = {np.shape(array)[1:] for array in arrays.values()}
            if len(widths) > 1:
                self._remarks[f"{name} has another number of columns in other frames: it is not kept"] += len(arrays)
                continue
            shape = widths.pop()
            rows: list[Any] = []
            for row, n in enumerate(n_atoms.tolist()):
                rows += [None] * n if row not in arrays else list(arrays[row])
            yield foreign_name(name), foreign_variable(name, ATOM, rows, shape)

    def _report(self, dataset: xr.Dataset, foreign: dict[str, xr.Variable]) -> ImportReport:
        units = {
            "energy": self.choice.energy_unit,
            "forces": f"{self.choice.energy_unit}/Å",
            "atomic_energies": self.choice.energy_unit,
        }

        def unit(label: str, key: str) -> str:
            if label != "stress":
                return units[label]
            return f"{self.choice.energy_unit}, virial −σV" if "virial" in key.lower() else self.choice.stress_unit

        missing = {
            name: sum(value is None for value in values)
            for name, values in self._labels.items()
            if name != "atomic_energies"
        }
        return ImportReport(
            configurations=len(self),
            atoms=int(dataset.sizes[ATOM]),
            elements=tuple(dataset.attrs["elements"]),
            labels=tuple(
                LabelReport(label=label, key=key, unit=unit(label, key), configurations=count)
                for (label, key), count in sorted(self._taken.items())
            ),
            without={name: count for name, count in missing.items() if count},
            isolated_atoms=sum(self._roles),
            fields={name: str(variable.attrs["units"]) for name, variable in foreign.items()},
            skipped=tuple(self._skipped),
            n_skipped=self._n_skipped,
            remarks=dict(sorted(self._remarks.items())),
        )


def _require_geometry(frame: Frame) -> None:
    """Refuse positions or cells that are no finite numbers, cells without volume, and atoms that lie on one another."""
    if not len(frame.numbers):
        raise FrameError(frame.source, "a frame of no atoms")
    if not np.isfinite(frame.positions).all():
        atom = int(np.flatnonzero(~np.isfinite(frame.positions).all(axis=1))[0])
        raise FrameError(frame.source, f"the position of atom {atom} is no finite number")
    if not np.isfinite(frame.cell).all():
        raise FrameError(frame.source, "a lattice vector is no finite number")
    if frame.pbc.all() and abs(np.linalg.det(frame.cell)) < 1e-3:
        raise FrameError(frame.source, "its cell has no volume")
    ordered = frame.positions[np.lexsort(frame.positions.T)]
    gaps = np.abs(np.diff(ordered, axis=0)).max(axis=1, initial=0.0)
    if len(gaps) and gaps.min() < _COINCIDENT:
        raise FrameError(frame.source, "two atoms lie at the same place")


def _is_isolated(frame: Frame) -> bool:
    """Whether it is one atom alone: by its config_type, without periodic images, or with images far away."""
    if len(frame.numbers) != 1:
        return False
    if str(frame.info.get("config_type", "")).lower() in _ISOLATED or not frame.pbc.any():
        return True
    shifts = np.array([(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1) if (i, j, k) != (0, 0, 0)])
    shifts = shifts[~(shifts.astype(bool) & ~frame.pbc).any(axis=1)]
    return float(np.linalg.norm(shifts @ frame.cell, axis=1).min()) >= _FAR


def _narrow(values: NDArray[np.float64]) -> NDArray[Any]:
    """float32 where that changes no number, or where nine digits of it were written."""
    narrow = narrowed(values)
    return narrow if narrow.dtype == np.float32 else nine_digits_narrowed(values)
