"""A project of a user's: ``foundational init`` writes what every command needs, and overwrites nothing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foundational.data.atomic_write import write_whole
from foundational.defaults import DEFAULTS
from foundational.errors import ConflictError, InputError
from foundational.project import DATASETS
from foundational.release.registry.git import git, require_unlocked
from foundational.specs.potentials import REGISTRY_FILE, REGISTRY_FOLDER
from foundational.workspace.dvc import dvc, require_dvc

_TEMPLATES: Final = DEFAULTS / "project"
#: Files of a new project, and the templates they are copies of.
_FILES: Final = {
    "params.yaml": "params.yaml",
    (REGISTRY_FOLDER / REGISTRY_FILE).as_posix(): REGISTRY_FILE,
    "dvc.yaml": "dvc.yaml",
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
#: Records are compared byte by byte with what was released: git must not change their ends of lines.
_KEPT_BY_GIT: Final = (f"{DATASETS}/** -text",)
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
        A file of a project is there already and is not as this writes it; all are named, and nothing is written. Or
        another git works in the repository.
    MissingDependencyError
        git or DVC is absent.
    InputError
        ``folder`` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: expected a folder for the project, got a file")
    # A copy that nobody changed is of a run that was killed, or of one that completed.
    there = [name for name, template in _FILES.items() if _is_other(folder / name, template)]
    if there:
        raise ConflictError(
            f"{', '.join(there)} in {folder} would be overwritten; nothing was written: choose another folder, or "
            "move them"
        )
    require_dvc()
    folder.mkdir(parents=True, exist_ok=True)
    root = folder.resolve()
    new_repository = _require_repository(root)
    require_unlocked(root)
    before = {path.name for path in root.iterdir()}
    begun = _is_begun(root / ".dvc")
    if begun or not (root / ".dvc").is_dir():
        below = Path(git(root, "rev-parse", "--show-toplevel").strip()).resolve() != root
        dvc(root, "init", *(["--force"] if begun else []), *(["--subdir"] if below else []))
    if not dvc(root, "remote", "list").strip():
        dvc(root, "remote", "add", "--quiet", "--default", "local", STORE_FOLDER)
    text = (_TEMPLATES / "README.md").read_bytes()
    other = _is_other(root / "README.md", "README.md")
    readme = f"{DATASETS}/README.md" if other else "README.md"
    write_whole(root / readme, [text])
    ignores = {".gitignore": _IGNORED_BY_GIT, ".dvcignore": _IGNORED_BY_DVC, ".gitattributes": _KEPT_BY_GIT}
    for name, lines in ignores.items():
        _append(root / name, lines)
    for name, template in _FILES.items():
        write_whole(root / name, [(_TEMPLATES / template).read_bytes()])
    git(root, "add", "--", *_FILES, readme, *ignores, ".dvc/config", ".dvc/.gitignore")
    appended = tuple(name for name in ignores if name in before)
    written = (*_FILES, readme, ".dvc/config", *(name for name in ignores if name not in before))
    return NewProject(root, tuple(sorted(written)), appended, new_repository, readme)


def _is_other(path: Path, template: str) -> bool:
    """Whether there is something else than a copy of the template."""
    if not path.exists():
        return False
    return not path.is_file() or path.read_bytes() != (_TEMPLATES / template).read_bytes()


def _is_begun(folder: Path) -> bool:
    """Whether a killed ``dvc init`` left this folder, and nobody used it since."""
    if not folder.is_dir() or not {path.name for path in folder.iterdir()} <= {"config", "tmp"}:
        return False
    config = folder / "config"
    return not config.exists() or not config.read_bytes().strip()


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
