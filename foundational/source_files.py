"""Which source files of this package a module depends on, as its import statements say; nothing is imported for it."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

PACKAGE: Final = "foundational"
_FOLDER: Final = Path(__file__).parent
#: ``foundational.cli`` is installed from this folder of a checkout.
_COMMANDS: Final = _FOLDER.parent / "cli"


def imported_modules(module: str) -> dict[str, Path]:
    """The module, every module of this package that it imports, what these import, and so on.

    Imports inside functions count, for what they import decides results too; imports for type checkers only do not.
    The packages' own ``__init__`` files are part of it, but for that of ``foundational`` itself.

    Parameters
    ----------
    module
        Dotted name, such as ``foundational.stages.sample.command``.

    Returns
    -------
    dict
        Source files by the modules' dotted names, in alphabetical order.

    >>> list(imported_modules("foundational.units"))
    ['foundational.units']
    >>> "foundational.science.cells" in imported_modules("foundational.engines.geometry.distances")
    True
    """
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = module_file(name)
        if path is None or name in found:
            continue
        found[name] = path
        waiting += imports_of_file(path)
    return dict(sorted(found.items()))


def direct_imports(module: str) -> dict[str, Path]:
    """The modules of this package that ``module`` itself imports; see `imported_modules`."""
    path = module_file(module)
    names = () if path is None else imports_of_file(path)
    return {name: file for name in names if (file := module_file(name)) is not None}


def module_file(name: str) -> Path | None:
    """The source file of the module ``name`` of this package; None if there is no such module."""
    package, *parts = name.split(".")
    if package != PACKAGE or not parts:
        return None
    folder = _COMMANDS.joinpath(*parts[1:]) if parts[0] == "cli" else _FOLDER.joinpath(*parts)
    files = (folder.with_suffix(".py"), folder / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def digest_of(sources: Iterable[Path]) -> str:
    """SHA-256 of the contents of source files, in the order given."""
    digest = sha256()
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()


@cache
def imports_of_file(path: Path) -> tuple[str, ...]:
    """Dotted names of this package in the import statements of any file, with the packages above them."""
    names: list[str] = []
    for node in _statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    own = [name.split(".") for name in names if name.startswith(f"{PACKAGE}.")]
    return tuple(sorted({".".join(parts[:n]) for parts in own for n in range(2, len(parts) + 1)}))


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a tree but those below ``if TYPE_CHECKING:``."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        yield from _statements(child)
