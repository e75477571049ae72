"""Where things are in a project: its root, its datasets, and what their names may be."""

import os
import re
from os import PathLike
from pathlib import Path

from foundational.errors import ConflictError, InputError, NotFoundError, did_you_mean

DATASETS = "datasets"
#: The folder below a dataset's folder that holds its numbers.
STORE = "data.zarr"
#: Before the name of a pool, in the name of its dataset.
POOLS = "pools/"
#: Where bundles of releases are written, below the root.
BUNDLES = "build/releases"
#: Prefixes of names; the rest of a name is one plain word.
_NAME = re.compile(r"(?:(?:local|pools)/)?[A-Za-z0-9][A-Za-z0-9._-]*")
#: Folders below ``datasets/`` that are no datasets.
_RESERVED = {"local", "pools", "potentials"}


def find_root(start: str | PathLike[str] | None = None) -> Path:
    """The project root: ``start`` (by default the working directory) or the nearest folder above that holds dvc.yaml.

    Raises
    ------
    NotFoundError
        There is none.
    """
    begin = Path.cwd() if start is None else Path(start).resolve()
    for folder in (begin, *begin.parents):
        if (folder / "dvc.yaml").is_file():
            return folder
    raise NotFoundError(f"expected a project, a folder with dvc.yaml, at or above {begin}; go to one, or give --root")


def project_or_none(root: Path | None = None) -> Path | None:
    """The project root, None outside of one; NotFoundError where a ``root`` is given that is none."""
    try:
        return find_root(root)
    except NotFoundError:
        if root is not None:
            raise
        return None


def project_of(store: Path) -> Path | None:
    """The project whose datasets hold ``store``; None where there is none.

    >>> project_of(Path("elsewhere/ni/data.zarr")) is None
    True
    """
    folder = store.resolve().parent
    for parent in folder.parents:
        if parent.name == DATASETS and (parent.parent / "dvc.yaml").is_file():
            return parent.parent
    return None


def user_store() -> Path:
    """The folder for versions that are pulled outside of a project."""
    return user_folder("XDG_DATA_HOME", Path(".local", "share")) / "foundational"


def user_folder(variable: str, below_home: Path) -> Path:
    """The folder that a variable of the environment names, or the usual one in the user's home.

    Where there is neither, as for a user of a container whom the system does not know, it is a path at which nothing
    is found, and whose name says what to set when something is to be written.
    """
    if named := os.environ.get(variable):
        return Path(named)
    try:
        return Path.home() / below_home
    except RuntimeError:
        return Path(os.devnull) / f"no home folder (set HOME or {variable})"


def index_place(store: Path) -> tuple[Path, Path]:
    """A store, and the folder in which its index is kept: in the project's ``build``, or else in the user's cache."""
    project = project_of(store)
    if project is not None:
        return store, project / "build" / "index"
    return store, user_folder("XDG_CACHE_HOME", Path(".cache")) / "foundational" / "index"


def validate_name(name: str) -> str:
    """``name`` itself where it can name a dataset: one plain word, with ``local/`` or ``pools/`` before it or nothing.

    Raises
    ------
    InputError
        It cannot.

    >>> validate_name("local/nb")
    'local/nb'
    >>> validate_name("../nb")
    Traceback (most recent call last):
    ...
    foundational.errors.InputError: expected a dataset's name such as ni or local/nb, got '../nb'
    """
    if not _NAME.fullmatch(name) or name.lower() in _RESERVED or name.endswith("."):
        raise InputError(f"expected a dataset's name such as ni or local/nb, got {name!r}")
    return name


def can_be_name(text: str) -> bool:
    """Whether ``text`` is a name and no path: ``ni`` is, ``./ni`` and ``ni.zarr`` are not.

    >>> can_be_name("ni"), can_be_name("ni.zarr")
    (True, False)
    """
    return _NAME.fullmatch(text) is not None and Path(text).suffix not in {".zarr", ".zip"}


def dataset_folder(root: Path, name: str) -> Path:
    """The folder of the dataset ``name``, whether it exists or not.

    >>> dataset_folder(Path("project"), "pools/ni-momt-32").as_posix()
    'project/datasets/pools/ni-momt-32'
    """
    return root / DATASETS / validate_name(name)


def refuse_case_twin(root: Path, name: str) -> None:
    """Refuse a new name that differs from that of another dataset in case alone: some file systems hold only one.

    Raises
    ------
    ConflictError
        Names the other one.
    """
    folder = dataset_folder(root, name)
    if folder.parent.is_dir():
        for other in folder.parent.iterdir():
            if other.name != folder.name and other.name.lower() == folder.name.lower():
                twin = other.relative_to(root / DATASETS).as_posix()
                raise ConflictError(
                    f"{name!r} and {twin!r} differ in case alone, and some disks hold only one; choose another name"
                )


def pool_folder(root: Path, name: str) -> Path:
    """The folder of the pool ``name``, whether it exists or not.

    >>> pool_folder(Path("project"), "ni-momt-32").as_posix()
    'project/datasets/pools/ni-momt-32'
    """
    return dataset_folder(root, POOLS + name)


def list_datasets(root: Path) -> list[str]:
    """Names of all datasets of the project whose data are on disk, sorted, with pools and local ones.

    Folders whose name begins with a dot are leftovers of killed processes.
    """
    top = root / DATASETS
    stores = [*top.glob(f"*/{STORE}"), *top.glob(f"local/*/{STORE}"), *top.glob(f"{POOLS}*/{STORE}")]
    return sorted(store.parent.relative_to(top).as_posix() for store in stores if not store.parent.name.startswith("."))


def find_dataset(root: Path, name: str) -> Path:
    """The folder of the dataset ``name``, whose data are on disk.

    Raises
    ------
    NotFoundError
        No such dataset, or its data were not pulled.
    """
    folder = dataset_folder(root, name)
    if (folder / ".unfinished").exists():
        from foundational.data.integrity.storing import settle_if_free  # noqa: PLC0415 - only after a process was killed

        settle_if_free(root, name, folder)
    if (folder / STORE).exists():
        return folder
    if folder.exists() and any(folder.iterdir()):
        raise NotFoundError(f"the data of {name!r} are not here; fetch them with: dvc pull {DATASETS}/{name}/{STORE}")
    raise NotFoundError(f"no dataset {name!r} in {root}; {did_you_mean(name, list_datasets(root))}")


def locate_dataset(name_or_path: str | PathLike[str], root: Path | None = None) -> Path:
    """The store (a zarr folder or a zip of one) that a name in the project or a path means.

    A string that can be a name is one; ``./ni`` is a path. Outside of a project a folder of that name will do.

    Raises
    ------
    NotFoundError
        There is no such dataset.
    """
    path = Path(name_or_path)
    if isinstance(name_or_path, str) and can_be_name(name_or_path):
        try:
            return find_dataset(find_root(root), name_or_path) / STORE
        except NotFoundError:
            if root is not None or not (path / STORE).exists():
                raise
    if (path / STORE).exists():
        return path / STORE
    if path.exists():
        return path
    raise NotFoundError(f"{path}: expected a dataset's folder, a .zarr folder or a .zarr.zip, found nothing there")
