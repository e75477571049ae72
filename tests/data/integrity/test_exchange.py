"""Two names change places in one step, or the caller hears that this is impossible here."""

import ctypes
import errno
from pathlib import Path
from types import SimpleNamespace

import pytest

from foundational.data.integrity.exchange import exchange


def folders(place: Path) -> tuple[Path, Path]:
    for name in "ab":
        (place / name).mkdir()
        (place / name / name).touch()
    return place / "a", place / "b"


def test_two_folders_change_places(tmp_path: Path):
    first, second = folders(tmp_path)
    if exchange(first, second):
        assert ([p.name for p in first.iterdir()], [p.name for p in second.iterdir()]) == (["b"], ["a"])


@pytest.mark.parametrize("name", ["renameat2", "renamex_np"])
@pytest.mark.parametrize("code", [0, errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.EACCES, errno.ENOENT])
def test_what_the_system_answers_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: int):
    def answer(*_: object) -> int:
        ctypes.set_errno(code)
        return -1 if code else 0

    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: SimpleNamespace(**{name: answer}))
    first, second = folders(tmp_path)
    if code in (errno.EACCES, errno.ENOENT):
        with pytest.raises(OSError, match=r"/b'$") as refused:
            exchange(first, second)
        assert refused.value.errno == code
    else:
        assert exchange(first, second) is (code == 0)


def test_a_system_that_cannot_exchange_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: SimpleNamespace())
    assert exchange(*folders(tmp_path)) is False
