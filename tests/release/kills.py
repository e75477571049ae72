"""Kill a release or a pull with SIGKILL at drawn operations on files, and see what is left.

``python kills.py release|pull PROJECT WORK MOMENTS`` prints one JSON object. This process only imports
and forks, so that each try costs no start of Python; every try runs in a fork of its own, in a fresh copy of the
project. What the first tries import only when they run is imported here before the others. Nothing is forced to disk: a
kill loses nothing that the kernel has.
"""

import gc
import importlib
import json
import os
import random
import shutil
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import foundational
from foundational.data.integrity.hashes import sha256_of
from foundational.errors import FoundationalError, NotFoundError
from foundational.release.registry.registry import read_registry
from foundational.release.registry.version import parse_dataset_version
from foundational.release.transfer.retrieval import pull
from foundational.stages.release.command import release_dataset

COUNTED = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.truncate"}


def work(action: str, root: Path) -> None:
    if action == "release":
        release_dataset(root, "ni", out=root / "build" / "releases")
    else:
        pull(parse_dataset_version("ni@1.0.0"), str(root / "build" / "releases"))


def must_hold(action: str, root: Path, done: bool) -> None:
    """What is true after a kill, and (``done``) after a rerun."""
    if action == "release":
        # The same commit gives the same bytes, so that what is there is whole where it is as in the first run.
        entries = read_registry(root / "datasets" / "ni").releases
        assert len(entries) == 1 or not done
        whole = digests(root.parent / "whole")
        here = digests(root)
        assert here == whole if done else here.items() <= whole.items()
    else:
        expected = read_registry(root / "datasets" / "ni").releases[0].fingerprint
        try:
            assert foundational.open_dataset("ni@1.0.0").fingerprint == expected
        except NotFoundError:
            assert not done


def digests(root: Path) -> dict[str, str]:
    """sha256 of every file that has the name of something whole: bundles, what git keeps of them, the registry."""
    places = (root / "build" / "releases", root / "datasets" / "ni")
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    names = {path: path.relative_to(root).as_posix() for path in files}
    return {name: sha256_of(path) for path, name in names.items() if ".partial" not in name and ".previous" not in name}


def forked(what: Callable[..., None], *arguments: object, modules: Path | None = None) -> int:
    """The status of a fork that does ``what``; it writes the names of what it has imported into ``modules``."""
    process = os.fork()
    if process == 0:
        try:
            what(*arguments)
            if modules is not None:
                modules.write_text("\n".join(sys.modules))
            os._exit(0)
        except BaseException:  # the fork must not return to the caller's code
            traceback.print_exc()
            os._exit(1)
    status = os.waitpid(process, 0)[1]
    Path(f"/dev/shm/mpich_shm_{process:x}_0").unlink(missing_ok=True)  # what the MPI of a killed LAMMPS leaves
    return status


def import_all(modules: Path) -> None:
    """Import what a fork had to import."""
    for name in set(modules.read_text().split()) - sys.modules.keys():
        with suppress(Exception):  # such as names that no file has
            importlib.import_module(name)


def interrupted(action: str, root: Path, moment: int, counter: Path | None = None) -> None:
    """Do the work; die before the operation number ``moment``, or count them all."""
    seen = 0

    def hook(event: str, arguments: tuple) -> None:
        nonlocal seen
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if event in COUNTED or writes:
            seen += 1
            if seen == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    try:
        work(action, root)
    except FoundationalError:
        traceback.print_exc()
        os._exit(1)
    if counter is not None:
        counter.write_text(str(seen))


def completed(action: str, root: Path) -> None:
    """What must hold after a kill does, the work can be done again, and what must hold after that does."""
    must_hold(action, root, False)
    work(action, root)
    must_hold(action, root, True)


def main(action: str, project: str, folder: str, moments: str) -> None:
    place = Path(folder)
    os.fsync = lambda _: None

    def fresh(name: str) -> Path:
        # Links are enough: whatever is written here replaces a file and changes none.
        shutil.copytree(project, place / name, symlinks=True, copy_function=os.link)
        os.environ["XDG_DATA_HOME"] = str(place / f"{name}-user")
        os.chdir(place)
        return place / name

    counter, modules = place / "count", place / "modules"
    root = fresh("whole")
    assert forked(interrupted, action, root, 0, counter, modules=modules) == 0
    import_all(modules)
    assert forked(must_hold, action, root, True, modules=modules) == 0
    import_all(modules)
    gc.freeze()  # so that a fork copies less
    total = int(counter.read_text())
    drawn = sorted(random.Random(20231109).sample(range(1, total + 1), min(int(moments), total)))
    killed = 0
    for moment in drawn:
        root = fresh(f"at-{moment}")
        killed += forked(interrupted, action, root, moment) == signal.SIGKILL
        assert forked(completed, action, root) == 0, f"killed at {moment} of {total}"
        shutil.rmtree(root)
    print(json.dumps({"operations": total, "moments": drawn, "killed": killed}))


if __name__ == "__main__":
    warnings.simplefilter("error")
    main(*sys.argv[1:])
