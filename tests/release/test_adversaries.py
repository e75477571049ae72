"""What a hostile mirror, signer, editor or author achieves: the short form of benchmarks/faults/adversaries.py."""

import shutil

import pytest

from benchmarks.faults.adversaries import ATTACKS, run

#: Takes a third of the time of all others; `python -m benchmarks.faults.adversaries` runs it.
LONG = {"invents_a_release_without_signature"}


@pytest.mark.parametrize(
    ("expected", "attack"), [pytest.param(e, f, id=f.__name__) for _, e, f in ATTACKS if f.__name__ not in LONG]
)
def test_an_attack_ends_as_the_threat_model_says(released_template, tmp_path, monkeypatch, expected, attack):
    if "sign" in attack.__name__ and shutil.which("ssh-keygen") is None:
        pytest.skip("there is no ssh-keygen")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    assert run(released_template, tmp_path, attack) == expected, attack.__doc__
