"""Foundational datasets for neural-network potentials: sampled once, distilled, translated, validated, versioned.

Importing this package is fast and needs only the base dependencies; xarray and zarr are imported when a dataset is
opened.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    import xarray as xr

__all__ = ["__version__", "open_dataset"]


def open_dataset(name_or_path: "str | PathLike[str]", root: "str | PathLike[str] | None" = None) -> "xr.Dataset":
    """A dataset, lazily: numbers are read when they are asked for, each chunk with its checksum verified.

    Parameters
    ----------
    name_or_path
        A name in the project, such as ``ni`` or ``local/nb``; a released version, such as ``ni@1.0.0``, from the
        project or, anywhere, from what ``foundational pull`` brought; or a path to a dataset's folder, to a ``.zarr``
        folder or to a ``.zarr.zip``.
    root
        Project root; by default the nearest folder above the working directory that holds dvc.yaml.

    Raises
    ------
    NotFoundError
        No such dataset; the closest name is offered. Or the version is not on this machine; the message says how
        to pull it.
    ChecksumError
        A file of it is missing, empty or truncated. Reading a damaged chunk later raises it too.
    DatasetError
        It does not follow the layout.

    Warns
    -----
    foundational.release.registry.registry.YankedWarning
        The version was withdrawn; the message says why.
    """
    from pathlib import Path  # noqa: PLC0415 - imports are delayed so that this package imports at once

    from foundational.data.store import open_store  # noqa: PLC0415
    from foundational.project import locate_dataset as locate  # noqa: PLC0415

    if isinstance(name_or_path, str) and "@" in name_or_path:
        from foundational.release.transfer.retrieval import locate  # noqa: PLC0415

    return open_store(locate(name_or_path, None if root is None else Path(root)))


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415

        return version("foundational")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
