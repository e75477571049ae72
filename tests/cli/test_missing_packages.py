"""A package of an extra that is not installed: one line that names it and the extra, for every command."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from foundational.errors import EXTRAS
from tests.cli.test_main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
#: Runs commands in one process that cannot import some packages, as if these were not installed.
CODE = """
import contextlib, io, json, sys, traceback

absent, commands = json.loads(sys.argv[1]), json.loads(sys.argv[2])

class Without:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in absent else self.finder.find_spec(name, path, target)
    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
from foundational.cli.main import run

outcomes = []
for command in commands:
    sys.argv = ["foundational", *command.split()]
    status, out, err = 0, io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            run()
        except SystemExit as ended:
            status = ended.code or 0
        except BaseException:
            status = traceback.format_exc()
    outcomes.append([command, status, out.getvalue(), err.getvalue()])
print(json.dumps(outcomes))
"""
#: One call of every command, and the extra that it needs first, or None where the base is enough.
CALLS = {
    "import nowhere.xyz --name local/z": None,
    "init elsewhere": "dvc",
    "adopt local/mine --as mine --yes": None,
    "potentials add nowhere.eam": None,
    "sample ni-npt-solid-32": "sampling",
    "sample --element Cu": "sampling",
    "holdout ni-holdout --force": None,
    "distill ni --force": "sampling",
    "translate ni --to Nb": "sampling",
    "augment local/x --from ni --recipe vacancies=1": "sampling",
    "relabel ni --labeller lammps:NiNb --name local/x": "sampling",
    "relabel ni --check 3": "sampling",
    "label write ni jobs --code qe --template nowhere.in": None,
    "label collect nowhere": None,
    "list": None,
    "show ni": None,
    "check ni": None,
    "audit ni": "sampling",
    "thermo ni-momt-32": None,
    "diff ni ni": None,
    "compare-labels ni ni": "sampling",
    "export ni --for mace -o out": None,
    "release ni --dry-run": None,
    "verify ni": None,
    "pull ni": None,
    "yank ni@1.0.0 --reason wrong": None,
    "cite ni": None,
    "card ni -o card.html": None,
    "site -o site": None,
    "blame ni 0000": None,
    "publish hf ni@1.0.0 --to metals/ni": None,
    "publish colabfit ni@1.0.0 -o out": None,
    "deposit ni@1.0.0 --to zenodo": None,
    "validate ni": "sampling",
    "reference al-pbe": "sampling",
    "train ni -o model": "ani",
    "evaluate nowhere ni": None,
    "survey run Cu": "ani",
    "survey pool nb": None,
    "survey page": None,
    "survey pairs Ni-Al": None,
    "survey pairs-page": None,
    "survey holdout ni-al-holdout": None,
    "paper method random": None,
    "paper sets": None,
    "paper page": None,
    "paper overview": None,
    "potentials": None,
    "potentials --element Nb --crystals": "sampling",
    "doctor": None,
    "schemas": None,
    "quick": "dvc",
}


@pytest.fixture
def project(distilled_project, tmp_path):
    root = tmp_path / "project"
    shutil.copytree(distilled_project, root, symlinks=True)
    shutil.copy(ROOT / "params.quick.yaml", root)
    return root


def outcomes(project, absent, commands):
    environment = os.environ | {"FOUNDATIONAL_DEPOSIT_TOKEN": "token", "XDG_DATA_HOME": str(project / "data")}
    arguments = [json.dumps(sorted(absent)), json.dumps(list(commands))]
    done = subprocess.run(
        [sys.executable, "-c", CODE, *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_the_calls_are_of_every_command():
    called = {" ".join(word for word in call.split()[:2]) for call in CALLS} | {call.split()[0] for call in CALLS}
    assert {" ".join(command) for command in COMMANDS} <= called


def test_every_command_of_a_minimal_installation_says_what_to_install(project):
    """ASE brings scipy and matplotlib, xarray brings pandas."""
    for command, status, out, err in outcomes(project, EXTRAS.keys() - {"scipy", "matplotlib", "pandas"}, CALLS):
        assert isinstance(status, int), f"{command}: {status}"
        assert "Traceback" not in out + err
        if command in {"doctor", "check ni", "verify ni"}:
            continue
        errors = [line for line in err.splitlines() if line.startswith("error: ")]
        assert len(errors) == (1 if status else 0), f"{command}: {err}"
        if CALLS[command] is not None:
            assert status == 1, command
            assert f"pip install 'foundational[{CALLS[command]}]'" in errors[0], f"{command}: {err}"


@pytest.mark.parametrize(
    ("command", "package", "extra"),
    [
        ("sample ni-npt-solid-32", "numba", "sampling"),
        ("sample --element Cu", "lammps", "sampling"),
        ("translate ni --to Nb", "lammps", "sampling"),
        ("train ni -o model", "numba", "ani"),
        ("train ni -o model", "llvmlite", "ani"),
        ("train ni -o model --device cpu:0", "torch", "ani"),
        ("distill local/x --from ni --frames 30 --method quests", "quests", "quests"),
        ("relabel ni --labeller sevennet --name local/x", "sevenn", "sevennet"),
        ("relabel ni --labeller chgnet --name local/x", "chgnet", "chgnet"),
        ("relabel ni --labeller diep --name local/x", "diep", "diep"),
        ("relabel ni --labeller ase:ase.calculators.emt:EMT --name local/x --executor parsl", "parsl", "parsl"),
        ("relabel ni --labeller ase:ase.calculators.emt:EMT --name local/x --executor dask", "distributed", "dask"),
        ("quick", "dvc", "dvc"),
    ],
)
def test_one_absent_package_is_named_with_its_extra(project, command, package, extra):
    ((_, status, _, err),) = outcomes(project, [package], [command])
    assert status == 1, err
    (line,) = (line for line in err.splitlines() if line.startswith("error: "))
    assert line.startswith(f"error: the package {package} is needed and not installed")
    assert line.endswith(f"; install it with: pip install 'foundational[{extra}]'")
