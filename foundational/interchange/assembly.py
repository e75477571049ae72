"""Frames of files become one dataset: labels, isolated atoms, splits, other fields, and a report of it all."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.configurations import Configurations, Labels
from foundational.data.conversion import sharing_dataset, with_foreign
from foundational.data.layout import ATOM, CONFIGURATION, VARIABLES
from foundational.errors import InputError, did_you_mean
from foundational.interchange.atomic_volume import atomic_volume
from foundational.interchange.columns import Column, Narrowing
from foundational.interchange.fields import foreign_name, foreign_of_atoms, foreign_variable
from foundational.interchange.frame import Frame, FrameError
from foundational.interchange.geometry import is_isolated, require_geometry
from foundational.interchange.label_choice import LabelChoice, keys_of
from foundational.interchange.labels import Recognised, likely_keys, recognise
from foundational.interchange.methods import Methods
from foundational.interchange.own_fields import only_own_keys, own_variables, without_copies
from foundational.interchange.report import ImportReport, LabelReport

#: What becomes of a frame that cannot be taken: the import ends, or the frame is excluded and counted.
OnBad = Literal["refuse", "skip"]
#: Bad frames that a report names.
_NAMED: Final = 20
_SPLITS: Final = {"train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1, "test": 2}
#: Shape of a label of one configuration of N atoms, without N.
_SHAPES: Final[dict[str, tuple[int, ...]]] = {
    "energy": (),
    "forces": (3,),
    "stress": (3, 3),
    "atomic_energies": (),
}
#: The remark of a file whose stresses are all zero.
ZERO_STRESS: Final = "the stress is exactly zero everywhere: not computed, so it is taken as unknown"


@dataclass
class Assembly:
    """Collects frames in compact arrays; memory grows by the numbers of the frames alone."""

    choice: LabelChoice = field(default_factory=LabelChoice)
    on_bad: OnBad = "refuse"
    methods: Methods = field(default_factory=Methods)
    _n_atoms: list[int] = field(default_factory=list)
    _numbers: Column = field(default_factory=Column)
    _positions: Column = field(default_factory=lambda: Column(Narrowing()))
    _cells: Column = field(default_factory=Column)
    _pbc: Column = field(default_factory=Column)
    _labels: dict[str, Column] = field(default_factory=lambda: {name: _label_column(name) for name in _SHAPES})
    _known: Counter[str] = field(default_factory=Counter)
    _atoms: int = 0
    _stressed: bool = False
    """Whether a stress that is not zero was met."""
    _own: bool = True
    """Whether all keys so far are those that this package writes."""
    _keys: set[str] = field(default_factory=set)
    _info: dict[str, dict[int, Any]] = field(default_factory=dict)
    _arrays: dict[str, dict[int, NDArray[Any]]] = field(default_factory=dict)
    _roles: list[int] = field(default_factory=list)
    _taken: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _units: dict[tuple[str, str], str] = field(default_factory=dict)
    """Of labels under keys of the files that are being added."""
    _remarks: Counter[str] = field(default_factory=Counter)
    _bad: list[FrameError] = field(default_factory=list)
    _n_bad: int = 0

    def __len__(self) -> int:
        return len(self._n_atoms)

    @property
    def keys(self) -> list[str]:
        """All keys that frames had, labels or not."""
        return sorted(self._keys)

    def add(
        self,
        frames: Iterable[Frame | FrameError],
        progress: Callable[[int], None] | None = None,
        defaults: Mapping[str, str] | None = None,
    ) -> None:
        """Take all of ``frames``.

        Parameters
        ----------
        progress
            Called with the number of frames so far.
        defaults
            What the format of ``frames`` says of labels where the user says nothing, by the fields of `LabelChoice`.

        Raises
        ------
        FrameError
            If frames are bad and bad ones are refused: the first of them, with the number of others.
        """
        choice = self.choice.with_defaults(defaults or {})
        self._units = {}
        assumed = "" if not defaults else _assumed(choice, set(defaults) - self.choice.model_fields_set)
        for frame in frames:
            try:
                if isinstance(frame, FrameError):
                    raise frame
                self._add(frame, choice, assumed)
            except FrameError as error:
                self._n_bad += 1
                if len(self._bad) < _NAMED:
                    self._bad.append(error)
            if progress is not None:
                progress(len(self) + self._n_bad)
        if self._n_bad and self.on_bad == "refuse":
            raise self._refusal()

    def _refusal(self) -> FrameError:
        """The first bad frame, and which others are bad."""
        first = self._bad[0]
        if self._n_bad == 1:
            return first
        places = ", ".join(error.source for error in self._bad[1:4])
        more = self._n_bad - 4
        return FrameError(
            first.source,
            f"{first.problem}; {self._n_bad - 1} more bad frames: {places}{f' and {more} others' if more > 0 else ''}",
        )

    def _add(self, frame: Frame, choice: LabelChoice, assumed: str) -> None:
        require_geometry(frame)
        frame = without_copies(frame)
        found = recognise(frame, choice)
        row, n = len(self), len(frame.numbers)
        self._keys.update(frame.info, frame.arrays, frame.results)
        self._own = self._own and not frame.results and only_own_keys(frame.info, frame.arrays)
        self._n_atoms.append(n)
        self._numbers.append(frame.numbers)
        self._positions.append(frame.positions)
        self._cells.append(frame.cell[None])
        self._pbc.append(frame.pbc[None])
        self._roles.append(int(is_isolated(frame)))
        self.methods.append(frame.method)
        self._add_labels(found, n, choice)
        if assumed and found.stress is not None:
            self._remarks[assumed] += 1
        for remark in found.remarks:
            self._remarks[remark] += 1
        for name, value in found.info.items():
            self._info.setdefault(name, {})[row] = value
        for name, array in found.arrays.items():
            self._arrays.setdefault(name, {})[row] = array

    def _add_labels(self, found: Recognised, n_atoms: int, choice: LabelChoice) -> None:
        for name, shape in _SHAPES.items():
            rows, before = (n_atoms, self._atoms) if VARIABLES[name].per_atom else (1, len(self) - 1)
            value = getattr(found, name)
            if value is None or (choice.nan == "unknown" and np.isnan(value).all()):
                if self._known[name]:
                    self._labels[name].append(_unknown(rows, shape))
                continue
            if not self._known[name] and before:  # a label that nothing had so far takes no memory
                self._labels[name].append(_unknown(before, shape))
            self._known[name] += 1
            self._labels[name].append(
                np.array([value]) if not VARIABLES[name].per_atom else np.reshape(value, (rows, *shape))
            )
            key = found.taken[name]
            if (name, key) not in self._units:
                self._units[name, key] = choice.unit_of(name, key)
            self._taken[name, key, self._units[name, key]] += 1
        self._stressed = self._stressed or (found.stress is not None and bool(found.stress.any()))
        self._atoms += n_atoms

    def dataset(self, **attributes: Any) -> tuple[xr.Dataset, ImportReport]:
        """The dataset in memory and the report; the assembly is empty afterwards.

        Raises
        ------
        InputError
            If no frame was taken, or a label is nowhere under the key that was named.
        """
        if not len(self):
            reasons = f"; the first one: {self._bad[0]}" if self._bad else ""
            raise InputError(f"expected at least one configuration to import, got none{reasons}")
        self._require_named_keys()
        self._forget_zero_stress()
        n_atoms = np.array(self._n_atoms, dtype=np.int32)
        configurations = Configurations(
            n_atoms,
            self._cells.joined(),
            self._pbc.joined(),
            self._numbers.joined(),
            self._positions.joined(),
            self._joined_labels(),
        )
        further: dict[str, NDArray[Any]] = own_variables(self._info, len(self)) if self._own else {}
        for name in further:
            del self._info[name]
        if any(self._roles):
            further["role"] = np.array(self._roles, dtype=np.int8)
        if "split" not in further and (split := self._split()) is not None:
            further["split"] = split
        further |= self.methods.variable()
        attributes = self.methods.attributes() | attributes
        volume, remark = atomic_volume(configurations)
        if volume is not None:
            attributes = {"volume_per_atom": volume} | attributes
        if remark is not None:
            self._remarks[remark] += len(self)
        dataset = sharing_dataset(configurations, attributes, further)
        foreign = dict(self._foreign(n_atoms))
        return with_foreign(dataset, foreign), self._report(dataset, foreign)

    def _require_named_keys(self) -> None:
        """Refuse a key that was named and that no frame has."""
        for label, key in keys_of(self.choice).items():
            if key is not None and key not in self._keys:
                raise InputError(
                    f"expected {label} under the key {key!r}, which no configuration has; "
                    f"{did_you_mean(key, self.keys)}"
                )

    def _forget_zero_stress(self) -> None:
        """A stress that is exactly zero in every configuration was not computed: it is not known."""
        if not self._known["stress"] or self._stressed:
            return
        self._remarks[ZERO_STRESS] += self._known["stress"]
        self._known["stress"] = 0
        self._labels["stress"] = Column()
        self._taken = Counter({key: count for key, count in self._taken.items() if key[0] != "stress"})

    def _joined_labels(self) -> Labels | None:
        if not any(self._known.values()):
            return None

        def joined(name: str) -> NDArray[Any]:
            rows = self._atoms if VARIABLES[name].per_atom else len(self)
            if self._known[name]:
                return self._labels[name].joined()
            return np.full((rows, *_SHAPES[name]), np.nan, np.float32 if VARIABLES[name].per_atom else np.float64)

        return Labels(
            joined("energy"),
            joined("forces"),
            joined("stress"),
            joined("atomic_energies") if self._known["atomic_energies"] else None,
        )

    def _split(self) -> NDArray[np.int8] | None:
        """The split that the file names in every configuration, by name or by code; None where it names none."""
        column = self._info.get("split", {})
        if len(column) < len(self):
            return None
        codes = [_SPLITS.get(str(value).lower(), value) for value in column.values()]
        meanings = VARIABLES["split"].meanings
        if not all(type(code) is int and 0 <= code < len(meanings) for code in codes):
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
            yield foreign_name(name), foreign_of_atoms(name, arrays, n_atoms, widths.pop())

    def _report(self, dataset: xr.Dataset, foreign: dict[str, xr.Variable]) -> ImportReport:
        for label in ("energy", "forces", "stress"):
            zero = label == "stress" and ZERO_STRESS in self._remarks
            if not self._known[label] and not zero and (keys := likely_keys(label, self._keys)):
                said = f"no {label} under a common name; if it is {' or '.join(keys)}, say so with --{label}-key"
                self._remarks[said] += len(self)
        missing = {name: len(self) - self._known[name] for name in _SHAPES if name != "atomic_energies"}
        return ImportReport(
            configurations=len(self),
            atoms=int(dataset.sizes[ATOM]),
            elements=tuple(dataset.attrs["elements"]),
            labels=tuple(
                LabelReport(label=label, key=key, unit=unit, configurations=count)
                for (label, key, unit), count in sorted(self._taken.items())
            ),
            without={name: count for name, count in missing.items() if count},
            isolated_atoms=sum(self._roles),
            fields={name: str(variable.attrs["units"]) for name, variable in foreign.items()},
            skipped=tuple(map(str, self._bad)),
            n_skipped=self._n_bad,
            remarks=dict(sorted(self._remarks.items())),
        )


def _assumed(choice: LabelChoice, names: set[str]) -> str:
    """What is said of a stress whose sign and order the format suggests and the user did not state."""
    if not names & {"stress_sign", "stress_order"}:
        return ""
    return (
        f"stress taken as {choice.stress_unit}, {choice.stress_sign} positive, order {' '.join(choice.order)}, as is "
        "usual in this format; foundational check --deep tests it"
    )


@lru_cache(maxsize=1024)
def _unknown(rows: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return np.full((rows, *shape), np.nan)


def _label_column(name: str) -> Column:
    """Of a label of each configuration float64, of each atom float32 where that is exact."""
    return Column(Narrowing() if VARIABLES[name].per_atom else None)
