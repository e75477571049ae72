"""A dataset's data and record are stored as one: a kill between the two is completed or undone by whoever comes next.

Before the data of a folder change, a mark says which data and which record belong together. Where the mark is found and
no process holds the dataset, the data decide: if they are the new ones, the record of the mark is written; if not,
nothing of the new ones was stored.
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import xarray as xr

from foundational.data.atomic_write import lock, remove_leftovers, write_whole
from foundational.data.fingerprint import fingerprint
from foundational.data.store import open_store, write_dataset
from foundational.errors import ConflictError, FoundationalError

#: Lies in a dataset's folder while its data and its record are being stored.
MARK = ".unfinished"
_STORE = "data.zarr"
_RECORD = "provenance.json"


@contextmanager
def exclusive(root: Path, name: str, what: str | None = None) -> Iterator[None]:
    """Hold the dataset ``name``, or ``what`` the name stands for, against other processes.

    On a file system without locks nothing is held.

    Raises
    ------
    ConflictError
        Another process holds it.
    """
    path = root / "build" / "locks" / f"{name.replace('/', '--')}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        try:
            lock(stream.fileno())
        except BlockingIOError:
            subject = what or f"the dataset {name!r}"
            raise ConflictError(f"another process is writing {subject}; wait for it to end") from None
        yield


def store_together(
    root: Path,
    folder: Path,
    dataset: xr.Dataset,
    record: dict[str, Any],
    *,
    replace: bool = False,
    work_files: Sequence[str] = (),
) -> None:
    """Store a dataset and its record in ``folder``, then remove the ``work_files`` of the run that made it.

    The caller holds the dataset (`exclusive`). A process that is killed here leaves what `settle` completes or undoes.

    Parameters
    ----------
    record
        The content of provenance.json; ``record["output"]["fingerprint"]`` is that of the dataset.
    work_files
        Names of files in ``build/work``; with a journal ``x.jsonl`` the folder ``x.batches`` is removed.

    Raises
    ------
    ConflictError
        There are data already, and ``replace`` is false.
    """
    mark = {"record": record, "work_files": list(work_files)}
    write_whole(folder / MARK, [_json(mark | {"sha256": _digest(mark)})])
    try:
        write_dataset(dataset, folder / _STORE, replace=replace)
    except (FoundationalError, OSError):
        settle(root, folder)
        raise
    _complete(root, folder, mark)


def settle(root: Path, folder: Path) -> bool:
    """Complete or undo what a killed process left in ``folder``, which the caller holds; whether it was completed."""
    if folder.is_dir():
        for name in (_STORE, _RECORD, MARK):
            remove_leftovers(folder / name)
    path = folder / MARK
    if not path.exists():
        return False
    try:
        mark = json.loads(path.read_bytes())
        if mark.pop("sha256", None) != _digest(mark):
            raise ValueError(MARK)
        stored = bool(fingerprint(open_store(folder / _STORE)) == mark["record"]["output"]["fingerprint"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, FoundationalError):
        stored = False
    if stored:
        _complete(root, folder, mark)
    else:
        path.unlink()
    return stored


def settle_if_free(root: Path, name: str, folder: Path) -> None:
    """`settle` for a reader: where another process is storing the dataset, or nothing can be written, wait for nobody.

    Raises
    ------
    ConflictError
        A process was killed while it stored the dataset, and this one may not write.
    """
    try:
        with exclusive(root, name):
            settle(root, folder)
    except ConflictError:
        return
    except OSError as error:
        raise ConflictError(
            f"a process was killed while it stored {name!r}, and this one cannot complete it ({error}); "
            "run the command again as a user who can write"
        ) from None


def _complete(root: Path, folder: Path, mark: dict[str, Any]) -> None:
    write_whole(folder / _RECORD, [_json(mark["record"])])
    for name in mark["work_files"]:
        path = root / "build" / "work" / Path(name).name  # a name, whatever the mark says
        path.unlink(missing_ok=True)
        if path.suffix == ".jsonl":
            shutil.rmtree(path.with_suffix(".batches"), ignore_errors=True)
    (folder / MARK).unlink()


def _digest(mark: dict[str, Any]) -> str:
    """By which a mark of other bytes, which would give the data another record, is not believed."""
    return sha256(_json(mark)).hexdigest()


def _json(content: dict[str, Any]) -> bytes:
    """As `foundational.provenance.record.write_json` spells it."""
    return (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
