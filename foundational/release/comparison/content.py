"""What of a dataset takes part in a comparison, in memory that grows with its configurations and not with its atoms."""

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foundational.data.batches import iterate_places
from foundational.data.fingerprint import DIGEST
from foundational.data.layout import VARIABLES

if TYPE_CHECKING:
    import xarray as xr

#: Covered by the id.
_IDENTITY = {"id", "n_atoms", "cell", "atomic_numbers", "positions"}


@dataclass(frozen=True)
class Content:
    """The rows of a dataset that can be compared, one a configuration."""

    ids: NDArray[np.uint8]
    """(C, 16) ids as stored, not computed again (`check` does that)."""
    rows: dict[str, NDArray[np.uint8]]
    """(C, …) by variable: its little-endian bytes; of variables for each atom their sha256, cut to 16 bytes."""
    energy_per_atom: NDArray[np.float64] | None
    """(C,) eV."""
    force_rms: NDArray[np.float64] | None
    """(C,) eV/Å; root of the mean square of the norms of the forces on a configuration's atoms."""


def read_content(dataset: "xr.Dataset") -> Content:
    """Stream a dataset once.

    Raises
    ------
    ChecksumError
        A damaged chunk was met.
    """
    n_atoms = dataset["n_atoms"].to_numpy()
    names = [name for name in VARIABLES if name in dataset and name not in _IDENTITY]
    rows = {n: _bytes(dataset[n].to_numpy()) for n in names if not VARIABLES[n].per_atom}
    per_atom = [n for n in names if VARIABLES[n].per_atom]
    rows |= {n: np.empty((len(n_atoms), DIGEST), np.uint8) for n in per_atom}
    squares = np.zeros(len(n_atoms)) if "forces" in names else None
    for place in iterate_places(dataset):
        ends = np.cumsum(place.n_atoms, dtype=np.int64)
        starts = ends - place.n_atoms
        for name in per_atom:
            values = dataset[name][place.atoms].to_numpy()
            rows[name][place.rows] = _digests(_little_endian(values), starts, ends)
            if name == "forces" and squares is not None:
                norms = np.einsum("ai,ai->a", values, values, dtype=np.float64)
                squares[place.rows] = np.add.reduceat(norms, starts)
    return Content(
        dataset["id"].to_numpy(),
        rows,
        dataset["energy"].to_numpy() / n_atoms if "energy" in names else None,
        None if squares is None else np.sqrt(squares / n_atoms),
    )


def _digests(values: NDArray[Any], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.uint8]:
    width = values.itemsize * int(np.prod(values.shape[1:], dtype=int))
    flat = values.reshape(-1).view(np.uint8).data
    pairs = zip((starts * width).tolist(), (ends * width).tolist(), strict=True)
    joined = b"".join([sha256(flat[start:end]).digest()[:DIGEST] for start, end in pairs])
    return np.frombuffer(joined, np.uint8).reshape(-1, DIGEST)


def _bytes(values: NDArray[Any]) -> NDArray[np.uint8]:
    return _little_endian(values).view(np.uint8).reshape(len(values), -1)


def _little_endian(values: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
