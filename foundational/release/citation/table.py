"""``configurations.csv``: one line a configuration, for people with a spreadsheet and for readers of Croissant.

It holds every variable of the layout that is one number or id for each configuration, as in the extended XYZ file:
ids in hexadecimal after ``0x``, floats with the fewest digits that read back the same, codes by their meaning. What is
not known is empty.
"""

from collections.abc import Iterator
from math import isnan
from pathlib import Path
from typing import Any, Final

import xarray as xr
from numpy.typing import NDArray

from foundational.data.atomic_write import write_whole
from foundational.data.fingerprint import hexadecimal
from foundational.data.layout import CONFIGURATION, VARIABLES, Variable

TABLE: Final = "configurations.csv"
#: Lines whose texts are in memory at a time.
_LINES: Final = 65_536


def table_columns(dataset: xr.Dataset) -> tuple[Variable, ...]:
    """The variables that the table of a dataset holds, in the order of its columns."""
    shapes = {(CONFIGURATION,), (CONFIGURATION, "digest")}
    return tuple(v for name, v in VARIABLES.items() if name in dataset and v.dims in shapes)


def write_table(dataset: xr.Dataset, path: Path) -> None:
    """Write the table; the file appears whole or not at all, with the same bytes for the same numbers."""
    columns = table_columns(dataset)
    numbers = [dataset[variable.name].to_numpy() for variable in columns]

    def lines() -> Iterator[bytes]:
        yield (",".join(variable.name for variable in columns) + "\n").encode()
        for start in range(0, int(dataset.sizes[CONFIGURATION]), _LINES):
            block = (values[start : start + _LINES] for values in numbers)
            texts = [_texts(variable, values) for variable, values in zip(columns, block, strict=True)]
            for row in zip(*texts, strict=True):
                yield (",".join(row) + "\n").encode()

    write_whole(path, lines())


def _texts(variable: Variable, values: NDArray[Any]) -> list[str]:
    if values.ndim == 2:
        return [f"0x{digits}" for digits in hexadecimal(values)]
    if variable.meanings:
        return [variable.meanings[code] for code in values.tolist()]
    return ["" if isnan(value) else repr(value) for value in values.tolist()]
