"""What can be asked of a configuration: the columns of the index, with their units."""

from dataclasses import dataclass
from typing import Final, Literal

from foundational.units import BAR, GPA

#: Unit of a column → what one of each unit that may be written is in it.
UNITS: Final[dict[str, dict[str, float]]] = {
    "eV": {"eV": 1.0, "meV": 1e-3},
    "eV/atom": {"eV/atom": 1.0, "eV": 1.0, "meV/atom": 1e-3, "meV": 1e-3},
    "eV/Å": {"eV/Å": 1.0, "eV/A": 1.0, "meV/Å": 1e-3, "meV/A": 1e-3},
    "GPa": {"GPa": 1.0, "kbar": 0.1, "bar": BAR * GPA, "MPa": 1e-3, "eV/Å³": GPA, "eV/Å^3": GPA, "eV/A^3": GPA},
    "Å³": {"Å³": 1.0, "Å^3": 1.0, "A^3": 1.0, "nm³": 1e3, "nm^3": 1e3},
    "Å³/atom": {"Å³/atom": 1.0, "Å^3/atom": 1.0, "A^3/atom": 1.0, "Å³": 1.0, "Å^3": 1.0, "A^3": 1.0},
    "1": {},
}


@dataclass(frozen=True)
class QueryColumn:
    """One column of the index."""

    name: str
    kind: Literal["number", "text", "id"]
    unit: str
    """Of numbers; ``1`` for counts and shares."""
    meaning: str


_ROWS = (
    QueryColumn("id", "id", "1", "the first hexadecimal digits of its id"),
    QueryColumn("atoms", "number", "1", "number of atoms"),
    QueryColumn("formula", "text", "1", "reduced formula, elements by symbol, such as AlNi3"),
    QueryColumn("energy", "number", "eV", "energy of the cell"),
    QueryColumn("energy_per_atom", "number", "eV/atom", "energy for each atom"),
    QueryColumn("max_force", "number", "eV/Å", "length of the largest force"),
    QueryColumn("pressure", "number", "GPa", "minus a third of the trace of the stress; compression is positive"),
    QueryColumn("volume", "number", "Å³", "volume of the cell"),
    QueryColumn("volume_per_atom", "number", "Å³/atom", "volume for each atom"),
    QueryColumn("method", "text", "1", "id of the method of its labels"),
    QueryColumn("split", "text", "1", "train, validation or test"),
    QueryColumn("phase", "text", "1", "crystal (order parameter above 0.5) or disordered, where it was sampled"),
    QueryColumn("order_parameter", "number", "1", "order parameter where it was sampled"),
    QueryColumn("round", "number", "1", "round of the distillation that chose it, from 0"),
    QueryColumn("uncertainty", "number", "eV", "largest uncertainty of an atomic energy when it was chosen"),
    QueryColumn("source", "text", "1", "sampled, transformed to a crystal, a recipe, or isolated_atom"),
)
#: Columns by name; fields of imported files come after them under their own names.
COLUMNS: Final[dict[str, QueryColumn]] = {column.name: column for column in _ROWS}
#: Before the symbol of an element in the name of the column that counts its atoms.
COUNT: Final = "atoms_"
