"""Foundational datasets for machine-learning potentials: sampled once, distilled, translated, validated, versioned.

Importing this package is fast and needs only the base dependencies; everything else is imported when it is used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    from foundational.alloys import decorate
    from foundational.api import distill, evaluate, load_model, relabel, train, translate, validate
    from foundational.dataset import Dataset

    __version__: str

__all__ = [
    "__version__",
    "decorate",
    "distill",
    "evaluate",
    "load_model",
    "open_dataset",
    "relabel",
    "train",
    "translate",
    "validate",
]


def open_dataset(name_or_path: "str | PathLike[str]", root: "str | PathLike[str] | None" = None) -> "Dataset":
    """A dataset: prints as a card, gives ASE Atoms, is sliced by configuration.

    It is lazy: numbers are read when they are asked for, each chunk with its checksum verified.

    Parameters
    ----------
    name_or_path
        A name, such as ``ni`` or ``local/nb``: the working copy in a project, the newest pulled release outside of one.
        Or a released version, such as ``ni@1.0.0``, from the project or from what ``foundational pull`` brought. Or a
        path to a dataset's folder, to a ``.zarr`` folder or to a ``.zarr.zip``. Or the address of one of these or of a
        release's zip, ``https://…`` or ``s3://…``: it is read there, without a copy, as far as numbers are asked for.
    root
        Project root; by default the nearest folder above the working directory that holds dvc.yaml.

    Raises
    ------
    NotFoundError
        No such dataset; the closest name is offered. Or the version is not on this machine; the message says how
        to pull it. Or there is none at an address.
    ChecksumError
        A file of it is missing, empty or truncated. Reading a damaged chunk later raises it too.
    DatasetError
        It does not follow the layout.

    Warns
    -----
    foundational.release.registry.registry.YankedWarning
        The version was withdrawn; the message says why.
    """
    from contextlib import suppress  # noqa: PLC0415 - imports are delayed so that this package imports at once
    from pathlib import Path  # noqa: PLC0415

    from foundational.data.remote.address import is_address  # noqa: PLC0415
    from foundational.dataset import Dataset, open_stored  # noqa: PLC0415
    from foundational.errors import NotFoundError  # noqa: PLC0415
    from foundational.project import can_be_name, locate_dataset  # noqa: PLC0415

    if isinstance(name_or_path, str) and is_address(name_or_path):
        from foundational.data.store import open_store  # noqa: PLC0415
        from foundational.release.transfer.remote import remote_store  # noqa: PLC0415

        return Dataset(open_store(remote_store(name_or_path)))
    folder = None if root is None else Path(root)
    name = name_or_path.partition("@")[0] if isinstance(name_or_path, str) else ""
    store = version = None
    with suppress(NotFoundError):
        store = locate_dataset(name_or_path, folder)
    if store is None:
        from foundational.release.transfer.location import locate  # noqa: PLC0415 - slower to import

        store = locate(name_or_path, folder)
        version = name_or_path.partition("@")[2] or None if isinstance(name_or_path, str) else None
    return open_stored(store, name if can_be_name(name) else None, version)


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415

        return version("foundational")
    if name == "decorate":
        from foundational.alloys import decorate  # noqa: PLC0415

        return decorate
    if name in __all__:
        from foundational import api  # noqa: PLC0415

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
