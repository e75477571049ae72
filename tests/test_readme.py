"""The tasks of docs/start.md work as they stand: in their order, by copy and paste, from a bare clone.

Commands that take minutes are not run: their options are looked up in ``--help``. ``FOUNDATIONAL_README=full`` runs
them too (about ten minutes).

What is printed is compared with what the page shows. There ``…`` stands for any text, and a line of it for any lines.
Where numbers follow from training or from chaotic dynamics, any number passes in place of one that is shown.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

#: Commands whose run takes minutes; their numbers depend on training.
LONG = ("sample", "distill", "validate", "relabel", "release")
#: Commands whose output is compared up to the numbers that it has.
TRAINED = ("sample", "distill", "validate", "release")
_NUMBER = re.compile(r"[-+−±]?\d[\d,]*(?:\.\d+)?")


def tasks(page: str) -> Iterator[tuple[str, list[str]]]:
    """Commands and Python blocks of the numbered tasks, with the lines that the page shows for each."""
    lines = page.partition("\n## 1. ")[2].splitlines()
    command: str | None = None
    shown: list[str] = []
    fence: list[str] | None = None
    for line in lines:
        if line.startswith("```"):
            if fence is None:
                if command and not command.startswith("python"):
                    yield command, shown
                    command, shown = None, []
                fence = []
            elif command is None:
                command, fence = "python\n" + "\n".join(fence), None
            else:
                yield str(command), fence
                command, fence = None, None
        elif fence is not None:
            fence.append(line)
        elif line.startswith("    $ "):
            if command:
                yield command, shown
            command, shown = line.removeprefix("    $ ").partition("  #")[0].strip(), []
        elif line.startswith("    "):
            shown.append(line[4:])
        elif line and command and not command.startswith("python"):
            yield command, shown
            command, shown = None, []
    if command:
        yield command, shown


def missing(shown: list[str], output: str, *, numbers: bool) -> str | None:
    """The first line of ``shown`` that does not follow in ``output``; with ``numbers`` any number is as good."""
    place = 0
    for line in shown:
        if line.strip() in {"", "…"}:
            continue
        parts = re.split(rf"(…|\s+|{_NUMBER.pattern})", line.strip())
        text = "".join(
            r".*?"
            if part == "…"
            else r"\s+"
            if part.isspace()
            else _NUMBER.pattern
            if numbers and _NUMBER.fullmatch(part)
            else re.escape(part)
            for part in parts
        )
        match = re.compile(rf"^\s*{text}\s*$", re.MULTILINE).search(output, place)
        if match is None:
            return line
        place = match.end()
    return None


@pytest.fixture(scope="module")
def page(checkout: Path) -> str:
    return (checkout / "docs" / "start.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def results(checkout: Path) -> str:
    return (checkout / "docs" / "results.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def clone(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme") / "foundational"
    subprocess.run(["git", "clone", "-q", "--depth", "1", checkout.as_uri(), folder], check=True)
    return folder


def environment() -> dict[str, str]:
    scripts = str(Path(sys.executable).parent)
    return os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "400", "PYTHONUTF8": "1"}


def test_the_tasks_print_what_the_page_shows(page: str, clone: Path) -> None:
    everything = os.environ.get("FOUNDATIONAL_README") == "full"
    commands, failures = list(tasks(page)), list[str]()
    for command, shown in commands:
        words = command.split()
        is_own = words[0] == "foundational"
        if is_own and words[1] in LONG and not everything:
            failures += _unknown_options(words, clone)
            continue
        argv = [sys.executable, "-c", command.removeprefix("python\n")] if words[0] == "python" else words
        run = subprocess.run(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=clone, env=environment(), check=False
        )
        if run.returncode:
            failures.append(f"$ {command}\nexit status {run.returncode}: {run.stdout}")
        elif line := missing(shown, run.stdout, numbers=is_own and words[1] in TRAINED):
            failures.append(f"$ {command}\nexpected: {line}\ncame:\n{run.stdout}")
    assert len(commands) >= 12
    assert not failures, "\n\n".join(failures)


def test_blame_prints_what_the_page_on_reviews_shows(checkout: Path) -> None:
    page = (checkout / "docs" / "review.md").read_text(encoding="utf-8")
    found = re.search(r"^    \$ (foundational blame .+)\n((?:    .+\n)+)", page, re.MULTILINE)
    assert found is not None
    run = subprocess.run(found[1].split(), capture_output=True, text=True, cwd=checkout, env=environment(), check=False)
    assert run.returncode == 0, run.stderr
    shown = [line[4:] for line in found[2].splitlines() if "pools/" not in line]  # the pool is not in every clone
    assert missing(shown, run.stdout, numbers=False) is None, run.stdout


def _unknown_options(words: list[str], clone: Path) -> list[str]:
    """Options of a command that its help does not have."""
    run = subprocess.run(
        [*words[:2], "--help"], capture_output=True, text=True, cwd=clone, env=environment(), check=False
    )
    options = [word for word in words if word.startswith("--")]
    return [f"$ {' '.join(words)}\nno option {o}" for o in options if o not in run.stdout or run.returncode]


def test_the_table_of_accuracy_has_the_numbers_of_the_metrics(results: str, checkout: Path) -> None:
    rows = re.findall(r"^\| `([\w-]+)`.*?\| ([\d,]+) \| ([\d.]+) on .*?\| ([\d.]+) \| (.*?) \|$", results, re.M)
    assert [row[0] for row in rows] == ["ni", "ni-5pct", "al", "nb"]
    for name, _, mae, force, crystals in rows:
        report = json.loads((checkout / "metrics" / "validate" / f"{name}.json").read_text(encoding="utf-8"))
        assert float(mae) == pytest.approx(report["mae_meV_per_atom"], rel=0.03)
        assert float(force) == pytest.approx(report["force_mae_meV_per_A"], rel=0.02)
        for shown, crystal in zip(crystals.split(" / "), ("fcc", "bcc", "hcp"), strict=True):
            errors = [network["structures"][crystal]["error_meV"] for network in report["seeds"]]
            assert float(shown.replace("−", "-")) == pytest.approx(max(errors, key=abs), abs=0.051)


def test_the_table_of_what_selection_gains_has_the_numbers_of_the_metrics(results: str, checkout: Path) -> None:
    rows = re.findall(
        r"^\| ([\d,]+) \| ([\d.]+) / ([\d.]+) \| ([\d.]+) / ([\d.]+) \| ([\d.]+) / ([\d.]+) \|$", results, re.M
    )
    assert [row[0] for row in rows] == ["68", "300", "1,200", "3,400"]
    for side, method in enumerate(("random", "informative")):
        path = checkout / "metrics" / "paper" / f"method-{method}-full.json"
        report = json.loads(path.read_text(encoding="utf-8"))
        for budget, *numbers in rows:
            tested = [r[report["test"]] for r in report["rows"] if r["budget"] == int(budget.replace(",", ""))]
            for shown, key in zip(numbers[side::2], ("mae_meV", "p99_meV", "max_meV"), strict=True):
                digits = len(shown.partition(".")[2])
                mean = float(np.mean(np.concatenate([errors[key] for errors in tested])))
                assert float(shown) == pytest.approx(mean, abs=0.51 * 10**-digits), (method, budget, key)


def test_the_readme_is_one_screen_and_its_commands_exist(checkout: Path) -> None:
    readme = (checkout / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 60
    for name in sorted(set(re.findall(r"`foundational ([a-z]+)", readme))):
        run = subprocess.run(["foundational", name, "--help"], capture_output=True, env=environment(), check=False)
        assert run.returncode == 0, name
