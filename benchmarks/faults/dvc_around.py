"""What foundational says of a project in which DVC was interrupted, went back, cleaned up, or lost files.

    python benchmarks/faults/dvc_around.py --json

Each case starts from a fresh copy of a small world with two releases in a bundled remote. Commands of DVC and of
foundational run as a user runs them. Each row of the result has the case, what foundational said, and whether it is
what must be said: data are the released ones, or one line says what is missing and what to do.
"""

import argparse
import json
import random
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import commands
import forks
import worlds
from forks import Ended, Kill
from kills import Campaign

#: Of DVC, for `around`: how a case is called, what is done, and what foundational must say then.
Case = tuple[str, Callable[["Around"], None]]


def dvc_line(arguments: list[str]) -> None:
    """Run ``dvc ARGUMENTS`` in this process."""
    from dvc.cli import main

    sys.exit(main(arguments))


class Around(Campaign):
    """Cases in one folder."""

    rows: list[dict[str, Any]]
    case = ""

    def prepare_world(self) -> None:
        """A project with ``ni@1.0.0`` and the tracked data of the next version, both in the bundled remote."""
        self.build()
        worlds.copy(self.folder / "world", self.place)
        self.lead_to((*commands.RELEASED, worlds.change))
        self.place.rename(self.folder / "before")
        self.rows = []

    @property
    def root(self) -> Path:
        return self.place / "project"

    @property
    def ni(self) -> Path:
        return self.root / "datasets" / "ni"

    def dvc(self, *arguments: str, kill: Kill | None = None) -> Ended:
        """DVC in the project."""
        return forks.start(
            dvc_line,
            list(arguments),
            place=self.place,
            root=self.root,
            environment=worlds.environment(self.place),
            kill=kill,
        ).wait()

    def says(self, *arguments: str, status: int, must: str) -> None:
        """Run foundational; note what it says and whether that is right."""
        ended = forks.start(
            forks.command_line,
            list(arguments),
            place=self.place,
            root=self.root,
            environment=worlds.environment(self.place),
        ).wait()
        said = " ".join(ended.said.replace(str(self.place), "…").split())
        right = ended.status == status and must in said and not ended.traceback
        row = {"case": self.case, "command": " ".join(arguments), "says": said[-400:], "right": right}
        self.rows.append(row | {"status": ended.status})
        if not right:
            print(f"FAULT {self.rows[-1]}", file=sys.stderr, flush=True)

    def forget(self, *, cache: bool = True) -> None:
        """Remove the data, and DVC's cache."""
        shutil.rmtree(self.ni / "data.zarr", ignore_errors=True)
        if cache:
            shutil.rmtree(self.root / ".dvc" / "cache", ignore_errors=True)

    def all_cases(self, seed: int) -> None:
        """Every case."""
        generator = random.Random(seed)
        for case in (interrupted_pull, interrupted_push, old_revision, collected, dirty, two_remotes, lost):
            worlds.copy(self.folder / "before", self.place)
            self.case = case.__name__.replace("_", " ")
            case(self, generator)
            print(self.case, file=sys.stderr, flush=True)


def interrupted_pull(around: Around, generator: random.Random) -> None:
    """``dvc pull`` is killed at any moment; DVC puts a folder into the project file by file."""
    around.forget()
    whole = around.dvc("pull", "-q")
    around.says("verify", "ni", status=0, must="intact")
    for _ in range(4):
        around.forget()
        around.dvc("pull", "-q", kill=Kill("moment", generator.uniform(0.3, 1) * whole.seconds))
        if (around.ni / "data.zarr").exists():
            around.says("check", "ni", status=0, must="") if _is_whole(around) else around.says(
                "check", "ni", status=1, must="ni"
            )
        else:
            around.says("check", "ni", status=1, must="fetch them with: dvc pull")
    around.dvc("pull", "-q", "--force")
    around.says("verify", "ni", status=0, must="intact")


def _is_whole(around: Around) -> bool:
    names = {path.name for path in (around.ni / "data.zarr").iterdir()}
    reference = {path.name for path in (around.folder / "before/project/datasets/ni/data.zarr").iterdir()}
    return names == reference


