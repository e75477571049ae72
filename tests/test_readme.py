"""The README's tasks work as they stand: in their order, by copy and paste, from a bare clone.

Commands that take minutes are not run: their options are looked up in ``--help``. ``FOUNDATIONAL_README=full`` runs
them too (about ten minutes).

What is printed is compared with what the README shows. There ``…`` stands for any text, and a line of it for any lines.
Where numbers follow from training or from chaotic dynamics, any number passes in place of one that is shown.
"""

import json
import os
import re
import shutil
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
    """Commands and Python blocks of the section Start, with the lines that the README shows for them."""
    start = page.partition("\n### 1. ")[2].partition("\n## ")[0]
    for block in re.findall(
        r"((?:^    .*\n|^\n(?=    ))+)|```python\n(.*?)```\n+```text\n(.*?)```", start, re.M | re.S
    ):
        if block[1]:
            yield f"python\n{block[1]}", block[2].splitlines()
            continue
        lines = [line[4:] for line in block[0].splitlines()]
        while lines:
            command = lines.pop(0)
            if not command.startswith("$ "):
                continue
            shown = []
            while lines and not lines[0].startswith("$ "):
                shown.append(lines.pop(0))
            yield command[2:].partition("  #")[0].strip(), shown


def pattern(shown: list[str], *, numbers: bool) -> re.Pattern[str]:
    """What the output must match; with ``numbers`` any number is as good as the one that is shown."""
    parts = []
    for line in shown:
        if line.strip() == "…":
            parts.append(r"(?:.*\n)*?")
            continue
        text = "".join(
            r".*?" if piece == "…" else _NUMBER.pattern if numbers and _NUMBER.fullmatch(piece) else re.escape(piece)
            for piece in re.split(rf"(…|{_NUMBER.pattern})", line.rstrip())
        )
        parts.append(re.sub(r"(?:\\ )+", r"\\s+", text) + r"\s*\n" if line.strip() else r"\s*\n")
    return re.compile("".join(parts))


@pytest.fixture(scope="module")
def page(checkout: Path) -> str:
    return (checkout / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def clone(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme") / "foundational"
    subprocess.run(["git", "clone", "-q", "--depth", "1", checkout.as_uri(), folder], check=True)
    return folder


def environment() -> dict[str, str]:
    scripts = str(Path(sys.executable).parent)
    return os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "400", "PYTHONUTF8": "1"}


def test_the_tasks_print_what_the_readme_shows(page: str, clone: Path) -> None:
    everything = os.environ.get("FOUNDATIONAL_README") == "full"
    commands, failures = list(tasks(page)), []
    for command, shown in commands:
        words = command.split()
        is_own = words[0] == "foundational"
        if is_own and words[1] in LONG and not everything:
            failures += _unknown_options(words, clone)
            continue
        argv = [sys.executable, "-c", command.removeprefix("python\n")] if words[0] == "python" else words
        run = subprocess.run(argv, capture_output=True, text=True, cwd=clone, env=environment(), check=False)
        if run.returncode:
            failures.append(f"$ {command}\nexit status {run.returncode}: {run.stderr}")
        elif not pattern(shown, numbers=is_own and words[1] in TRAINED).search(run.stdout + run.stderr):
            failures.append(f"$ {command}\nexpected:\n{chr(10).join(shown)}\ncame:\n{run.stdout}{run.stderr}")
    assert len(commands) >= 12
    assert not failures, "\n\n".join(failures)


def _unknown_options(words: list[str], clone: Path) -> list[str]:
    """Options of a command that its help does not have."""
    run = subprocess.run(
        [*words[:2], "--help"], capture_output=True, text=True, cwd=clone, env=environment(), check=False
    )
    options = [word for word in words if word.startswith("--")]
    return [f"$ {' '.join(words)}\nno option {o}" for o in options if o not in run.stdout or run.returncode]


def test_the_table_of_accuracy_has_the_numbers_of_the_metrics(page: str, checkout: Path) -> None:
    rows = re.findall(r"^\| `([\w-]+)`.*?\| ([\d,]+) \| ([\d.]+) on .*?\| ([\d.]+) \| (.*?) \|$", page, re.M)
    assert [row[0] for row in rows] == ["ni", "ni-5pct", "al", "nb"]
    for name, _, mae, force, crystals in rows:
        report = json.loads((checkout / "metrics" / "validate" / f"{name}.json").read_text(encoding="utf-8"))
        assert float(mae) == pytest.approx(report["mae_meV_per_atom"], rel=0.03)
        assert float(force) == pytest.approx(report["force_mae_meV_per_A"], rel=0.02)
        for shown, crystal in zip(crystals.split(" / "), ("fcc", "bcc", "hcp"), strict=True):
            errors = [network["structures"][crystal]["error_meV"] for network in report["seeds"]]
            assert float(shown.replace("−", "-")) == pytest.approx(max(errors, key=abs), abs=0.051)


def test_the_table_of_what_selection_gains_has_the_numbers_of_the_metrics(page: str, checkout: Path) -> None:
    rows = re.findall(
        r"^\| ([\d,]+) \| ([\d.]+) / ([\d.]+) \| ([\d.]+) / ([\d.]+) \| ([\d.]+) / ([\d.]+) \|$", page, re.M
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


def test_every_page_that_is_named_is_there(page: str, checkout: Path) -> None:
    for source in [checkout / "README.md", *(checkout / "docs").glob("*.md")]:
        text = source.read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
            assert (source.parent / target).exists(), f"{source.name}: {target}"


def test_every_command_that_is_named_exists(page: str) -> None:
    if shutil.which("foundational", path=environment()["PATH"]) is None:
        pytest.skip("the command is not installed")
    for name in sorted(set(re.findall(r"`foundational ([a-z]+)", page))):
        run = subprocess.run(["foundational", name, "--help"], capture_output=True, env=environment(), check=False)
        assert run.returncode == 0, name
