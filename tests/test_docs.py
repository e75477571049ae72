"""Pages name only files, anchors, commands, options and functions that exist; `make docs` runs their cells."""

import ast
import importlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import foundational
from foundational.cli.main import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])
#: Pages whose text is of its day.
HISTORY = ("docs/decisions/", "CHANGELOG.md")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """Those that GitHub and the site give to headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for link in re.findall(r"\]\((?![a-z]+:)([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        goal = page.parent / path if path else page
        assert goal.exists(), link
        assert not anchor or anchor in anchors(goal), link


def test_every_page_is_in_the_contents() -> None:
    listed = set(re.findall(r"^([\w/-]+)$", (ROOT / "docs" / "index.md").read_text(encoding="utf-8"), re.MULTILINE))
    pages = {name_of(page).removeprefix("docs/").removesuffix(".md") for page in (ROOT / "docs").rglob("*.md")}
    assert {page for page in pages if not page.startswith("decisions/0")} - listed == {"index"}
    assert {f"examples/{path.stem}" for path in (ROOT / "examples").glob("*.ipynb")} <= listed


def shown_commands(page: Path) -> Iterator[list[str]]:
    """Words of each line that is a call of the command, in blocks, indented lines and backticks."""
    text = re.sub(r"\\\n\s*", " ", page.read_text(encoding="utf-8"))
    for line in text.splitlines():
        bare = line.strip().removeprefix("$ ").removeprefix("!")
        if re.match(r"foundational [a-z-]+( |$)", bare):
            bare = re.split(r"  #| #|[|>;]", bare)[0]
            try:
                yield shlex.split(re.sub(r"<[^>]*>", "X", bare))
            except ValueError:  # a quote that the next line closes
                continue


def unknown(words: list[str], command: Any) -> str | None:
    """The first word that is no command or option of it."""
    for place, word in enumerate(words):
        below = getattr(command, "commands", None)
        if below is not None and not word.startswith("-"):
            if word in below:
                return unknown(words[place + 1 :], below[word])
            return None if command.invoke_without_command else word
        if word.startswith("--"):
            options = {
                option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
            }
            if word.partition("=")[0] not in options | {"--help", "--version", "--install-completion"}:
                return word
    return None


def test_commands_that_pages_show_exist_with_their_options() -> None:
    group = typer.main.get_command(app)
    found: dict[str, Any] = {}
    shown = 0
    for page in PAGES:
        if name_of(page).startswith(HISTORY):
            continue
        for words in shown_commands(page):
            shown += 1
            if (word := unknown(words[1:], group)) is not None:
                found[f"{name_of(page)}: {' '.join(words)}"] = word
    assert shown > 100
    assert found == {}


def test_python_that_pages_show_is_python_and_uses_what_exists() -> None:
    for page in PAGES:
        for source in re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            tree = ast.parse(source)
            for node in ast.walk(tree):
                if (
                    isinstance(node, ast.Attribute)
                    and isinstance(node.value, ast.Name)
                    and node.value.id == "foundational"
                ):
                    assert node.attr in foundational.__all__, f"{name_of(page)}: foundational.{node.attr}"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere cells run without the process")
def test_a_command_of_a_cell_is_run_where_and_as_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that has imported everything gives back streams and status; folder and variables are the caller's."""
    monkeypatch.syspath_prepend(ROOT / "docs")
    warm = importlib.import_module("warm")
    with warm.warm_process(["foundational.cli.main"]) as found:
        for words, status, said in ((["--version"], 0, "foundational "), (["show", "nothing"], 1, str(tmp_path))):
            done = subprocess.run(
                ["foundational", *words],
                env=os.environ | found | {"XDG_DATA_HOME": str(tmp_path)},
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == status, done
            assert said in (done.stderr if status else done.stdout)


def test_the_thermodynamics_that_a_page_shows_are_those_that_are_stored() -> None:
    from foundational.cli.thermo import _lines  # noqa: PLC0415 - these load numba
    from foundational.stages.thermo.stage import ThermoReport  # noqa: PLC0415

    report = ThermoReport.model_validate_json((ROOT / "metrics/thermo/ni-momt-32.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs/sampling.md").read_text(encoding="utf-8")
    shown = page.split("    $ foundational thermo ni-momt-32\n")[1].split("\n\n")[0].splitlines()
    assert [line.removeprefix("    ") for line in shown] == list(_lines(report))
