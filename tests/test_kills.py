"""The campaign of kills in benchmarks/faults, in a short form with a fixed seed."""

import json
import subprocess
import sys
from pathlib import Path


def test_a_kill_leaves_the_old_or_the_new_and_the_rerun_completes(checkout: Path, tmp_path: Path):
    """Twelve kills: before changes on disk, in the middle of writes, at any moment."""
    command = [sys.executable, checkout / "benchmarks" / "faults" / "kills.py", "--quick", "--json"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    result = json.loads(run.stdout)
    assert result["faults"] == []
    assert result["kills"] >= 8
