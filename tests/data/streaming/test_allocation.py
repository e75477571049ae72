"""Freed memory is used again where the library of C can do that."""

import os
import subprocess
import sys

import pytest

from foundational.data.streaming.allocation import reuse_freed_memory


@pytest.mark.parametrize("platform", [sys.platform, "darwin", "win32"])
def test_no_platform_is_an_error(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("NUMPY_MADVISE_HUGEPAGE", "1")
    reuse_freed_memory()
    assert os.environ["NUMPY_MADVISE_HUGEPAGE"] == "1"  # what the user chose


def test_numpy_is_told_in_time():
    """The commands that stream large sets call it before they import numpy."""
    code = (
        "import sys\nimport foundational.data.streaming.allocation as a\n"
        "a.reuse_freed_memory = lambda: sys.exit('numpy' in sys.modules)\n"
        "from foundational.cli.main import run\nrun()\n"
    )
    for command in (["check", "x"], ["diff", "x", "y"]):
        assert subprocess.run([sys.executable, "-c", code, *command], check=False).returncode == 0, command
