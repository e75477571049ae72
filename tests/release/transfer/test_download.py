"""A download ends at the largest size that was asked for, and leaves one sentence where it fails."""

from pathlib import Path

import pytest

from foundational.errors import ChecksumError, NotFoundError
from foundational.release.transfer.download import download


def test_a_file_is_downloaded_up_to_its_largest_size(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100)
    url = (tmp_path / "file").as_uri()
    assert download(url, tmp_path / "copy", largest=100).read_bytes() == b"x" * 100
    with pytest.raises(ChecksumError, match="expected at most 99 bytes, got more"):
        download(url, tmp_path / "copy", largest=99)
    for other in ((tmp_path / "none").as_uri(), "no address", "http://[::1"):
        with pytest.raises(NotFoundError, match="cannot be downloaded"):
            download(other, tmp_path / "copy")
