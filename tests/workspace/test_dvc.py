"""What DVC refuses is said in one line."""

import pytest

from foundational.errors import ConflictError
from foundational.workspace import dvc as module


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("WARNING: old\\nERROR: output is tracked by git\\nhelp", "output is tracked by git"),
        ("Traceback\\nKeyError: 1", "KeyError: 1"),
        ("", "no reason given"),
    ],
)
def test_the_reason_is_the_line_that_dvc_calls_an_error_else_its_last(said, reason, tmp_path, monkeypatch):
    program = tmp_path / "dvc"
    program.write_text(f"#!/bin/sh\nprintf '{said}' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(module.sys, "executable", str(program))
    with pytest.raises(ConflictError) as caught:
        module.dvc(tmp_path, "add", "data.zarr")
    assert str(caught.value) == f"dvc add failed: {reason}"
