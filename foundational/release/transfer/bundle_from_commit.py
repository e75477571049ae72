"""The bundle of a released version, made again in any later checkout: by the code and records of its own commit.

A bundle is a function of its commit: newer code or newer texts would write other bytes. So the commit that brought the
release into the registry is checked out beside the project, its data are put there, and its own ``foundational
release`` writes the bundle. A project without code of its own uses the installed package. What comes is compared with
the registry.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foundational.data.atomic_write import temporary_folder, whole_folder, write_whole
from foundational.data.integrity.hashes import sha256_of
from foundational.errors import ChecksumError, ConflictError, NotFoundError
from foundational.project import DATASETS, STORE
from foundational.release.bundle.archive import archive_folder
from foundational.release.bundle.bundle import MANIFEST
from foundational.release.registry.git import git
from foundational.release.registry.registry import REGISTRY, Registry, Release, history, registry_text
from foundational.release.registry.version import Version
from foundational.release.transfer.dvc_objects import fetch

#: Runs the command line of the checkout in the working directory, wherever this process's own package lies.
_COMMAND = """if True:
    import importlib.util, sys
    from pathlib import Path
    checkout = Path.cwd()
    sys.path.insert(0, str(checkout))
    # Both before an installed package: cli/ is the package foundational.cli.
    for name, folder in (("foundational", checkout / "foundational"), ("foundational.cli", checkout / "cli")):
        if not folder.is_dir():
            continue
        found = importlib.util.spec_from_file_location(
            name, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        sys.modules[name] = importlib.util.module_from_spec(found)
        found.loader.exec_module(sys.modules[name])
        if name == "foundational.cli":
            sys.modules["foundational"].cli = sys.modules[name]
    from foundational.cli.main import app
    app(sys.argv[1:])
"""


def bundle_of(root: Path, registry: Registry, version: Version, out: Path) -> Path:
    """The folder of a released version's bundle below ``out``, its zip beside it; made where it is missing.

    Raises
    ------
    NotFoundError
        There is no such release, its data cannot be fetched, or git does not hold its commit.
    ConflictError
        The commit gives other bytes than were released.
    """
    entry = registry.find(version)
    name = f"{registry.name}-{entry.version}"
    folder = out / registry.name / name
    archive = folder.with_name(f"{name}.zip")
    if _is_released(folder, archive, entry):
        return folder
    with _checkout(root, _commit(root, registry, entry)) as checkout:
        store = checkout / DATASETS / registry.name / STORE
        if not store.exists():
            fetch(root, entry.tracked, store)
        run = subprocess.run(
            [sys.executable, "-c", _COMMAND, "release", registry.name, "--out", str(checkout / "build" / "made")],
            cwd=checkout,
            env=os.environ | {"PYTHONPATH": str(checkout)},
            capture_output=True,
            check=False,
        )
        made = checkout / "build" / "made" / registry.name / name
        if run.returncode or not _is_released(made, made.with_name(f"{name}.zip"), entry):
            said = (run.stderr + run.stdout).decode(errors="replace").strip().splitlines()
            raise ConflictError(
                f"{registry.name}@{entry.version} cannot be made again from its commit"
                + (f" ({said[-1].removeprefix('error: ')})" if said else "")
                + f"; fetch its bundle with: foundational pull {registry.name}@{entry.version} --from URL"
            )
        with whole_folder(folder, replace=True) as partial:
            shutil.copytree(made, partial, dirs_exist_ok=True)
    archive_folder(archive, folder, f"{name}/")
    if sha256_of(archive) != entry.archive:
        archive.unlink()
        raise ChecksumError(f"{archive}: the zip is not the one that the registry records")
    write_whole(out / registry.name / REGISTRY, [registry_text(registry).encode()])
    return folder


def _is_released(folder: Path, archive: Path, entry: Release) -> bool:
    """Whether a bundle's manifest and zip are those that the registry records."""
    manifest = folder / MANIFEST
    whole = manifest.is_file() and archive.is_file()
    return whole and sha256_of(manifest) == entry.manifest and sha256_of(archive) == entry.archive


def _commit(root: Path, registry: Registry, entry: Release) -> str:
    """The commit that brought a release into the registry; it has the code of the release, and its record."""
    for commit, then in history(root, registry.name):
        if entry in then.releases and then.releases[-1] == entry:
            return commit
    raise NotFoundError(
        f"{registry.name}@{entry.version}: git holds no commit with this release; "
        "fetch the history with: git fetch --unshallow"
    )


@contextmanager
def _checkout(root: Path, commit: str) -> Iterator[Path]:
    """A git worktree at ``commit``, removed afterwards."""
    git(root, "worktree", "prune")  # those of processes that were killed
    with temporary_folder() as temporary:
        folder = temporary / "checkout"
        git(root, "worktree", "add", "--quiet", "--detach", str(folder), commit)
        prefix = git(root, "rev-parse", "--show-prefix").strip()
        try:
            yield folder / prefix
        finally:
            git(root, "worktree", "remove", "--force", str(folder))
