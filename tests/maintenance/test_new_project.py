"""A new project is whole, its settings are those of the package, and nothing that was there changes."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from foundational.cli.main import app
from foundational.defaults import DEFAULTS
from foundational.errors import ConflictError, InputError
from foundational.maintenance.new_project import init_project
from foundational.project import find_root
from foundational.specs.params import read_params
from foundational.specs.parsing import read_yaml
from foundational.specs.potentials import PotentialRegistry

#: Sections of named pools and sets, which a new project has none of.
EMPTY = (
    "sample.pools",
    "holdout",
    "distill",
    "translate.sets",
    "alloys.sets",
    "augment",
    "relabel",
    "validate.datasets",
    "validate.references",
)


def initialised(folder: Path, *options: str) -> str:
    """What the command says."""
    done = CliRunner().invoke(app, ["init", str(folder), *options])
    assert done.exit_code == 0, done.exception
    return done.stdout


def staged(root: Path) -> set[str]:
    run = subprocess.run(
        ["git", "diff", "--cached", "--name-only", "--relative"], cwd=root, check=True, capture_output=True, text=True
    )
    return set(run.stdout.split())


def test_the_settings_of_a_new_project_are_those_of_the_package():
    content: dict[str, Any] = read_yaml(DEFAULTS / "params.yaml")
    for path in EMPTY:
        *above, last = path.split(".")
        section = content
        for key in above:
            section = section[key]
        section[last] = {}
    del (
        content["paper"],
        content["compounds"],
        content["pairs"],
        content["translate"]["parity"],
        content["translate"]["metals"],
    )
    content["validate"]["gates"]["mae"] = None
    assert read_yaml(DEFAULTS / "project" / "params.yaml") == content


def test_a_new_project_has_what_the_commands_read_and_git_holds_it(tmp_path: Path):
    first, new_repository, written, following = initialised(tmp_path / "new").splitlines()
    root = tmp_path / "new"
    assert first == f"{root} is a project now"
    assert new_repository == "  git init: it was in no git repository"
    assert following == "next: README.md says the next three commands"
    assert find_root(root) == root
    assert not read_params(root / "params.yaml").distill
    assert {p.id for p in PotentialRegistry.read(root).potentials} == {
        p.id for p in PotentialRegistry.read(DEFAULTS).potentials
    }
    assert written.startswith("  new: ")
    assert set(written.removeprefix("  new: ").split(", ")) | {".dvc/.gitignore"} == staged(root)
    assert "url = ../datasets/.store" in (root / ".dvc" / "config").read_text(encoding="utf-8")


def test_an_existing_repository_keeps_its_files(tmp_path: Path):
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "README.md").write_text("mine", encoding="utf-8")
    (tmp_path / ".gitignore").write_text("/build/\n*.log", encoding="utf-8")
    made = json.loads(initialised(tmp_path / "below", "--json"))
    assert not made["new_repository"]
    assert (tmp_path / "below" / ".dvc").is_dir()
    (tmp_path / "dvc.yaml").write_text("stages: {}\n", encoding="utf-8")
    with pytest.raises(ConflictError, match=r"dvc.yaml in .* would be overwritten; nothing was written"):
        init_project(tmp_path)
    assert not (tmp_path / "params.yaml").exists()
    (tmp_path / "dvc.yaml").unlink()
    said = initialised(tmp_path)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "mine"
    assert "git init" not in said
    assert "  lines appended: .gitignore\n" in said
    assert said.endswith("next: datasets/README.md says the next three commands\n")
    lines = (tmp_path / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["/build/", "*.log"]
    assert lines.count("/build/") == 1


def test_a_killed_init_is_completed_by_the_next_one(tmp_path: Path):
    made = init_project(tmp_path)
    whole = staged(made.root)
    (made.root / "dvc.yaml").unlink()
    (made.root / ".dvcignore").unlink()
    again = init_project(made.root)
    assert again.readme == "README.md"
    assert staged(made.root) == whole
    assert all((made.root / name).is_file() for name in made.written)


def test_programs_that_were_killed_within_init_are_no_hindrance(tmp_path: Path):
    """DVC stopped before it had written all, git while it held its lock, which nobody but the user may remove."""
    root = tmp_path / "new"
    (root / ".dvc" / "tmp").mkdir(parents=True)
    (root / ".dvc" / "config").touch()
    subprocess.run(["git", "init", "--quiet", root], check=True)
    lock = root / ".git" / "index.lock"
    lock.touch()
    with pytest.raises(ConflictError, match=r"where none runs, remove /.*/index\.lock and run the command again"):
        init_project(root)
    lock.unlink()
    made = init_project(root)
    assert {".dvc/.gitignore", ".dvc/config"} <= staged(made.root)


def test_a_file_is_no_folder(tmp_path: Path):
    (tmp_path / "x").touch()
    with pytest.raises(InputError, match="expected a folder"):
        init_project(tmp_path / "x")
