"""The notebooks in examples/ run as they stand, in folders that are no project, with what was pulled alone.

Their cells run here with smaller numbers, in one process; `make docs` runs them as they are.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import foundational
from foundational.release.registry.version import parse_dataset_version
from foundational.release.transfer.retrieval import pull

#: What the cell tagged ``parameters`` is set to, and lines that must be printed, in their order.
NOTEBOOKS = {
    "look": ("", ["energy -", "configurations are liquid", "CC-BY-4.0 | lammps:NiNb"]),
    "carry": (
        "frames, members, steps = 60, 1, 200",
        ["local/cu", "ANI network for Cu", "1 networks", "('Cu',)"],
    ),
    "vasp": (
        "",
        [
            "7 runs, such as vasp/run-1/vasprun.xml",
            "free_energy",
            "local/al: 7 configurations, no defect",
            "'functional': 'PBE'",
            "read again by its rule and equal",
        ],
    ),
}
#: Runs the sources of a notebook as IPython does where it matters here: what a cell ends with is shown, and of a cell
#: for the shell every call of the command is run.
RUNNER = """
import ast, glob, json, os, shlex, sys
from typer.testing import CliRunner
from foundational.cli.main import app

def shell(text):
    for line in text.splitlines()[1:]:
        words = shlex.split(os.path.expandvars(line.partition(" > ")[0]))
        words = [name for word in words for name in (sorted(glob.glob(word)) if "*" in word else [word])]
        if words[0] == "foundational":
            done = CliRunner().invoke(app, words[1:])
            print(done.output)
            assert done.exit_code == 0, (line, done.output, done.exception)

for folder, cells in json.loads(sys.stdin.read()):
    os.makedirs(folder), os.chdir(folder)
    names = {"__name__": "__main__"}
    for cell in cells:
        if cell.startswith("%%bash"):
            shell(cell)
            continue
        tree = ast.parse(cell)
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            tree.body[-1].value = ast.Call(ast.Name("print", ast.Load()), [tree.body[-1].value], [])
        exec(compile(ast.fix_missing_locations(tree), folder, "exec"), names)
"""


@pytest.fixture(scope="module")
def printed(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What all notebooks print, one after another."""
    place = tmp_path_factory.mktemp("examples")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(place / "home"))
        patch.setenv("XDG_DATA_HOME", str(place / "home" / "share"))
        patch.setenv("FOUNDATIONAL_EXAMPLES", str(checkout / "examples"))
        patch.setenv("MPLBACKEND", "agg")
        (place / "empty").mkdir()
        patch.chdir(place / "empty")
        pull(parse_dataset_version("ni@2.1.1"), str(checkout))
        work = []
        for name, (smaller, _) in NOTEBOOKS.items():
            cells = json.loads((checkout / "examples" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
            sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
            code = [cell for cell in cells if cell["cell_type"] == "code"]
            for number, cell in enumerate(code):
                if "parameters" in cell["metadata"].get("tags", ()):
                    sources[number] += f"\n{smaller}"
            work.append((str(place / name), sources))
        run = subprocess.run(
            [sys.executable, "-c", RUNNER], input=json.dumps(work), check=False, capture_output=True, text=True
        )
        assert run.returncode == 0, run.stdout + run.stderr
        model = foundational.load_model(place / "carry" / "translated.model")
        assert model.elements == ("Cu",)
    return run.stdout


def test_notebooks_run_and_print_what_they_promise(printed: str) -> None:
    rest = printed
    for name, (_, lines) in NOTEBOOKS.items():
        for line in lines:
            before, found, rest = rest.partition(line)
            assert found, f"{name}: {line} is not printed after …{before[-2000:]}"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_are_kept_with_their_output(checkout: Path, name: str) -> None:
    cells = json.loads((checkout / "examples" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells if cell["cell_type"] == "code" for output in cell["outputs"]]
    assert outputs
    assert not [output for output in outputs if output["output_type"] == "error"]
