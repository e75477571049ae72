"""Data and record of one moment, whatever another process does meanwhile."""

from pathlib import Path

import pytest
import xarray as xr

from foundational.data.fingerprint import fingerprint
from foundational.data.integrity.storing import MARK, store_together
from foundational.data.store import open_store
from foundational.errors import ConflictError, NotFoundError
from foundational.provenance import opened
from foundational.provenance.opened import open_recorded
from foundational.provenance.record import DatasetRecord, LabellerRecord, ProvenanceRecord
from tests.data.conftest import configurations, dataset  # noqa: F401 - fixtures


def stored(root: Path, data: xr.Dataset) -> Path:
    """Store data with the record that belongs to them, as any stage does."""
    sizes = data.sizes
    output = DatasetRecord(
        name="ni",
        version=None,
        fingerprint=fingerprint(data),
        n_configurations=sizes["configuration"],
        n_atoms=sizes["atom"],
    )
    labeller = LabellerRecord(id="lammps:NiNb", version="1", sha256="b" * 64)
    record = ProvenanceRecord(
        stage="distill", output=output, inputs=(), element="Ni", labeller=labeller, spec={}, seed=1, software={}
    )
    folder = root / "datasets" / "ni"
    store_together(root, folder, data, record.model_dump(mode="json"), replace=(folder / "data.zarr").exists())
    return folder


@pytest.mark.parametrize("moment", ["read_record", "open_store"])
def test_data_and_record_belong_together_while_both_are_replaced(tmp_path, dataset, monkeypatch, moment):  # noqa: F811
    few = dataset.isel(configuration=slice(0, 1), atom=slice(0, 32))
    folder = stored(tmp_path, dataset)
    real, times = getattr(opened, moment), []

    def replaced_before(path: Path) -> object:
        if not times:
            times.append(1)
            stored(tmp_path, few)
        return real(path)

    monkeypatch.setattr(opened, moment, replaced_before)
    data, record = open_recorded(folder)
    assert fingerprint(data) == record.output.fingerprint == fingerprint(few)


def test_a_replacement_that_does_not_end_and_a_missing_dataset_are_told(tmp_path, dataset, monkeypatch):  # noqa: F811
    monkeypatch.setattr(opened, "_PATIENCE", 0.1)
    folder = stored(tmp_path, dataset)
    (folder / MARK).write_text("{}")
    with pytest.raises(ConflictError, match="another process is writing"):
        open_recorded(folder)
    with pytest.raises(NotFoundError):
        open_recorded(tmp_path / "absent")
    assert open_store(folder / "data.zarr").sizes == dataset.sizes
