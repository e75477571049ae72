"""The one table of a dataset's variables; store, conversion, checks and the citation documents read it.

Configurations of any size lie flat: a variable per configuration has C rows, a variable per atom A rows, and
``n_atoms`` says how many of the A rows belong to each configuration, in order.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr

from foundational.errors import DatasetError, InputError, did_you_mean

#: Version of this table, written to the attributes of every store; a reader refuses a newer one.
LAYOUT_VERSION: Final = 1
CONFIGURATION: Final = "configuration"
ATOM: Final = "atom"
#: Dimensions of fixed length.
SIZES: Final = {"digest": 16, "vector": 3, "xyz": 3}


@dataclass(frozen=True)
class Variable:
    """One row of the table."""

    name: str
    dims: tuple[str, ...]
    dtype: str
    """numpy's name, little-endian when stored."""
    unit: str
    """``1`` where the quantity has none."""
    description: str
    required: bool = False
    """No dataset is stored without it."""
    label: bool = False
    """Said by the labeller; belongs to the fingerprint."""
    may_be_nan: bool = False
    """NaN means *not known*; everywhere else it is a violation."""
    meanings: tuple[str, ...] = ()
    """Names of the codes 0, 1, 2, … where the numbers are codes."""

    @property
    def per_atom(self) -> bool:
        """Whether it has a row for each atom, not for each configuration."""
        return self.dims[0] == ATOM

    @property
    def attributes(self) -> dict[str, Any]:
        """What is stored beside the numbers (CF conventions for codes)."""
        codes = {}
        if self.meanings:
            codes = {"flag_values": list(range(len(self.meanings))), "flag_meanings": " ".join(self.meanings)}
        return {"units": self.unit, "description": self.description} | codes


_C = (CONFIGURATION,)
_ROW = (
    Variable(
        "id",
        (CONFIGURATION, "digest"),
        "uint8",
        "1",
        "128-bit content hash of species, cell and positions",
        required=True,
    ),
    Variable("parent_id", (CONFIGURATION, "digest"), "uint8", "1", "id of the configuration of the parent dataset"),
    Variable("n_atoms", _C, "int32", "1", "number of atoms", required=True),
    Variable("cell", (CONFIGURATION, "vector", "xyz"), "float64", "Å", "lattice vectors, in rows", required=True),
    Variable("pbc", (CONFIGURATION, "xyz"), "bool", "1", "periodic along each lattice vector", required=True),
    Variable("atomic_numbers", (ATOM,), "uint8", "1", "atomic numbers", required=True),
    Variable(
        "positions",
        (ATOM, "xyz"),
        "float32",
        "Å",
        "Cartesian positions; the labels belong to these numbers",
        required=True,
    ),
    Variable("energy", _C, "float64", "eV", "potential energy of the cell", required=True, label=True),
    Variable("forces", (ATOM, "xyz"), "float32", "eV/Å", "−∂E/∂r", required=True, label=True),
    Variable(
        "stress",
        (CONFIGURATION, "vector", "xyz"),
        "float64",
        "eV/Å³",
        "stress, tension positive",
        required=True,
        label=True,
    ),
    Variable(
        "atomic_energies",
        (ATOM,),
        "float32",
        "eV",
        "share of each atom in the energy; for information, never trained on",
        label=True,
    ),
    Variable(
        "turned_into",
        _C,
        "int8",
        "1",
        "the crystal into which the parent's configuration was turned when it was translated",
        meanings=("none", "fcc", "bcc", "hcp"),
    ),
    Variable("enthalpy", _C, "float64", "eV", "potential enthalpy U + P0 V where it was sampled", may_be_nan=True),
    Variable(
        "order_parameter",
        _C,
        "float64",
        "1",
        "order parameter O, 0 (liquid) to 1 (perfect crystal), where it was sampled",
        may_be_nan=True,
    ),
    Variable("volume", _C, "float64", "Å³", "volume of the cell where it was sampled", may_be_nan=True),
    Variable("walker", _C, "int32", "1", "walker of the sampling run, from 0; −1 where none is known"),
    Variable("step", _C, "int64", "1", "time step of the walker; −1 where none is known"),
    Variable("selected_at", _C, "int32", "1", "round of the distillation that chose it, from 0; −1 where none did"),
    Variable(
        "selected_because",
        _C,
        "int8",
        "1",
        "why the distillation chose it",
        meanings=("start", "uncertainty", "random", "diversity"),
    ),
    Variable(
        "uncertainty",
        _C,
        "float64",
        "eV",
        "largest uncertainty of an atomic energy in it when it was chosen",
        may_be_nan=True,
    ),
    Variable("split", _C, "int8", "1", "part of the dataset", meanings=("train", "validation")),
)
#: The table, in the order in which variables are stored.
VARIABLES: Final[dict[str, Variable]] = {variable.name: variable for variable in _ROW}
LABELS: Final = tuple(v.name for v in _ROW if v.label)
REQUIRED: Final = tuple(v.name for v in _ROW if v.required)


def variable(name: str) -> Variable:
    """The row called ``name``.

    Raises
    ------
    InputError
        The table has no such row; the closest name is offered.

    >>> variable("forces").unit
    'eV/Å'
    """
    if name not in VARIABLES:
        raise InputError(f"expected a variable of the layout, got {name!r}; {did_you_mean(name, VARIABLES)}")
    return VARIABLES[name]


def schema_breaches(dataset: xr.Dataset) -> list[str]:
    """Every way in which names, dimensions, types and units differ from the table; no numbers are read."""
    breaches = [f"required variable {name!r} is missing" for name in REQUIRED if name not in dataset.variables]
    if dataset.sizes.get(CONFIGURATION) == 0:
        breaches.append("it holds no configuration")
    for raw, stored in dataset.variables.items():
        name = str(raw)
        if name not in VARIABLES:
            breaches.append(f"variable {name!r} is not in the layout; {did_you_mean(name, VARIABLES)}")
            continue
        row = VARIABLES[name]
        if stored.dims != row.dims:
            breaches.append(f"{name}: expected dimensions {row.dims}, got {stored.dims}")
        if stored.dtype != np.dtype(row.dtype):
            breaches.append(f"{name}: expected {row.dtype}, got {stored.dtype}")
        if "units" not in stored.attrs:
            breaches.append(f"{name}: its unit is missing, expected the attribute units = {row.unit!r}")
        elif stored.attrs["units"] != row.unit:
            breaches.append(f"{name}: expected units = {row.unit!r}, got {stored.attrs['units']!r}")
    for dim, size in SIZES.items():
        if dataset.sizes.get(dim, size) != size:
            breaches.append(f"dimension {dim!r}: expected length {size}, got {dataset.sizes[dim]}")
    return breaches


def require_schema(dataset: xr.Dataset, where: str) -> None:
    """Refuse a dataset that differs from the table, naming ``where`` it lies and every difference.

    Raises
    ------
    DatasetError
        At least one breach.
    """
    breaches = schema_breaches(dataset)
    if breaches:
        raise DatasetError(f"{where} does not follow the layout: " + "; ".join(breaches))
