"""dvc.yaml lists the code that decides each result, no more and no less.

A change of such code makes the results outdated; `dvc repro` then computes them again.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from foundational.cli import translate
from foundational.cli.main import FORMER, PANELS
from foundational.source_files import direct_imports, imported_modules

ROOT = Path(__file__).resolve().parents[1]
STAGES = {name: stage.get("do", stage) for name, stage in YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"].items()}
#: Where the code lies that decides numbers. Other code checks, stores, describes and prints them; settings of
#: `foundational.specs` are parameters of the stages.
DECIDING = ("engines", "evaluation", "labelling", "reproduction", "science", "stages")
#: Single modules elsewhere that decide numbers.
DECIDING_MODULES = {"seeds.py", "units.py", "data/distances.py", "data/splits.py"}
#: Modules among the above that decide no number.
WITHOUT_RESULT = {"engines/compilation.py": "where machine code is kept"}


def command_function(words: list[str]) -> Callable[..., None]:
    """The function of a command such as ``validate`` or ``paper page``."""
    commands = {name: command for panel in PANELS.values() for name, command in panel.items()} | FORMER
    if "${item.elements}" in words:  # several of them: the command has another function for these
        return translate._to_alloy
    command = commands[words[0]]
    return command[1][words[1]] if isinstance(command, tuple) else command


def first_modules(command: Callable[..., None]) -> set[str]:
    """Modules that a command imports to do its work: stages, or a page of reports if it runs no stage."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(command)))
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    work = {name for name in names if name.startswith(("foundational.stages.", "foundational.reproduction."))}
    return work or {name for name in names if name.startswith("foundational.reports.")}


def deciding(modules: dict[str, Path], folders: tuple[str, ...] = DECIDING) -> Iterator[str]:
    """Paths below ``foundational`` of the modules that decide numbers."""
    for path in modules.values():
        name = path.relative_to(ROOT / "foundational").as_posix() if path.is_relative_to(ROOT / "foundational") else ""
        chosen = name.partition("/")[0] in folders or name in DECIDING_MODULES
        if chosen and name not in WITHOUT_RESULT and path.stem != "__init__":
            yield name


def required(command: Callable[..., None]) -> set[str]:
    """Paths of the modules that decide what a command writes.

    A page is written from metrics and from nothing else: the code behind those belongs to the stages that wrote them.
    So imports of a page are followed within reports, and one step into science and evaluation.
    """
    found: set[str] = set()
    for module in first_modules(command):
        everything = imported_modules(module)
        if not module.startswith("foundational.reports."):
            found |= set(deciding(everything))
            continue
        pages = {
            name: path for name, path in direct_imports(module).items() if name.startswith("foundational.reports.")
        }
        pages[module] = everything[module]
        for page, path in pages.items():
            found |= set(deciding({page: path}, ("reports",)))
            found |= set(deciding(direct_imports(page), ("science", "evaluation", "reports")))
    return found


def listed(stage: str) -> set[str]:
    """Code dependencies of a stage in dvc.yaml, as paths below ``foundational``."""
    return {dep.removeprefix("foundational/") for dep in STAGES[stage]["deps"] if dep.startswith("foundational/")}


def covers(dependency: str, path: str) -> bool:
    return path == dependency or path.startswith(f"{dependency}/")


def needed(stage: str) -> set[str]:
    words = STAGES[stage]["cmd"].split()[1:]
    return required(command_function(words))


@pytest.mark.parametrize("stage", STAGES)
def test_every_module_that_decides_a_result_is_a_dependency(stage):
    missing = {path for path in needed(stage) if not any(covers(dep, path) for dep in listed(stage))}
    assert missing == set(), f"add these, or their folders, to deps of {stage} in dvc.yaml"


@pytest.mark.parametrize("stage", STAGES)
def test_no_dependency_is_unused(stage):
    unused = {dep for dep in listed(stage) if not any(covers(dep, path) for path in needed(stage))}
    assert unused == set(), f"remove these from deps of {stage} in dvc.yaml"
    nested = {dep for dep in listed(stage) for other in listed(stage) if dep != other and covers(other, dep)}
    assert nested == set(), f"these lie in other dependencies of {stage}"


def test_a_change_of_the_formula_of_the_error_reruns_validation():
    assert "science/error_metrics.py" in needed("validate")
    assert "engines/lammps/session.py" in needed("validate")


def test_modules_that_are_imported_inside_functions_count():
    assert "engines/ani/torch/ensemble.py" in needed("validate")
