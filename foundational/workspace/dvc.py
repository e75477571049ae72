"""DVC, run as its own program in the environment of this package."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from foundational.errors import ConflictError, MissingDependencyError


def require_dvc() -> None:
    """Say what to install where DVC is absent.

    Raises
    ------
    MissingDependencyError
        It is not installed.
    """
    if find_spec("dvc") is None:
        raise MissingDependencyError(
            "the package dvc is needed and not installed; install it with: pip install 'foundational[dvc]'"
        )


def dvc(root: Path, *arguments: str) -> str:
    """What ``dvc arguments`` prints in the folder ``root``.

    Raises
    ------
    MissingDependencyError
        It is not installed.
    ConflictError
        DVC refuses.
    """
    require_dvc()
    run = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"DVC_NO_ANALYTICS": "1"},
    )
    if run.returncode:
        said = [line for line in run.stderr.splitlines() if line.strip()]
        reason = next((line for line in said if line.startswith("ERROR")), said[-1] if said else "no reason given")
        raise ConflictError(f"dvc {arguments[0]} failed: {reason.removeprefix('ERROR: ')}")
    return run.stdout
