"""Whatever instant a process is killed at, data and record belong together once somebody came by."""

import json

import pytest

from foundational.data.fingerprint import fingerprint
from foundational.data.integrity.storing import MARK, exclusive, settle, settle_if_free, store_together
from foundational.data.store import open_store
from foundational.errors import ConflictError
from tests.disks import read_only


class Killed(BaseException):
    """Stands for SIGKILL: nothing that follows an operation is done."""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "datasets" / "local" / "nb"


def content(dataset):
    return {"output": {"fingerprint": fingerprint(dataset)}}


def stored(folder):
    """Fingerprints of the data and in the record."""
    record = json.loads((folder / "provenance.json").read_bytes())
    return fingerprint(open_store(folder / "data.zarr")), record["output"]["fingerprint"]


def test_data_and_record_are_stored_as_one_and_nothing_else_is_left(tmp_path, folder, dataset):
    journal = tmp_path / "build" / "work" / "labels.jsonl"
    journal.parent.mkdir(parents=True)
    journal.touch()
    store_together(tmp_path, folder, dataset, content(dataset), work_files=["labels.jsonl"])
    assert stored(folder) == (fingerprint(dataset),) * 2
    assert {path.name for path in folder.iterdir()} == {"data.zarr", "provenance.json"}
    assert not journal.exists()


def test_a_kill_before_the_data_are_whole_leaves_the_old_ones_with_their_record(tmp_path, folder, dataset, monkeypatch):
    old = dataset.isel(configuration=slice(None))
    store_together(tmp_path, folder, old, content(old))
    new = dataset.assign_attrs(element="Cu").assign(energy=dataset["energy"] + 1.0)
    monkeypatch.setattr("foundational.data.integrity.storing.write_dataset", killed)
    with pytest.raises(Killed):
        store_together(tmp_path, folder, new, content(new), replace=True)
    assert (folder / MARK).exists()
    assert not settle(tmp_path, folder)
    assert stored(folder) == (fingerprint(old),) * 2
    assert not (folder / MARK).exists()


def test_a_kill_between_data_and_record_is_completed_by_the_next_reader(tmp_path, folder, dataset, monkeypatch):
    journal = tmp_path / "build" / "work" / "labels.jsonl"
    journal.parent.mkdir(parents=True)
    journal.touch()
    with monkeypatch.context() as patch:
        patch.setattr("foundational.data.integrity.storing._complete", killed)
        with pytest.raises(Killed):
            store_together(tmp_path, folder, dataset, content(dataset), work_files=["labels.jsonl"])
    assert not (folder / "provenance.json").exists()
    settle_if_free(tmp_path, "local/nb", folder)
    assert stored(folder) == (fingerprint(dataset),) * 2
    assert not journal.exists()
    assert not (folder / MARK).exists()


def test_data_that_are_refused_leave_no_mark(tmp_path, folder, dataset):
    store_together(tmp_path, folder, dataset, content(dataset))
    with pytest.raises(ConflictError, match="exists already"):
        store_together(tmp_path, folder, dataset, {"output": {"fingerprint": "0" * 64}})
    assert stored(folder) == (fingerprint(dataset),) * 2
    assert not (folder / MARK).exists()


def test_a_mark_removes_no_file_outside_the_work_folder(tmp_path, folder, dataset):
    victim = tmp_path / "victim"
    victim.touch()
    store_together(tmp_path, folder, dataset, content(dataset), work_files=["../../victim"])
    assert victim.exists()


@pytest.mark.parametrize("mark", [b"", b"{", b"[]", b"{}"])
def test_a_mark_that_nobody_can_read_is_removed(tmp_path, folder, mark):
    folder.mkdir(parents=True)
    (folder / MARK).write_bytes(mark)
    assert not settle(tmp_path, folder)
    assert not (folder / MARK).exists()


def test_a_reader_does_not_settle_what_another_process_is_storing(tmp_path, folder):
    folder.mkdir(parents=True)
    (folder / MARK).write_bytes(b"{}")
    with exclusive(tmp_path, "local/nb"):
        settle_if_free(tmp_path, "local/nb", folder)
    assert (folder / MARK).exists()


def test_a_reader_that_may_not_write_says_what_to_do(tmp_path, folder):
    folder.mkdir(parents=True)
    (folder / MARK).write_bytes(b"{}")
    (tmp_path / "build" / "locks").mkdir(parents=True)
    with read_only(folder), pytest.raises(ConflictError, match="run the command again as a user who can write"):
        settle_if_free(tmp_path, "local/nb", folder)


def killed(*_arguments, **_options):
    raise Killed


def test_a_mark_of_other_bytes_gives_the_data_no_other_record(tmp_path, folder, dataset, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("foundational.data.integrity.storing._complete", killed)
        with pytest.raises(Killed):
            store_together(tmp_path, folder, dataset, content(dataset) | {"stage": "sample"})
    mark = (folder / MARK).read_bytes()
    (folder / MARK).write_bytes(mark.replace(b"sample", b"samplf"))
    assert not settle(tmp_path, folder)
    assert not (folder / "provenance.json").exists()
