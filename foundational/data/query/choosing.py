"""A dataset cut down to the configurations that fulfil a condition."""

from pathlib import Path
from typing import TYPE_CHECKING

from foundational.data.batches import Offsets
from foundational.data.query.computed import DatasetIndex
from foundational.data.query.index import stored_index
from foundational.data.query.selection import rows_where
from foundational.errors import InputError
from foundational.progress import Progress

if TYPE_CHECKING:
    import xarray as xr


def choose(
    dataset: "xr.Dataset",
    where: str | None,
    store: tuple[Path, Path] | None = None,
    progress: Progress | None = None,
) -> "xr.Dataset":
    """The configurations of ``dataset`` that fulfil ``where``, all of them for None; still lazy.

    Parameters
    ----------
    where
        A condition; see `foundational.data.query.language`.
    store
        Where the dataset is stored, and the folder in which its index is kept; None: it is not, and columns are
        computed from its numbers.

    Raises
    ------
    InputError
        The condition is not of the language, or no configuration fulfils it.
    """
    if where is None:
        return dataset
    rows = rows_where(where, DatasetIndex(dataset) if store is None else stored_index(*store, progress))
    if not rows.size:
        raise InputError(f"--where {where!r}: no configuration of {int(dataset.sizes['configuration']):,} fulfils it")
    return Offsets.of(dataset).take(dataset, rows)
