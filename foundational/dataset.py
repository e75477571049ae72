"""A dataset as a person meets it: it prints as a card, gives ASE Atoms, and is sliced by configuration."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from html import escape
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.layout import ATOM, CONFIGURATION, LABELS
from foundational.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from ase import Atoms

    from foundational.data.streaming.random_batches import Batches
    from foundational.inspection.description import Description
    from foundational.provenance.record import ProvenanceRecord


class Dataset:
    """Configurations with energies, forces and stresses, and what is known of them.

    ``len(ds)`` is the number of configurations. ``ds[0]`` is one configuration as ASE Atoms; ``ds[10:20]``,
    ``ds[[3, 1]]`` and ``ds[mask]`` are datasets of some configurations; ``ds["forces"]`` is a variable as xarray holds
    it. Numbers are read when they are asked for.

    Attributes
    ----------
    xarray
        The numbers: an xarray Dataset that follows the layout of docs/architecture.md.
    project
        The folder of the project in which it lies; None outside of one.
    """

    def __init__(
        self,
        xarray: xr.Dataset,
        name: str | None = None,
        *,
        project: Path | None = None,
        describe: "Callable[[], Description] | None" = None,
        whole: "Dataset | None" = None,
        store: Path | None = None,
    ) -> None:
        """Wrap ``xarray``.

        Parameters
        ----------
        describe
            Gives what is known apart from the numbers; called once, when that is first asked for.
        whole
            The dataset of which this is a selection.
        store
            Where all of it is stored; None where it is not.
        """
        self.xarray = xarray
        self._name = name
        self.project = project
        self._describe = describe
        self._whole = whole
        self._store = store

    def __len__(self) -> int:
        """The number of configurations."""
        return int(self.xarray.sizes[CONFIGURATION])

    def __iter__(self) -> "Iterator[Atoms]":
        """Each configuration as ASE Atoms, read as they are asked for."""
        from foundational.data.conversion import iterate_atoms  # noqa: PLC0415 - ASE is slow to import

        return iterate_atoms(self.xarray)

    @overload
    def __getitem__(self, key: str) -> xr.DataArray: ...
    @overload
    def __getitem__(self, key: int | np.integer[Any]) -> "Atoms": ...
    @overload
    def __getitem__(self, key: slice | Sequence[int] | NDArray[np.integer[Any] | np.bool_]) -> "Dataset": ...
    def __getitem__(self, key: Any) -> Any:
        """One variable by its name, one configuration as Atoms, or a dataset of some configurations.

        Raises
        ------
        IndexError
            There is no such configuration.
        InputError
            ``key`` is no variable and selects no configurations.
        """
        if isinstance(key, str):
            if key not in self.xarray.variables:
                known = [str(name) for name in self.xarray.variables]
                raise InputError(f"expected a variable of the dataset, got {key!r}; {did_you_mean(key, known)}")
            return self.xarray[key]
        rows = self._rows(key)
        if isinstance(rows, int):
            from foundational.data.conversion import iterate_atoms  # noqa: PLC0415 - ASE is slow to import

            return next(iterate_atoms(self.xarray, [rows]))
        from foundational.data.batches import take  # noqa: PLC0415

        whole = self if self._whole is None else self._whole
        return Dataset(take(self.xarray, rows), self._name, project=self.project, whole=whole)

    def _rows(self, key: Any) -> int | slice | NDArray[np.int64]:
        """``key`` as numpy would take it for an array with a row a configuration."""
        if isinstance(key, slice):
            return key
        try:
            array = np.asarray(key)
        except ValueError:
            array = np.empty(0, dtype=object)
        if array.size == 0 and array.ndim == 1 and array.dtype != object:
            array = array.astype(np.int64)
        if array.ndim > 1 or not ((array.dtype == np.bool_ and array.ndim) or np.issubdtype(array.dtype, np.integer)):
            raise InputError(f"expected a name, a number, a slice, or an array of numbers or of bool, got {key!r}")
        if array.dtype == np.bool_:
            if len(array) != len(self):
                raise IndexError(f"expected a bool for each of {len(self)} configurations, got {len(array)}")
            array = np.flatnonzero(array)
        if array.size and not -len(self) <= array.min() <= array.max() < len(self):
            raise IndexError(f"expected numbers of {len(self)} configurations, got {array.min()}…{array.max()}")
        rows = array.astype(np.int64) % max(len(self), 1)
        return rows if rows.ndim else int(rows)

    def where(self, condition: str) -> "Dataset":
        """The configurations that fulfil ``condition``, such as ``"elements has Ni and pressure > 5 GPa"``.

        docs/scale.md describes the language; InputError where it is not of it, or none fulfils it.
        """
        from foundational.data.query.choosing import choose  # noqa: PLC0415
        from foundational.project import index_place  # noqa: PLC0415

        place = None if self._store is None else index_place(self._store)
        whole = self if self._whole is None else self._whole
        return Dataset(choose(self.xarray, condition, place), self._name, project=self.project, whole=whole)

    def batches(self, size: int = 64, *, shuffle: bool = True, seed: int = 0, memory: str | int = "1 GB") -> "Batches":
        """Batches of ``size`` configurations as NumPy arrays, each configuration once an epoch, within ``memory``.

        ``torch.utils.data.DataLoader(dataset.batches(64), batch_size=None)`` gives tensors. The random order depends on
        ``seed`` and on the epoch.
        """
        from foundational.data.streaming.random_batches import Batches  # noqa: PLC0415
        from foundational.specs.base import size_in_bytes  # noqa: PLC0415

        held = memory if isinstance(memory, int) else size_in_bytes(memory)
        return Batches(self.xarray, size, shuffle=shuffle, seed=seed, memory=held)

    def to_ase(self) -> "list[Atoms]":
        """All configurations as ASE Atoms with energy, forces and stress; ``iter`` gives one after another."""
        return list(self)

    def to_extxyz(self, path: str | PathLike[str]) -> None:
        """Write an extended XYZ file, without loss; labels stand under ``REF_`` keys, and under ASE's own."""
        from foundational.data.extxyz import write_extxyz  # noqa: PLC0415 - ASE is slow to import

        write_extxyz(self.xarray, Path(path))

    def save(self, path: str | PathLike[str], *, replace: bool = False) -> None:
        """Write the folder ``path``, with its record beside the numbers; `foundational.open_dataset` opens it.

        Raises
        ------
        ConflictError
            ``path`` exists and ``replace`` is false.
        """
        from foundational.data.atomic_write import whole_folder  # noqa: PLC0415
        from foundational.data.store import write_dataset  # noqa: PLC0415
        from foundational.project import STORE  # noqa: PLC0415
        from foundational.provenance.record import write_record  # noqa: PLC0415

        with whole_folder(Path(path), replace=replace) as folder:
            write_dataset(self.xarray, folder / STORE)
            if self.record is not None:
                write_record(folder, self.record)

    @cached_property
    def description(self) -> "Description":
        """What is known of it apart from its numbers; of a selection, what is known of the whole."""
        from foundational.inspection.description import Description  # noqa: PLC0415

        if self._whole is not None:
            return self._whole.description
        return Description() if self._describe is None else self._describe()

    @property
    def name(self) -> str | None:
        """Its name, such as ``ni``; None where it has none."""
        if self._name is None and self.description.record is not None:
            return self.description.record.output.name
        return self._name

    @property
    def version(self) -> str | None:
        """The released version; None before a release, and where it is not known."""
        return self.description.version

    @property
    def licence(self) -> str | None:
        """SPDX identifier, such as ``CC-BY-4.0``; None where it is not known."""
        about = self.description.about
        return None if about is None else about.licence

    @property
    def citation(self) -> str | None:
        """What somebody who uses it must cite, a numbered list; None where it is not known."""
        from foundational.release.citation.works import to_text  # noqa: PLC0415

        subject = self.description.subject
        return None if subject is None else to_text(subject.citable, subject.works)

    @property
    def labeller(self) -> str | None:
        """What computed its labels, such as ``lammps:NiNb``; None where it is not known."""
        record = self.description.record
        known = self.xarray.attrs.get("labeller") if record is None else record.labeller.id
        return None if known is None else str(known)

    @cached_property
    def elements(self) -> tuple[str, ...]:
        """Chemical symbols of its atoms, by atomic number."""
        from ase.data import chemical_symbols  # noqa: PLC0415 - ASE is slow to import

        named = self.xarray.attrs.get("element")
        if named in chemical_symbols:
            return (str(named),)
        return tuple(chemical_symbols[z] for z in np.unique(self.xarray["atomic_numbers"].to_numpy()))

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of what it holds, 64 hexadecimal digits: structures and labels, in any order. All of it is read."""
        from foundational.data.fingerprint import fingerprint  # noqa: PLC0415

        return fingerprint(self.xarray)

    @cached_property
    def record(self) -> "ProvenanceRecord | None":
        """How it came to be, its parents' records within; None where it is not known."""
        if self._whole is None:
            return self.description.record
        from foundational.provenance.selection import selection_record  # noqa: PLC0415

        whole = self._whole.record
        return None if whole is None else selection_record(whole, self.xarray)

    def _card(self) -> tuple[str, list[tuple[str, str]]]:
        """A heading, and (what, value) of all that is known."""
        found = self.description
        label = self.name or "dataset"
        if self.version is not None:
            label += f" {self.version}"
        if self._whole is not None:
            label = f"{len(self):,} of {len(self._whole):,} configurations of {label}"
        elif found.about is not None:
            label += f": {found.about.title}"
        labels = [f"{name} ({self.xarray[name].attrs['units']})" for name in LABELS if name in self.xarray]
        made_from = None
        if found.record is not None and self._whole is None:
            made_from = ", ".join(parent.name for parent in found.record.inputs)
        rows = [
            ("element" if len(self.elements) == 1 else "elements", ", ".join(self.elements)),
            ("configurations", f"{len(self):,} with {self.xarray.sizes[ATOM]:,} atoms"),
            ("labels", ", ".join(labels) or "none"),
            ("labeller", self.labeller),
            ("made from", made_from),
            ("licence", self.licence),
            ("cite", self._short_citation()),
            ("withdrawn", None if found.subject is None else found.subject.yanked),
        ]
        return label, [(name, value) for name, value in rows if value]

    def _short_citation(self) -> str | None:
        subject = self.description.subject
        if subject is None:
            return None
        citable = subject.citable
        version = f"version {citable.version}" if citable.version else "not released"
        year = f" ({citable.released.year})" if citable.released else ""
        text = ", ".join([*(author.full for author in citable.authors), citable.title, version + year])
        others = len(subject.works) - 1
        return text + (f"; and {others} more, see .citation" if others else "")

    def __repr__(self) -> str:
        heading, rows = self._card()
        width = max(len(name) for name, _ in rows)
        return "\n".join([heading, *(f"  {name:<{width}}  {value}" for name, value in rows)])

    def _repr_html_(self) -> str:
        heading, rows = self._card()
        cells = "".join(
            f'<tr><th style="text-align:left">{escape(name)}</th><td style="text-align:left">{escape(value)}</td></tr>'
            for name, value in rows
        )
        return f"<table><caption>{escape(heading)}</caption>{cells}</table>"


def open_stored(store: Path, name: str | None = None, version: str | None = None) -> Dataset:
    """The dataset in ``store``, a ``.zarr`` folder or a zip of one; what lies beside it describes it, as ``version``.

    Raises
    ------
    ChecksumError
        A file of it is missing, empty or truncated.
    DatasetError
        It does not follow the layout.
    """
    from foundational.data.store import open_store  # noqa: PLC0415 - zarr is slow to import
    from foundational.project import project_of  # noqa: PLC0415

    def describe() -> "Description":
        from foundational.inspection.description import describe_store  # noqa: PLC0415

        return describe_store(store, version)

    return Dataset(open_store(store), name, project=project_of(store), describe=describe, store=store)
