"""A small package with the real decorator: two modules, of which one is compiled into the other."""

import os
import shutil
import subprocess
import sys

import numba
import pytest

from foundational.engines.compilation import code_folder
from tests.disks import read_only

CALLER = """
from foundational.engines.compilation import compiled
from foundational.engines.factor import scaled

@compiled
def twice(x):
    return scaled(x) + scaled(x)
"""
FACTOR = """
from foundational.engines.compilation import compiled

FACTOR = 2.0

@compiled(error_model="numpy")
def scaled(x):
    return x * FACTOR
"""
RUN = """
import warnings; warnings.simplefilter("error")
from foundational.engines.caller import twice
print(twice(1.0), sum(twice.stats.cache_hits.values()), sum(twice.stats.cache_misses.values()))
"""


@pytest.fixture
def package(tmp_path, checkout):
    for name in ("__init__.py", "source_files.py", "engines/__init__.py", "engines/compilation.py"):
        target = tmp_path / "foundational" / name
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(checkout / "foundational" / name, target)
    (tmp_path / "foundational/engines/caller.py").write_text(CALLER)
    (tmp_path / "foundational/engines/factor.py").write_text(FACTOR)
    return tmp_path


def run(package):
    """The result, how often machine code was found, and how often it was not."""
    plain = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    environment = plain | {"PYTHONPATH": str(package), "XDG_CACHE_HOME": str(package / "cache")}
    done = subprocess.run(
        [sys.executable, "-B", "-c", RUN], cwd=package, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    value, found, missed = done.stdout.split()
    return float(value), int(found), int(missed)


def code(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.nb?")}


def test_machine_code_is_kept_until_a_module_changes_that_was_compiled_into_it(package):
    assert run(package)[0] == 4.0
    before = code(package)
    assert run(package)[0] == 4.0
    assert code(package) == before, "nothing is compiled again"
    source = package / "foundational/engines/factor.py"
    source.write_text(source.read_text().replace("2.0", "3.0"))
    assert run(package)[0] == 6.0
    assert code(package).items() > before.items(), "nothing is removed or replaced"


def test_a_first_process_runs_the_machine_code_that_later_ones_find(package):
    """Code that a process compiles for itself may differ in the last bits from the code that it puts on disk."""
    assert not code(package)
    assert run(package) == (4.0, 1, 0), "found on disk, where another process had put it"
    assert run(package) == (4.0, 1, 0)


def test_a_process_compiles_for_itself_where_no_other_one_can(package):
    broken = package / "sitecustomize.py"
    broken.write_text("import os, sys\nif 'FOUNDATIONAL_COMPILES_ONLY' in os.environ: sys.exit(1)\n")
    assert run(package) == (4.0, 0, 1)


def test_a_package_that_may_not_be_written_keeps_machine_code_with_its_user(package):
    (package / "cache").mkdir()
    with read_only(package / "foundational"):
        assert run(package) == (4.0, 1, 0)
        assert run(package) == (4.0, 1, 0)
    assert code(package / "cache")
    assert not code(package / "foundational")


def test_where_nothing_may_be_written_the_functions_work_without_kept_code(package):
    (package / "cache").mkdir()
    with read_only(package / "foundational"), read_only(package / "cache"):
        assert run(package) == (4.0, 0, 1)
    assert not code(package)


def test_numba_s_own_setting_of_the_folder_is_obeyed(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "chosen"))
    folder = code_folder.__wrapped__("foundational.engines.ani.kernels.training")
    assert folder.parent == tmp_path / "chosen"
    assert folder != code_folder.__wrapped__("foundational.engines.ani.kernels.aev")
