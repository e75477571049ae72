"""The one table of a dataset's variables; store, conversion, checks and the citation documents read it.

Configurations of any size lie flat: a variable per configuration has C rows, a variable per atom A rows, and
``n_atoms`` says how many of the A rows belong to each configuration, in order.

Layout 2 (docs/decisions/0011): each label may be known or unknown for each configuration, positions may be float64, any
boundary conditions, several methods in one set, and variables of other programs under their own names. Stores of layout
1 are read with today's names.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from foundational.errors import DatasetError, InputError, did_you_mean

if TYPE_CHECKING:
    import xarray as xr

#: Version of this table, written to the attributes of every store; a reader refuses a newer one.
LAYOUT_VERSION: Final = 2
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
    """Given by the labeller; belongs to the fingerprint. NaN in all numbers of a configuration: it is not known."""
    may_be_nan: bool = False
    """NaN means *not known*; in variables that are neither this nor labels, NaN is a violation."""
    meanings: tuple[str, ...] = ()
    """Names of the codes 0, 1, 2, … where the numbers are codes."""
    first_codes: int | None = None
    """How many a store always states; of later ones it states those up to the largest in it, so that new codes leave
    the bytes of older sets as they are. None: all."""
    later: str = ""
    """Ends the description where later codes are stated."""
    wider: str = ""
    """Another numpy type in which it may be stored, where the first would change a number."""

    @property
    def per_atom(self) -> bool:
        """Whether it has a row for each atom, not for each configuration."""
        return self.dims[0] == ATOM

    def attributes(self, largest: int = -1) -> dict[str, Any]:
        """What is stored beside the numbers, of which ``largest`` is the largest code (CF conventions for codes)."""
        stated = self.meanings[: max(self.first_codes or len(self.meanings), largest + 1)]
        codes = {"flag_values": list(range(len(stated))), "flag_meanings": " ".join(stated)} if stated else {}
        description = self.description + (self.later if len(stated) > (self.first_codes or len(stated)) else "")
        return {"units": self.unit, "description": description} | codes

    def attributes_of(self, values: Any) -> dict[str, Any]:
        """The same for ``values``, read only where they matter."""
        return self.attributes(-1 if self.first_codes is None else int(np.asarray(values).max(initial=-1)))


_RECIPES = ("none", "scaled", "strained", "short-pairs", "vacancies", "surfaces", "free-atoms", "dimers", "dense")
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
        wider="float64",
    ),
    Variable("energy", _C, "float64", "eV", "potential energy of the cell", label=True),
    Variable("forces", (ATOM, "xyz"), "float32", "eV/Å", "−∂E/∂r", label=True, wider="float64"),
    Variable("stress", (CONFIGURATION, "vector", "xyz"), "float64", "eV/Å³", "stress, tension positive", label=True),
    Variable(
        "atomic_energies",
        (ATOM,),
        "float32",
        "eV",
        "share of each atom in the energy; for information, never trained on",
        label=True,
        wider="float64",
    ),
    Variable("method", _C, "int16", "1", "place of the method of its labels in the attribute methods, from 0"),
    Variable(
        "role",
        _C,
        "int8",
        "1",
        "what the configuration is for: isolated atoms give the zero of the cohesive energy",
        meanings=("configuration", "isolated_atom"),
    ),
    Variable(
        "transformed_to",
        _C,
        "int8",
        "1",
        "the crystal to which the parent's configuration was transformed by a homogeneous strain or shear",
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
    Variable("selection_round", _C, "int32", "1", "round of the distillation that chose it, from 0; −1 where none did"),
    Variable(
        "selection_reason",
        _C,
        "int8",
        "1",
        "why the distillation chose it",
        meanings=("start", "uncertainty", "random", "diversity", "recipe"),
    ),
    Variable(
        "recipe",
        _C,
        "int8",
        "1",
        "the recipe that built it; docs/augmentation.md",
        meanings=(*_RECIPES, "distorted", "hcp-ratios", "symmetric-vacancies"),
        first_codes=9,
    ),
    Variable(
        "decoration",
        _C,
        "int8",
        "1",
        "how elements were put on the sites of the parent's configuration; none: all of one element",
        meanings=("none", "random", "short-range", "L1_2", "L1_0", "L1_1", "D0_22", "B2", "D0_3", "B32", "compound"),
        first_codes=10,
        later="; compound: a cell of a prototype, without a parent",
    ),
    Variable(
        "uncertainty",
        _C,
        "float64",
        "eV",
        "largest uncertainty of an atomic energy in it when it was chosen",
        may_be_nan=True,
    ),
    Variable("scf_steps", _C, "int32", "1", "steps of the self-consistent field of its labels; −1 where none is known"),
    Variable(
        "scf_residual",
        _C,
        "float64",
        "eV",
        "change of the energy in the last of these steps, for each valence electron",
        may_be_nan=True,
    ),
    Variable("split", _C, "int8", "1", "part of the dataset", meanings=("train", "validation", "test")),
)
#: The table, in the order in which variables are stored.
VARIABLES: Final[dict[str, Variable]] = {variable.name: variable for variable in _ROW}
LABELS: Final = tuple(v.name for v in _ROW if v.label)
REQUIRED: Final = tuple(v.name for v in _ROW if v.required)


#: Types in which variables of other programs are kept.
FOREIGN_TYPES: Final = ("bool", "int64", "float64", "uint8")


#: The rows of layout 1 that differ, by today's name. A dataset that layout 1 can hold is stored in it: so the bytes of
#: sets that were released or that a manifest names do not change.
LAYOUT_1: Final = {
    "transformed_to": replace(
        VARIABLES["transformed_to"],
        name="turned_into",
        description="the crystal into which the parent's configuration was turned when it was translated",
    ),
    "selection_round": replace(VARIABLES["selection_round"], name="selected_at"),
    "selection_reason": replace(
        VARIABLES["selection_reason"],
        name="selected_because",
        meanings=VARIABLES["selection_reason"].meanings[:4],
    ),
    "split": replace(VARIABLES["split"], meanings=("train", "validation")),
}
#: Names of layout 1 that are other ones today.
RENAMED: Final = {row.name: name for name, row in LAYOUT_1.items() if row.name != name}
#: Code of `decoration` of configurations that were built, from none of the parent.
COMPOUND: Final = VARIABLES["decoration"].meanings.index("compound")
#: Variables that layout 1 does not have.
NEW: Final = {"method", "role", "recipe", "decoration", "scf_steps", "scf_residual"}


def stored_row(name: str, layout: int) -> Variable | None:
    """The row that describes the variable ``name`` in a store of ``layout``; None for one of another program."""
    return LAYOUT_1.get(name, VARIABLES.get(name)) if layout == 1 else VARIABLES.get(name)


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


def is_foreign(stored: "xr.Variable | xr.DataArray") -> bool:
    """Whether a variable came with somebody's data and means nothing to this package (`foreign_attributes`)."""
    return stored.attrs.get("origin") == "imported"


