"""Fields of other programs in exports: of configurations and of atoms, by their own names, where a format takes them.

A field whose name could be taken for a label, or for a key of the format, is not written.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from foundational.data.layout import ATOM, CONFIGURATION, is_foreign

if TYPE_CHECKING:
    import xarray as xr

_LABEL: Final = re.compile(r"energ|force|stress|virial", re.IGNORECASE)
_NAME: Final = re.compile(r"[A-Za-z_][\w.:+-]*")
_TAKEN: Final = frozenset(
    {"config_type", "method", "id", "sid", "pbc", "lattice", "properties", "species", "cell", "pos", "positions"}
    | {"numbers", "symbols", "atomic_numbers", "z", "names", "atom_fields"}
)
#: Names that make a reader change labels, and those under which such fields are written. ASE fixes the atoms of a
#: ``move_mask``, and gives no forces on them.
_RENAMED: Final = {"move_mask": "imported_move_mask"}


def fields_of(dataset: "xr.Dataset") -> tuple[Mapping[str, Any], ...]:
    """For each configuration its fields by name: numbers, truths, lists of numbers, texts; those it has not are absent.

    Empty where no configuration has any.
    """
    rows: list[dict[str, Any]] = [{} for _ in range(dataset.sizes[CONFIGURATION])]
    for name, stored in _written(dataset, CONFIGURATION).items():
        texts = stored.attrs.get("values")
        for row, value in zip(rows, stored.to_numpy().tolist(), strict=True):
            if texts is not None:
                if value >= 0:
                    row[name] = texts[value]
            elif not np.isnan(np.asarray(value, dtype=np.float64)).any():
                row[name] = value
    return tuple(rows) if any(rows) else ()


def atom_fields_of(dataset: "xr.Dataset", offsets: NDArray[np.integer]) -> tuple[Mapping[str, NDArray[Any]], ...]:
    """For each configuration the fields of its atoms by name, a row an atom: numbers, truths or texts.

    A field that a configuration has in part, or not at all, is absent there. Empty where no configuration has any.
    """
    ends = offsets.tolist()
    rows: list[dict[str, NDArray[Any]]] = [{} for _ in ends[1:]]
    for name, stored in _written(dataset, ATOM).items():
        values = stored.to_numpy()
        texts = stored.attrs.get("values")
        there = values >= 0 if texts is not None else ~np.isnan(values.astype(np.float64))
        if texts is not None:
            values = np.array([*texts, ""], dtype=object)[values]
        for row, start, end in zip(rows, ends[:-1], ends[1:], strict=True):
            if there[start:end].all():
                row[name] = values[start:end]
    return tuple(rows) if any(rows) else ()


def as_one(fields: Mapping[str, Any], atom_fields: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """The fields of one configuration and of its atoms, as JSON has them; ``atom_fields`` names those of atoms."""
    atoms = {name: values.tolist() for name, values in atom_fields.items()}
    return dict(fields) | atoms | ({"atom_fields": list(atoms)} if atoms else {})


def _written(dataset: "xr.Dataset", dim: str) -> "dict[str, xr.DataArray]":
    """The fields of ``dim`` that may be written, by the names under which they are."""
    found = {
        str(name): stored
        for name, stored in dataset.data_vars.items()
        if is_foreign(stored) and stored.dims[0] == dim and _may_be_written(str(name))
    }
    return {_RENAMED.get(name, name): stored for name, stored in found.items()}


def _may_be_written(name: str) -> bool:
    return bool(_NAME.fullmatch(name)) and name.lower() not in _TAKEN and not _LABEL.search(name)
