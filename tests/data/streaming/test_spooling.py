"""What a command puts together in a folder is what it would put together in memory, to the last byte."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from foundational.data.batches import Offsets
from foundational.data.store import open_store, write_dataset
from foundational.data.streaming import spooling
from foundational.data.streaming.spooling import chosen_rows


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_many_chosen_rows_are_read_once_and_never_together(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, rows = open_store(store), np.array([0, 1, 2, 4, 5, 7, 8, 10, 11])
    whole = chosen_rows(dataset, rows, tmp_path / "unused")
    assert not (tmp_path / "unused").exists()
    read, own = list[int](), Offsets.take

    def counting(offsets: Offsets, source: xr.Dataset, indices: np.ndarray) -> xr.Dataset:
        read.extend(indices)
        assert offsets.n_atoms[indices].sum() <= 32 + 20
        return own(offsets, source, indices)

    monkeypatch.setattr(Offsets, "take", counting)
    monkeypatch.setattr(spooling, "IN_MEMORY", 32)
    spooled = chosen_rows(dataset, rows, tmp_path / "spool")
    assert read == rows.tolist()
    assert spooled.load().identical(whole)
    write_dataset(whole, tmp_path / "whole.zarr")
    write_dataset(open_store(tmp_path / "spool"), tmp_path / "spooled.zarr")
    assert contents(tmp_path / "spooled.zarr") == contents(tmp_path / "whole.zarr")