def foreign_attributes(units: str | None = None, values: list[str] | None = None) -> dict[str, Any]:
    """Attributes of a variable that another program wrote.

    Parameters
    ----------
    units
        As that program states it; None where it states none.
    values
        Texts of the codes 0, 1, 2, …, where the variable holds texts; −1 stands for no text.
    """
    texts = {} if values is None else {"values": list(values)}
    return {"units": units or "not stated", "origin": "imported"} | texts


class Described(Protocol):
    """What `schema_breaches` looks at: a dataset, or the description of a store."""

    @property
    def variables(self) -> Any:
        """By name, with ``dims``, ``dtype`` and ``attrs``."""

    @property
    def sizes(self) -> Any:
        """Lengths of dimensions."""


def schema_breaches(dataset: Described) -> list[str]:
    """Every way in which names, dimensions, types and units differ from the table; no numbers are read."""
    breaches = [f"required variable {name!r} is missing" for name in REQUIRED if name not in dataset.variables]
    if dataset.sizes.get(CONFIGURATION) == 0:
        breaches.append("it holds no configuration")
    for raw, stored in dataset.variables.items():
        name = str(raw)
        if name in VARIABLES:
            breaches += _row_breaches(VARIABLES[name], stored)
        elif is_foreign(stored):
            breaches += _foreign_breaches(name, stored)
        else:
            breaches.append(f"variable {name!r} is not in the layout; {did_you_mean(name, VARIABLES)}")
    for dim, size in SIZES.items():
        if dataset.sizes.get(dim, size) != size:
            breaches.append(f"dimension {dim!r}: expected length {size}, got {dataset.sizes[dim]}")
    return breaches


def _row_breaches(row: Variable, stored: "xr.Variable") -> Iterator[str]:
    if stored.dims != row.dims:
        yield f"{row.name}: expected dimensions {row.dims}, got {stored.dims}"
    if stored.dtype != np.dtype(row.dtype) and not (row.wider and stored.dtype == np.dtype(row.wider)):
        yield f"{row.name}: expected {row.dtype}, got {stored.dtype}"
    if "units" not in stored.attrs:
        yield f"{row.name}: its unit is missing, expected the attribute units = {row.unit!r}"
    elif stored.attrs["units"] != row.unit:
        yield f"{row.name}: expected units = {row.unit!r}, got {stored.attrs['units']!r}"


def _foreign_breaches(name: str, stored: "xr.Variable") -> Iterator[str]:
    if not stored.dims or stored.dims[0] not in (CONFIGURATION, ATOM):
        yield f"{name}: expected a row for each configuration or atom, got dimensions {stored.dims}"
    if stored.dtype.name not in FOREIGN_TYPES:
        yield f"{name}: expected one of {', '.join(FOREIGN_TYPES)}, got {stored.dtype}"


def require_schema(dataset: Described, where: str) -> None:
    """Refuse a dataset that differs from the table, naming ``where`` it lies and every difference.

    Raises
    ------
    DatasetError
        At least one breach.
    """
    breaches = schema_breaches(dataset)
    if breaches:
        raise DatasetError(f"{where} does not follow the layout: " + "; ".join(breaches))
