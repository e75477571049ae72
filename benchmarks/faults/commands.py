"""Every command that writes: how it is called, from which state, and what of its results appears as one."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import worlds

Before = list[str] | Callable[[Path], None]
_DATASET = ("project/datasets/local/*", "project/datasets/pools/*")
_RELEASE = ("project/datasets/*/releases/*", "project/build/releases/*/*-?.?.?")
_EMT = ["--labeller", "ase:ase.calculators.emt:EMT", "--workers", "1"]


@dataclass(frozen=True)
class Command:
    """One way to call one command."""

    name: str
    """The command's, with a word for the state from which it starts."""
    arguments: list[str]
    before: tuple[Before, ...] = ()
    """What leads to that state, after `worlds.build`."""
    folders: tuple[str, ...] = _DATASET
    """Folders of a world that appear whole."""
    random: tuple[str, ...] = ()
    """Units whose bytes differ from run to run."""
    stepwise: tuple[str, ...] = ()
    """Units that git and DVC change in several steps: compared when the command ran again."""
    done: str = "exists already"
    """How the command refuses to do again what is done."""
    server: str | None = None
    """A server that it talks to: its address is put in the place of ``ADDRESS``."""
    where: str = "project"
    """The folder of the world in which it runs."""
    program: str | None = None
    """Another program than foundational, which runs it."""
    environment: dict[str, str] = field(default_factory=dict)
    weight: float = 1.0
    """Share of the kills."""
    moments_only: bool = False
    """Changes on disk are made by programs that it starts, where they cannot be counted."""


def _commit_release(place: Path) -> None:
    worlds.commit(place, "Release")


def _without_data(place: Path) -> None:
    shutil.rmtree(place / "project" / "datasets" / "ni" / "data.zarr")


def _edit_params(place: Path) -> None:
    path = place / "project" / "params.yaml"
    path.write_text(path.read_text().replace("frames: 6", "frames: 5"))


def _job_folders_move(place: Path) -> None:
    worlds.answer_jobs(place)


IMPORT_AL = ["import", "../files/al.xyz", "--name", "local/al"]
IMPORT_OTHER = ["import", "../files/ni.xyz", "--name", "local/new"]
SAMPLE = ["sample", "ni-npt-solid-32", "--workers", "1"]
LABEL_WRITE = ["label", "write", "../files/bare.xyz", "../out/jobs", "--code", "qe", "--template", "../files/pw.in"]
ADOPT = ["adopt", "local/al", "--as", "al", "--title", "Aluminium", "--licence", "CC-BY-4.0", "--creator",
         "Tester, Anna", "--description", "Cells.", "--yes"]  # fmt: skip
