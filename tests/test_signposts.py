"""Names of modules, of what is in them, and of files, where docstrings and comments mention them, exist."""

import ast
import re
from pathlib import Path

from foundational.source_files import module_file

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*(ROOT / "foundational").rglob("*.py"), *(ROOT / "cli").rglob("*.py")])
#: Packages whose modules are named without ``foundational.`` too, as in ``science.bias``.
SHORT = {"data", "engines", "evaluation", "labelling", "science", "specs", "stages", "workspace"}
FOLDERS = {"benchmarks", "cli", "docs", "foundational", "tests"}
#: A name in one or two backticks, or in a role such as :func:.
MARKED = re.compile(r"`{1,2}~?([A-Za-z_][\w./*-]*)`{1,2}")
#: A page of the documentation, mentioned without backticks.
PAGES = re.compile(r"\bdocs/[\w/-]+(?:\.\w+)?")


def defined(tree: ast.AST) -> set[str]:
    """Names that a module defines, at any depth."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    names = {node.name for node in ast.walk(tree) if isinstance(node, kinds)}
    return names | {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def resolves(name: str) -> bool:
    """Whether ``science.bias`` or ``foundational.data.store.open_store`` is a module or a name in one.

    >>> resolves("foundational.data.store.open_store"), resolves("science.bias"), resolves("engines.momt_kernel")
    (True, True, False)
    """
    parts = name.removeprefix("foundational.").split(".")
    for n in range(len(parts), 0, -1):
        if (file := module_file(".".join(["foundational", *parts[:n]]))) is not None:
            return set(parts[n:]) <= defined(ast.parse(file.read_text(encoding="utf-8")))
    return parts[0] in defined(ast.parse((ROOT / "foundational/__init__.py").read_text(encoding="utf-8")))


def test_modules_and_their_names_exist():
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in SOURCES
        for name in MARKED.findall(path.read_text(encoding="utf-8"))
        if "." in name
        and "/" not in name
        and name.partition(".")[0] in {"foundational", *SHORT}
        and not name.endswith((".py", ".json", ".yaml"))
        and not resolves(name)
    ]
    assert missing == []


def test_files_and_pages_exist():
    missing = []
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        marked = [name for name in MARKED.findall(text) if name.partition("/")[0] in FOLDERS and "/" in name]
        for name in {*marked, *PAGES.findall(text)}:
            if not list(ROOT.glob(name.rstrip("/") + "*")):
                missing.append(f"{path.relative_to(ROOT)}: {name}")
    assert missing == []
