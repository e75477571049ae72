"""Joining what was chosen from several pools to one set."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import to_configurations
from foundational.data.configurations import concatenate
from foundational.data.conversion import to_dataset
from foundational.stages.augment.stage import UNKNOWN


def join(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """All configurations of ``parts``, in order, with the attributes of the first.

    Walkers are numbered on from part to part, so that no two pools share a trajectory. A column that a part does not
    have is unknown there.
    """
    columns: dict[str, NDArray[Any]] = {}
    for name, unknown in UNKNOWN.items():
        if not any(name in part for part in parts):
            continue
        values, first = [], 0
        for part in parts:
            size = part.sizes["configuration"]
            if name in part:
                own = part[name].to_numpy()
            else:
                kind = next(other[name].dtype for other in parts if name in other)
                own = np.full(size, unknown, dtype=kind)
            if name == "walker":
                own = np.where(own >= 0, own + first, own).astype(own.dtype)
                first = max(first, int(own.max(initial=-1)) + 1)
            values.append(own)
        columns[name] = np.concatenate(values)
    configurations = concatenate([to_configurations(part) for part in parts])
    return to_dataset(configurations, attrs=dict(parts[0].attrs), **columns)
