"""A dataset's data with the record that belongs to them, also while another process replaces both."""

import time
from pathlib import Path
from typing import Final

import xarray as xr

from foundational.data.integrity.store_manifest import ROOT
from foundational.data.integrity.storing import MARK
from foundational.data.store import open_store
from foundational.errors import ConflictError, FoundationalError
from foundational.project import STORE
from foundational.provenance.record import PROVENANCE, ProvenanceRecord, read_record

#: Longest time that another process may need to replace data and record, s.
_PATIENCE: Final = 60.0
_PAUSE: Final = 0.05


def open_recorded(folder: Path) -> tuple[xr.Dataset, ProvenanceRecord]:
    """The data and the record in a dataset's folder: both as they were, or both as another process makes them.

    Raises
    ------
    NotFoundError, ChecksumError, DatasetError, InputError
        The data or the record cannot be opened.
    ConflictError
        Another process needs very long to replace them.
    """
    end = time.monotonic() + _PATIENCE
    while True:
        before = _state(folder)
        trouble: FoundationalError | None = None
        try:
            opened = open_store(folder / STORE), read_record(folder)
        except FoundationalError as error:
            trouble = error
        if MARK not in before and _state(folder) == before:
            if trouble is not None:
                raise trouble
            return opened
        if time.monotonic() > end:
            raise ConflictError(f"another process is writing {folder}; wait for it to end")
        time.sleep(_PAUSE)


def _state(folder: Path) -> dict[str, tuple[int, int, int]]:
    """What tells whether data or record were replaced, and whether a process replaces them now."""
    found = {}
    for name in (MARK, PROVENANCE, f"{STORE}/{ROOT}"):
        try:
            status = (folder / name).stat()
        except OSError:
            continue
        found[name] = status.st_ino, status.st_size, status.st_mtime_ns
    return found
