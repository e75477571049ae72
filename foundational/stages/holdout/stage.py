"""A holdout: frames of a pool, spread evenly over its run, stored like a released set."""

import numpy as np
import xarray as xr

from foundational.data.batches import take
from foundational.errors import InputError
from foundational.specs.sample import HoldoutSpec


def holdout(spec: HoldoutSpec, pool: xr.Dataset) -> xr.Dataset:
    """``spec.frames`` configurations of ``pool``, equally spaced in the pool's order; nothing is drawn at random.

    Raises
    ------
    InputError
        where the pool has fewer.
    """
    available = pool.sizes["configuration"]
    if spec.frames > available:
        raise InputError(f"expected at most {available} frames, which the pool {spec.pool!r} has, got {spec.frames}")
    return take(pool, np.arange(spec.frames) * available // spec.frames).load()
