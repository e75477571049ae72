"""A run as it is saved: the bytes of ``run.npz``, from which every bit of the run comes back; and a stored pool."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.engines.momt.block import WalkerState
from foundational.engines.momt.run import Run
from foundational.science.bias import Bias

_COUNTS = ("learned", "recorded", "crossings_learning", "crossings_recording", "outside")


@dataclass(frozen=True, eq=False)
class StoredPool:
    """A whole pool, from whose end a longer one continues."""

    dataset: xr.Dataset
    run: Run
    surplus: NDArray[np.float64] | None
    """(F, 2 + 9 + 3N) frames of the last round that did not fit into the pool."""


def run_to_bytes(run: Run, surplus: NDArray[np.float64] | None = None) -> bytes:
    """The content of ``run.npz``.

    Parameters
    ----------
    run
        The run to save.
    surplus : (F, 2 + 9 + 3N)
        Frames of the last round that do not fit into the pool. They are kept so that a longer pool neither loses nor
        repeats them.
    """
    walkers = {
        name: np.stack([np.asarray(getattr(walker, name)) for walker in run.walkers])
        for name in ("positions", "velocities", "cell", "side")
    }
    bias = {name: getattr(run.bias, name) for name in ("temperature", "knots_h", "knots_t", "coefficients")}
    counts = {name: getattr(run, name) for name in ("visits", *_COUNTS)}
    arrays: dict[str, Any] = {"stop": -1 if run.stop is None else run.stop} | walkers | bias | counts
    if surplus is not None and len(surplus):
        arrays["surplus"] = surplus
    stream = BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def run_from_bytes(content: bytes) -> Run:
    """The run in ``content``, which `run_to_bytes` gave."""
    with np.load(BytesIO(content)) as stored:
        x = dict(stored)
    walkers = tuple(
        WalkerState(p, v, c, int(side))
        for p, v, c, side in zip(x["positions"], x["velocities"], x["cell"], x["side"], strict=True)
    )
    return Run(
        bias=Bias(float(x["temperature"]), x["knots_h"], x["knots_t"], x["coefficients"]),
        walkers=walkers,
        visits=x["visits"],
        stop=None if x["stop"] < 0 else int(x["stop"]),
        **{name: int(x[name]) for name in _COUNTS},
    )


def surplus_from_bytes(content: bytes) -> NDArray[np.float64] | None:
    """The frames, (F, 2 + 9 + 3N), that `run_to_bytes` saved with the run; None if there were none."""
    with np.load(BytesIO(content)) as stored:
        surplus: NDArray[np.float64] | None = stored.get("surplus")
    return surplus
