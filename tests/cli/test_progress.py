"""Long work says its stage, its rate, the time left and what comes next."""

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
