"""Fields of other programs in exports: values of configurations under their own names, where a format can carry them.

A field whose name could be taken for a label, or for a key of the format, is not written.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import xarray as xr

from foundational.data.layout import CONFIGURATION, is_foreign

_LABEL: Final = re.compile(r"energ|force|stress|virial", re.IGNORECASE)
_NAME: Final = re.compile(r"[A-Za-z_][\w.:+-]*")
_TAKEN: Final = frozenset({"config_type", "method", "id", "sid", "pbc", "lattice", "properties", "species", "cell"})


def fields_of(dataset: xr.Dataset) -> tuple[Mapping[str, Any], ...]:
    """For each configuration its fields by name: numbers, truths, lists of numbers, texts; those it has not are absent.

    Empty where no configuration has any.
    """
    rows: list[dict[str, Any]] = [{} for _ in range(dataset.sizes[CONFIGURATION])]
    for raw, stored in dataset.data_vars.items():
        name = str(raw)
        if not is_foreign(stored) or stored.dims[0] != CONFIGURATION or not _may_be_written(name):
            continue
        texts = stored.attrs.get("values")
        for row, value in zip(rows, stored.to_numpy().tolist(), strict=True):
            if texts is not None:
                if value >= 0:
                    row[name] = texts[value]
            elif not np.isnan(np.asarray(value, dtype=np.float64)).any():
                row[name] = value
    return tuple(rows) if any(rows) else ()


def _may_be_written(name: str) -> bool:
    return bool(_NAME.fullmatch(name)) and name.lower() not in _TAKEN and not _LABEL.search(name)
