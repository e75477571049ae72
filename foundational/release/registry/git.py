"""What git says of a project: the commit, its day, what is not committed, and files as they were."""

import re
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path

from foundational.errors import ConflictError, MissingDependencyError, NotFoundError

#: What git says of a lock that is there; a git that was killed leaves its own.
_LOCK = re.compile(r"Unable to create '([^'\n]+\.lock)': File exists")


def git(root: Path, *arguments: str) -> str:
    """What ``git arguments`` prints in the folder ``root``.

    Raises
    ------
    ConflictError
        git refuses.
    MissingDependencyError
        There is no git.
    """
    return _run(root, *arguments).decode()


def head(root: Path) -> tuple[str, date]:
    """The commit that is checked out, and its day in UTC.

    Raises
    ------
    NotFoundError
        ``root`` is in no git repository, or in one without a commit.
    """
    try:
        commit, seconds = git(root, "log", "-1", "--format=%H %ct").split()
    except ConflictError:
        raise NotFoundError(
            f"{root}: expected a git repository with a commit; make one with git init, git commit"
        ) from None
    return commit, datetime.fromtimestamp(int(seconds), UTC).date()


def uncommitted(root: Path, *paths: str) -> list[str]:
    """Files below ``paths`` (git's pathspecs) that differ from the commit or that git neither tracks nor ignores."""
    return [line[3:] for line in git(root, "status", "--porcelain", "--untracked-files=all", "--", *paths).splitlines()]


def has_history(root: Path) -> bool:
    """Whether ``root`` is the checkout of a git repository with a commit."""
    try:
        head(root)
    except (NotFoundError, MissingDependencyError):
        return False
    return True


def commits_of(root: Path, path: str) -> list[str]:
    """Every commit reachable from HEAD that touched the file ``path``, oldest first."""
    return git(root, "log", "--reverse", "--format=%H", "HEAD", "--", path).split()


def read_at(root: Path, revision: str, path: str) -> bytes:
    """The file ``path`` (below ``root``) as it was at ``revision``.

    Raises
    ------
    NotFoundError
        There is no such revision, or no such file in it.
    """
    try:
        return _run(root, "show", f"{revision}:./{path}")
    except ConflictError as error:
        raise NotFoundError(f"{path} at the revision {revision!r}: {error}") from None


def commit_of(root: Path, revision: str) -> str:
    """The commit that ``revision`` names.

    Raises
    ------
    NotFoundError
        There is none.
    """
    try:
        return git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").strip()
    except ConflictError:
        raise NotFoundError(
            f"expected a version or a git revision, got {revision!r}, which git does not know"
        ) from None


def require_unlocked(root: Path) -> None:
    """Say what to do where git's lock would stop every change.

    Raises
    ------
    ConflictError
        Another git works in the repository, or one was killed.
    """
    lock = root / git(root, "rev-parse", "--git-path", "index.lock").strip()
    if lock.exists():
        raise ConflictError(_locked(lock))


def _locked(lock: Path) -> str:
    return (
        f"another git works in this repository, or one was killed; where none runs, remove {lock} and run the command "
        "again"
    )


def _run(root: Path, *arguments: str) -> bytes:
    try:
        run = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)
    except FileNotFoundError:
        raise MissingDependencyError("expected git on the PATH, found none; install it") from None
    if run.returncode:
        said = run.stderr.decode(errors="replace").strip()
        if lock := _LOCK.search(said):
            raise ConflictError(f"git {arguments[0]} failed: {_locked(Path(lock[1]))}")
        reason = said.splitlines()
        raise ConflictError(f"git {arguments[0]} failed: {reason[0] if reason else f'status {run.returncode}'}")
    return run.stdout