TRAIN = ["train", "local/al", "-o", "../out/al.model", "--settings", "recipe", "--short-range", "zbl"]
DISTILL = ["distill", "local/few", "--from", "local/al", "--frames", "6", "--heldout", "2", "--rounds", "2"]
EXPORT = ["export", "ni", "-o", "../out/export", "--for"]
RELEASED: tuple[Before, ...] = (["release", "ni"], _commit_release)
COMMANDS = (
    Command("import", ["import", "../files/al.xyz", "--name", "local/new"]),
    Command("import over another", ["import", "../files/al.xyz", "--name", "local/new", "--force"], (IMPORT_OTHER,)),
    Command("adopt", ADOPT, (IMPORT_AL,), (*_DATASET, "project/datasets/al/data.zarr"), done="no dataset", weight=0.3),
    Command("sample", SAMPLE),
    Command("sample over another", [*SAMPLE, "--force", "--frames", "16"], (SAMPLE,)),
    Command("sample longer", [*SAMPLE, "--frames", "36"], (SAMPLE,)),
    Command("holdout", ["holdout", "ni-holdout"], (SAMPLE,), (*_DATASET, "project/datasets/*-holdout"), weight=0.5),
    Command("distill", DISTILL, (IMPORT_AL,)),
    Command("distill longer", [*DISTILL[:5], "8", *DISTILL[6:], "--extend"], (IMPORT_AL, DISTILL)),
    Command("translate", ["translate", "ni", "--to", "Al", "--name", "local/t", "--workers", "1"]),
    Command("relabel", ["relabel", "local/al", "--name", "local/re", *_EMT], (IMPORT_AL,)),
    Command(
        "relabel over another",
        ["relabel", "local/al", "--name", "local/new", "--force", *_EMT],
        (IMPORT_AL, IMPORT_OTHER),
    ),
    Command("augment", ["augment", "local/au", "--from", "ni", "--recipe", "scaled=4", "--workers", "1"], weight=0.5),
    Command("validate --write", ["validate", "local/al", "--write", "--quick"], (IMPORT_AL,)),
    Command("train", TRAIN, (IMPORT_AL,)),
    Command("release", ["release", "ni"], (), _RELEASE),
    Command("release the next", ["release", "ni"], (*RELEASED, worlds.change), _RELEASE),
    Command(
        "pull",
        ["pull", "ni@1.0.0", "--from", "../project/build/releases"],
        RELEASED,
        ("data/foundational/ni/*",),
        where="elsewhere",
    ),
    Command("pull in a project", ["pull", "ni@1.0.0"], (*RELEASED, _without_data), ("project/datasets/ni/data.zarr",)),
    Command("yank", ["yank", "ni@1.0.0", "--reason", "wrong labels"], RELEASED, _RELEASE, weight=0.3),
    Command("export to mace", [*EXPORT, "mace"], (), ("out/export",), weight=0.5),
    Command("export to deepmd, over another", [*EXPORT, "deepmd", "--force"], ([*EXPORT, "mace"],), ("out/export",)),
    Command("card", ["card", "ni", "-o", "../out/card.html"], weight=0.5),
    Command("site", ["site", "-o", "../out/site", "--data"], RELEASED, ("out/site",), weight=0.3),
    Command(
        "publish",
        ["publish", "hf", "ni@1.0.0", "--to", "metals/ni", "--send"],
        RELEASED,
        _RELEASE,
        server="hub",
        environment={"HF_ENDPOINT": "ADDRESS", "HF_TOKEN": "TOKEN"},
        weight=0.6,
    ),
    Command(
        "deposit",
        ["deposit", "ni@1.0.0", "--to", "ADDRESS", "--publish"],
        RELEASED,
        _RELEASE,
        server="invenio",
        environment={"FOUNDATIONAL_DEPOSIT_TOKEN": "TOKEN"},
        weight=0.6,
    ),
    Command("label write", LABEL_WRITE, (), ("out/jobs/????????*", "out/jobs/configurations.zarr"), weight=0.6),
    Command(
        "label collect",
        ["label", "collect", "../out/jobs", "--name", "local/dft"],
        (LABEL_WRITE, _job_folders_move),
        (*_DATASET, "out/jobs"),
    ),
    Command("thermo --write", ["thermo", "ni-npt-solid-32", "--write"], (SAMPLE,), weight=0.3),
    Command(
        "init",
        ["init", "../out/new"],
        weight=0.4,
        folders=("out/new/.dvc",),
        stepwise=("out/new/.dvc", "out/new/.dvcignore"),
    ),
    Command(
        "dvc repro",
        ["repro", "-q"],
        (SAMPLE,),
        ("project/datasets/ni-holdout/data.zarr", "project/datasets/ni-few/data.zarr"),
        program="dvc",
        moments_only=True,
        weight=0.25,
    ),
    Command(
        "dvc repro of a change",
        ["repro", "-q"],
        (SAMPLE, lambda place: print(worlds.dvc(place, "repro", "-q")), _edit_params),
        ("project/datasets/ni-holdout/data.zarr", "project/datasets/ni-few/data.zarr"),
        program="dvc",
        moments_only=True,
        weight=0.25,
    ),
)


def run_program(command: Command) -> None:
    """Become the other program, in this process."""
    arguments = [sys.executable, "-W", "ignore", "-m", str(command.program), *command.arguments]
    done = subprocess.run(arguments, check=False)
    sys.exit(done.returncode)


def serve(kind: str, address: Path) -> None:
    """Run a server in this process, for ever; its address and its token go into a file."""
    sys.path.insert(0, str(worlds.ROOT))
    if kind == "hub":
        from tests.release.hub import hub_server as module
    else:
        from tests.release.deposit import invenio_server as module  # type: ignore[no-redef]
    with module.running() as server:
        text = f"{server.address if kind == 'hub' else server.url} {module.TOKEN}"
        partial = address.with_suffix(".part")
        partial.write_text(text)
        partial.replace(address)
        while True:
            time.sleep(3600)


def filled(text: str, address: str, token: str) -> str:
    """The text with what a server said of itself."""
    return text.replace("ADDRESS", address).replace("TOKEN", token) if text in {"ADDRESS", "TOKEN"} else text


def environment_of(command: Command, place: Path, address: str = "", token: str = "") -> dict[str, str]:
    """Variables for the command in a world."""
    own = {name: filled(value, address, token) for name, value in command.environment.items()}
    return worlds.environment(place) | own | {"TORCH_HOME": os.devnull}
