"""Fields of other programs as variables of a dataset: under their own names, with a unit where one is known."""

import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.layout import ATOM, VARIABLES, foreign_attributes

#: Units of fields that many programs write under these names.
_UNITS: Final = {
    "magmoms": "μB",
    "initial_magmoms": "μB",
    "magmom": "μB",
    "charge": "e",
    "charges": "e",
    "initial_charges": "e",
    "dipole": "e·Å",
    "free_energy": "eV",
    "energy": "eV",
}


def foreign_name(name: str) -> str:
    """The name under which a field is kept: its own, unless the layout has that name already."""
    return f"imported_{name}" if name in VARIABLES else name.replace("/", "_")


def foreign_variable(name: str, dim: str, values: list[Any], shape: tuple[int, ...] = ()) -> xr.Variable:
    """A field of another program, one value a row, None where it has none: numbers, truths, or codes of texts."""
    units = _UNITS.get(name.lower())
    known = [value for value in values if value is not None]
    arrays = [_as_array(value) for value in known]
    shapes = {array.shape for array in arrays} | ({shape} if shape else set()) or {()}  # nothing known: numbers
    dims = (dim, *(f"{name}_{axis}" for axis in range(len(next(iter(shapes))))))
    if len(shapes) == 1 and all(array.dtype.kind in "iufb" for array in arrays):
        kind = {"b": "bool", "i": "int64", "u": "int64"}.get("".join({a.dtype.kind for a in arrays}), "float64")
        if len(known) == len(values) and kind != "float64":
            return xr.Variable(dims, np.stack(arrays).astype(kind), foreign_attributes(units))
        missing = np.full(next(iter(shapes)), np.nan)
        rows = [missing if value is None else np.asarray(value, dtype=np.float64) for value in values]
        return xr.Variable(dims, np.stack(rows), foreign_attributes(units))
    texts = [None if value is None else _text(value) for value in values]
    names = sorted({text for text in texts if text is not None})
    place = {text: code for code, text in enumerate(names)}
    codes = np.array([-1 if text is None else place[text] for text in texts], dtype=np.int64)
    return xr.Variable((dim,), codes, foreign_attributes(units, names))


def _as_array(value: Any) -> NDArray[Any]:
    """A value as numpy has it; one object where its rows have several lengths."""
    try:
        return np.asarray(value)
    except ValueError:
        return np.empty((), dtype=object)


def foreign_of_atoms(
    name: str, arrays: Mapping[int, NDArray[Any]], n_atoms: NDArray[np.int32], shape: tuple[int, ...]
) -> xr.Variable:
    """A field of the atoms of another program, from the arrays of the configurations that have it, by their place."""
    found = [np.asarray(array) for array in arrays.values()]
    kinds = {array.dtype.kind for array in found}
    if not kinds <= set("iufb"):
        rows: list[Any] = []
        for row, n in enumerate(n_atoms.tolist()):
            rows += [None] * n if row not in arrays else list(arrays[row])
        return foreign_variable(name, ATOM, rows, shape)
    attributes = foreign_attributes(_UNITS.get(name.lower()))
    dims = (ATOM, *(f"{name}_{axis}" for axis in range(len(shape))))
    kind = "float64"
    if len(found) == len(n_atoms) and len(kinds) == 1:
        kind = {"b": "bool", "i": "int64", "u": "int64"}.get(next(iter(kinds)), "float64")
    parts = (
        np.asarray(arrays[row]).astype(kind) if row in arrays else np.full((n, *shape), np.nan)
        for row, n in enumerate(n_atoms.tolist())
    )
    return xr.Variable(dims, np.concatenate(list(parts)), attributes)


def _text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
