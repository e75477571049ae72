"""The format of a file follows from its name and content; what is of no known format is said in one line."""

from pathlib import Path

import pytest

from foundational.errors import InputError, NotFoundError
from foundational.interchange.reading.formats import is_file_of_frames, reader_for, readers


def test_what_no_format_reads_is_refused_with_the_list_of_formats(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("hello\n")
    with pytest.raises(InputError, match=r"notes\.txt: expected a file of configurations") as caught:
        reader_for(tmp_path / "notes.txt")
    assert all(reader.name in str(caught.value) for reader in readers())
    with pytest.raises(InputError, match="--format: expected a format, got 'extxzy'; did you mean 'extxyz'"):
        reader_for(tmp_path / "notes.txt", "extxzy")
    with pytest.raises(NotFoundError, match=r"absent\.xyz: no such file"):
        reader_for(tmp_path / "absent.xyz")


def test_a_file_and_a_dataset_are_distinguished_by_what_lies_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "OUTCAR").write_text("vasp")
    (tmp_path / "ni.zarr.zip").write_bytes(b"PK")
    (tmp_path / "ni").mkdir()
    assert is_file_of_frames("OUTCAR")
    assert is_file_of_frames("absent.xyz")
    assert not any(map(is_file_of_frames, ["ni", "ni.zarr.zip", "ni@1.0.0", "local/ni", "pools/ni-momt-32"]))
