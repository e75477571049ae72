"""The scripts in examples/ run as they stand, in a folder that is no project, with what was pulled alone."""

import subprocess
import sys
from pathlib import Path

import pytest

import foundational
from foundational.release.registry.version import parse_dataset_version
from foundational.release.transfer.retrieval import pull


def test_first_steps_need_a_pulled_release_and_no_project(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home" / "share"))
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    pull(parse_dataset_version("ni@1.0.0"), str(checkout))
    script = checkout / "examples" / "first_steps.py"
    run = subprocess.run([sys.executable, script], check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    for line in (
        "ni 1.0.0: Distilled nickel",
        "(38400, 3) eV/Å",
        "local/cu",
        "2 ANI networks for Cu, trained on 51 configurations of local/cu -> ",
        "local/cu: 51 configurations, 1 networks",
    ):
        assert line in run.stdout
    assert foundational.open_dataset("copper").record.inputs[0].n_configurations == 60
    assert foundational.load_model("copper.model").elements == ("Cu",)
