"""A project of a user's: ``foundational init`` writes what every command needs, and overwrites nothing."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foundational.data.atomic_write import write_whole
from foundational.defaults import DEFAULTS
from foundational.errors import ConflictError, InputError
from foundational.project import DATASETS
from foundational.release.registry.git import git
from foundational.specs.potentials import REGISTRY_FILE, REGISTRY_FOLDER
from foundational.workspace.dvc import dvc, require_dvc

_TEMPLATES: Final = DEFAULTS / "project"
#: Files of a new project, and the templates they are copies of.
_FILES: Final = {
    "params.yaml": "params.yaml",
    "dvc.yaml": "dvc.yaml",
    (REGISTRY_FOLDER / REGISTRY_FILE).as_posix(): REGISTRY_FILE,
}
#: Where DVC's first remote is, below the root.
STORE_FOLDER: Final = f"{DATASETS}/.store"
_IGNORED_BY_GIT: Final = (
    "/build/",
    f"/{DATASETS}/local/",
    f"/{DATASETS}/pools/*/*",
    f"!/{DATASETS}/pools/*/manifest.json",
    f"/{DATASETS}/pools/local-*/",
    f"/{DATASETS}/*/data.zarr/",
    f"/{STORE_FOLDER}/",
    ".*.partial",
    ".*.previous",
    ".unfinished",
)
_IGNORED_BY_DVC: Final = ("/build/", ".*.partial", ".*.previous", ".unfinished")


@dataclass(frozen=True)
class NewProject:
    """What `init_project` did."""

    root: Path
    written: tuple[str, ...]
    """Files that are new, relative to the root."""
    appended: tuple[str, ...]
    """Files that got further lines."""
    new_repository: bool
    """Whether ``git init`` ran."""
    readme: str
    """The file that says what to do next."""


def init_project(folder: Path) -> NewProject:
    """Make a project in ``folder``: a new one, an empty one, or an existing git repository.

    Raises
    ------
    ConflictError
        A file of a project is there already; all of them are named, and nothing is written.
    MissingDependencyError
        git or DVC is absent.
    InputError
        ``folder`` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: expected a folder for the project, got a file")
    there = [name for name in _FILES if (folder / name).exists()]
    if there:
        raise ConflictError(
            f"{', '.join(there)} in {folder} would be overwritten; nothing was written: choose another folder, or "
            "move them"
        )
    require_dvc()
    folder.mkdir(parents=True, exist_ok=True)
    root = folder.resolve()
    new_repository = _require_repository(root)
    before = {path.name for path in root.iterdir()}
    if not (root / ".dvc").is_dir():
        below = Path(git(root, "rev-parse", "--show-toplevel").strip()).resolve() != root
        dvc(root, "init", "--quiet", *(["--subdir"] if below else []))
    if not dvc(root, "remote", "list").strip():
        dvc(root, "remote", "add", "--quiet", "--default", "local", STORE_FOLDER)
    for name, template in _FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_TEMPLATES / template, root / name)
    readme = "README.md" if not (root / "README.md").exists() else f"{DATASETS}/README.md"
    shutil.copyfile(_TEMPLATES / "README.md", root / readme)
    ignores = {".gitignore": _IGNORED_BY_GIT, ".dvcignore": _IGNORED_BY_DVC}
    for name, lines in ignores.items():
        _append(root / name, lines)
    git(root, "add", "--", *_FILES, readme, *ignores, ".dvc/config", ".dvc/.gitignore")
    appended = tuple(name for name in ignores if name in before)
    written = (*_FILES, readme, ".dvc/config", *(name for name in ignores if name not in before))
    return NewProject(root, tuple(sorted(written)), appended, new_repository, readme)


def _require_repository(root: Path) -> bool:
    """Make ``root`` a git repository where it is in none; whether that was done."""
    try:
        git(root, "rev-parse", "--show-toplevel")
    except ConflictError:
        git(root, "init", "--quiet")
        return True
    return False


def _append(path: Path, lines: tuple[str, ...]) -> None:
    """Append those of ``lines`` that the file does not have."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    missing = [line for line in lines if line not in text.splitlines()]
    if missing:
        separator = "" if not text or text.endswith("\n") else "\n"
        write_whole(path, [(text + separator + "\n".join([*missing, ""])).encode()])
