"""Long work says its stage, its rate, the time left and what comes next."""

import io
import sys

import pytest

from foundational.cli import progress as module
from foundational.cli.progress import progress_on_stderr
from foundational.progress import stage


def test_each_stage_has_its_own_rate_and_names_the_next(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0, 0, 40, 50, 80, 90])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with progress_on_stderr("validating ni") as progress:
        training = stage(progress, "training", "crystals")
        crystals = stage(progress, "crystals")
        assert training is not None
        assert crystals is not None
        training(0, 50, "loss 0.3")
        training(20, 50, "loss 0.2")
        crystals(0, 5, "network 0")  # at once: what begins may take long
        crystals(1, 5, "network 1")
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "validating ni: 20/50, 0.5/s, 60 s left training: loss 0.2; then crystals",
        "validating ni: 0/5 crystals: network 0",
        "validating ni: 1/5, 0.0333/s, 120 s left crystals: network 1",
    ]


def test_a_part_that_counts_from_its_own_start_has_its_own_rate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0, 0, 400, 410, 450])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with progress_on_stderr("augmenting al") as progress:
        progress(0, 16, "labelling")
        progress(16, 16, "labelling")
        progress(1, 12, "labelling")  # the next recipe; nobody said that it begins
        progress(3, 12, "labelling")
    assert capsys.readouterr().err.splitlines()[-1] == "augmenting al: 3/12, 0.05/s, 180 s left labelling"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_has_a_bar_that_begins_again_with_each_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left of it when the work ends."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("COLUMNS", "120")
    with progress_on_stderr("validating ni") as progress:
        for done in range(3):
            progress(done, 7, "training: loss 0.3")
        progress(1, 5, "crystals: network 0")
    drawn = sys.stderr.getvalue()
    assert "validating ni" in drawn
    assert "1/5" in drawn
    assert "crystals: network 0" in drawn
    assert drawn.endswith("\x1b[2K") or drawn.rstrip().endswith("\x1b[2K"), "the bar is erased"
