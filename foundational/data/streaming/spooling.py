"""Datasets that are put together batch by batch in a folder: what a command stores need not fit in memory."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from foundational.data.batches import Offsets
from foundational.data.layout import LAYOUT_VERSION
from foundational.data.store import open_store
from foundational.data.streaming.store_writer import StoreWriter
from foundational.elements import NUMBERS

if TYPE_CHECKING:
    import xarray as xr

#: Atoms of a set that is put together in memory: 0.2 GB with what is made of them on the way.
IN_MEMORY: Final = 4_000_000


def spooled(batches: "Iterable[xr.Dataset]", folder: Path) -> "xr.Dataset":
    """The configurations of ``batches`` as one lazy dataset in the new ``folder``, with the attributes of the last.

    Its elements are those of all batches.
    """
    writer, elements = StoreWriter(folder), set[str]()
    attrs: dict[str, Any] = {}
    for batch in batches:
        writer.append(batch)
        elements |= set(batch.attrs["elements"])
        attrs = {str(name): value for name, value in batch.attrs.items() if name != "layout"}
    attrs["elements"] = sorted(elements, key=NUMBERS.__getitem__)
    writer.seal(attrs)
    return open_store(folder).assign_attrs(layout=LAYOUT_VERSION, elements=attrs["elements"])


def chosen_rows(dataset: "xr.Dataset", rows: NDArray[np.int64], folder: Path) -> "xr.Dataset":
    """The configurations ``rows`` of ``dataset`` in that order: in memory, or where they are many in ``folder``.

    Each is read once.
    """
    offsets = Offsets.of(dataset)
    blocks = np.cumsum(offsets.n_atoms[rows], dtype=np.int64) // IN_MEMORY
    if not len(rows) or blocks[-1] == 0:
        return offsets.take(dataset, rows).load()

    def read() -> "Iterator[xr.Dataset]":
        for block in np.split(rows, np.flatnonzero(np.diff(blocks)) + 1):
            yield offsets.take(dataset, block).load()

    return spooled(read(), folder)
