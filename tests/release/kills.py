"""Kill a release, a pull or a translation with SIGKILL at drawn operations on files, and see what is left.

``python kills.py release|pull|translate PROJECT WORK MOMENTS`` prints one JSON object. This process only imports and
forks, so that each try costs no start of Python; every try runs in a fork of its own, in a fresh copy of the project.
"""

import json
import os
import random
import shutil
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import foundational
from foundational.data.store import open_store
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import resolve_potential
from foundational.errors import FoundationalError, NotFoundError
from foundational.inspection.check import check
from foundational.labelling.records import labeller_record
from foundational.labelling.session import LabellingSession
from foundational.provenance.record import read_record
from foundational.release.bundle.bundle import sha256_of
from foundational.release.registry.registry import read_registry
from foundational.release.registry.version import parse_dataset_version
from foundational.release.transfer.retrieval import pull
from foundational.specs.translate import GuardSpec
from foundational.stages.release.command import release_dataset
from foundational.stages.translate.stage import translate
from foundational.workspace.runner import StageOutput, produce

COUNTED = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.truncate"}


def work(action: str, root: Path) -> None:
    if action == "release":
        release_dataset(root, "ni", out=root / "build" / "releases")
    elif action == "pull":
        pull(parse_dataset_version("ni@1.0.0"), str(root / "build" / "releases"))
    else:  # as translate_dataset does it, but for the scale and the worker processes, which take seconds each
        made_before = root / "datasets" / "local" / "nb"
        if (made_before / "provenance.json").exists() and not (made_before / ".unfinished").exists():
            return  # killed when all was done: a rerun is refused, since the dataset exists
        niobium = LammpsLabeller(resolve_potential("NiNb", root))

        def build() -> StageOutput:
            guard = GuardSpec(minimum_distance=1.5, maximum_energy=5.0)
            made = translate(open_store(root / "datasets/ni/data.zarr"), "Nb", 1.183, guard, LabellingSession(niobium))
            return StageOutput(made.dataset, "Nb", labeller_record(niobium, "Nb"))

        produce(root, "local/nb", "translate", {}, 1, (read_record(root / "datasets" / "ni"),), build)


def must_hold(action: str, root: Path, done: bool) -> None:
    """What is true after a kill, and (``done``) after a rerun."""
    if action == "release":
        # The same commit gives the same bytes, so that what is there is whole where it is as in the first run.
        entries = read_registry(root / "datasets" / "ni").releases
        assert len(entries) == 1 or not done
        whole = digests(root.parent / "whole")
        here = digests(root)
        assert here == whole if done else here.items() <= whole.items()
    elif action == "pull":
        expected = read_registry(root / "datasets" / "ni").releases[0].fingerprint
        try:
            assert foundational.open_dataset("ni@1.0.0").fingerprint == expected
        except NotFoundError:
            assert not done
    else:
        folder = root / "datasets" / "local" / "nb"
        if (folder / "provenance.json").exists():
            assert check("local/nb", root)["violations"] == []
            assert read_record(folder).element == "Nb"
        elif (folder / "data.zarr").exists():
            assert not done
            foundational.open_dataset("local/nb", root)
        else:
            assert not done


def digests(root: Path) -> dict[str, str]:
    """sha256 of every file that has the name of something whole: bundles, what git keeps of them, the registry."""
    places = (root / "build" / "releases", root / "datasets" / "ni")
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    names = {path: path.relative_to(root).as_posix() for path in files}
    return {name: sha256_of(path) for path, name in names.items() if ".partial" not in name and ".previous" not in name}


def forked(what: Callable[..., None], *arguments: object) -> int:
    """The status of a fork that does ``what``."""
    process = os.fork()
    if process == 0:
        try:
            what(*arguments)
            os._exit(0)
        except BaseException:  # the fork must not return to the caller's code
            traceback.print_exc()
            os._exit(1)
    status = os.waitpid(process, 0)[1]
    Path(f"/dev/shm/mpich_shm_{process:x}_0").unlink(missing_ok=True)  # what the MPI of a killed LAMMPS leaves
    return status


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


def main(action: str, project: str, folder: str, moments: str) -> None:
    place = Path(folder)

    def fresh(name: str) -> Path:
        shutil.copytree(project, place / name, symlinks=True)
        os.environ["XDG_DATA_HOME"] = str(place / f"{name}-user")
        os.chdir(place)
        return place / name

    counter = place / "count"
    root = fresh("whole")
    assert forked(interrupted, action, root, 0, counter) == 0
    assert forked(must_hold, action, root, True) == 0
    total = int(counter.read_text())
    drawn = sorted(random.Random(20231109).sample(range(1, total + 1), min(int(moments), total)))
    killed = 0
    for moment in drawn:
        root = fresh(f"at-{moment}")
        killed += forked(interrupted, action, root, moment) == signal.SIGKILL
        assert forked(must_hold, action, root, False) == 0, f"killed at {moment} of {total}"
        assert forked(work, action, root) == 0, f"no rerun after a kill at {moment} of {total}"
        assert forked(must_hold, action, root, True) == 0, f"run again after a kill at {moment} of {total}"
        shutil.rmtree(root)
    print(json.dumps({"operations": total, "moments": drawn, "killed": killed}))


if __name__ == "__main__":
    warnings.simplefilter("error")
    main(*sys.argv[1:])
