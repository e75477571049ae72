"""Freed memory is used again where the library of C can do that."""

import sys

import pytest

from foundational.data.streaming.allocation import reuse_freed_memory


@pytest.mark.parametrize("platform", [sys.platform, "darwin", "win32"])
def test_no_platform_is_an_error(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    reuse_freed_memory()