def interrupted_push(around: Around, generator: random.Random) -> None:
    """``dvc push`` to a new remote is killed; somebody pulls from there."""
    around.dvc("remote", "add", "-q", "disk", str(around.place / "disk"))
    around.dvc("push", "-q", "-r", "disk", kill=Kill("change", generator.randint(3, 20)))
    around.forget()
    around.dvc("pull", "-q", "-r", "disk")
    if not (around.ni / "data.zarr").exists():
        around.says("check", "ni", status=1, must="fetch them with: dvc pull")
    else:
        around.says("check", "ni", status=1, must="ni")
    around.dvc("pull", "-q", "--force")
    around.dvc("push", "-q", "-r", "disk")
    around.forget()
    around.dvc("pull", "-q", "-r", "disk", "--force")
    around.says("verify", "ni", status=0, must="intact")


def old_revision(around: Around, _: random.Random) -> None:
    """An old revision is checked out: by git alone, then by DVC too."""
    worlds.git(around.place, "checkout", "-q", "HEAD~1")
    around.says("verify", "ni", status=1, must="provenance.json")
    around.dvc("checkout", "-q")
    around.says("verify", "ni", status=0, must="intact")
    around.says("release", "ni", "--dry-run", status=0, must="nothing changed since")
    worlds.git(around.place, "checkout", "-q", "main")
    around.dvc("checkout", "-q")
    around.says("verify", "ni", status=0, must="intact")


def collected(around: Around, _: random.Random) -> None:
    """``dvc gc`` removes what the workspace does not use: here, then in the remote too."""
    around.dvc("gc", "-q", "-w", "-f")
    around.says("pull", "ni@1.0.0", status=0, must="ni@1.0.0")
    shutil.rmtree(around.root / "datasets" / "local" / "ni-1.0.0")
    around.dvc("gc", "-q", "-w", "-c", "-f")
    around.says("pull", "ni@1.0.0", status=1, must="fetch them with: dvc fetch --all-commits")
    around.says("verify", "ni", status=0, must="intact")


def dirty(around: Around, _: random.Random) -> None:
    """Somebody releases from a tree with changes that were not committed."""
    path = around.root / "params.yaml"
    path.write_text(path.read_text().replace("frames: 6", "frames: 5"))
    around.says("release", "ni", status=1, must="commit params.yaml before it")
    worlds.git(around.place, "checkout", "-q", "--", "params.yaml")
    (around.ni / "data.zarr.dvc").write_text((around.ni / "data.zarr.dvc").read_text() + "# edited\n")
    around.says("release", "ni", status=1, must="commit datasets/ni/data.zarr.dvc before it")


def two_remotes(around: Around, _: random.Random) -> None:
    """The data of the old release lie in a second remote alone."""
    around.dvc("remote", "add", "-q", "disk", str(around.place / "disk"))
    shutil.copytree(around.root / "datasets" / ".store", around.place / "disk")
    shutil.rmtree(around.root / "datasets" / ".store")
    shutil.rmtree(around.root / ".dvc" / "cache")
    around.says("pull", "ni@1.0.0", status=0, must="ni@1.0.0")  # any remote that is a folder is looked at


def lost(around: Around, _: random.Random) -> None:
    """The cache, the remote or the project lost a file."""
    chunks = [path for path in (around.ni / "data.zarr").rglob("*") if path.is_file() and "forces" in path.parts]
    content = chunks[0].read_bytes()
    chunks[0].unlink()
    around.says("check", "ni", status=1, must="forces")
    around.says("verify", "ni", status=1, must="forces")
    around.says("release", "ni", status=1, must="ni")
    chunks[0].write_bytes(content)
    around.says("verify", "ni", status=0, must="intact")
    shutil.rmtree(around.root / ".dvc" / "cache")
    store = sorted(p for p in (around.root / "datasets" / ".store").rglob("*") if p.is_file() and p.suffix != ".dir")
    for path in store[::2]:
        path.unlink()
    around.says("pull", "ni@1.0.0", status=1, must="fetch them with: dvc fetch --all-commits")


def main() -> None:
    """Run all cases and print what was said; exit status 1 where something else must be said."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=20231109)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--folder", type=Path, help="where to work; by default a temporary folder")
    options = parser.parse_args()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    private = forks.prepare_this_process()
    with forks.workplace(options.folder, private=private) as folder:
        around = Around(folder, private)
        around.prepare_world()
        around.all_cases(options.seed)
        rows = around.rows
    wrong = [row for row in rows if not row["right"]]
    if options.json:
        print(json.dumps({"seed": options.seed, "rows": rows, "faults": wrong}, indent=1, ensure_ascii=False))
    else:
        for row in rows:
            print(f"{'' if row['right'] else 'FAULT '}{row['case']}: {row['command']} → {row['says']}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
