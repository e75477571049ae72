"""What commands cost for 10⁴, 10⁵ and 10⁶ configurations of 32 atoms, and how the cost grows.

``python benchmarks/scale.py --json`` prints one object:

* ``exponents``: of CPU time by the number of configurations, by command: the slope of a straight line through the
  logarithms (least squares). The time that a command takes for 1,000 configurations, which is that of its start, is
  subtracted first. Short commands that write nothing are run five times, and the shortest time counts. Sizes whose
  time exceeds that of the start by less than 0.2 s say nothing and are excluded; with fewer than two sizes left the
  exponent is null;
* ``cpu_seconds_1e6``, ``peak_memory_MB_1e6``: of each command, user and system time and largest resident memory of its
  process, at the largest size (the name of the key has that size where ``--sizes`` asks for others);
* ``query_seconds_1e6``: ``elements has Ni and pressure > 5 GPa`` by the index, which is there already;
  ``index_seconds_1e6``: making the index, which happens at the first question;
* ``batches_over_aselmdb``: CPU time of a random batch of 64 configurations from ASE's LMDB database of 20,000 of them,
  each row read by its number, over that of a batch of ``dataset.batches(64)`` of all of them, with all reading;
* ``files_1e6``, ``bytes_1e6``: files and size of the store; ``write_seconds_1e6``: its streaming writer, null with data
  that were there already.

The data are synthetic (``scale_sets.py``). ``--sizes 1e4 1e5`` runs smaller ones, ``--commands check,diff`` some of the
commands. ``relabel`` uses the EAM potential of Ni and Nb. ``evaluate`` tests one small network. ``release`` makes the
bundle of a holdout, with its checks and its verification; ``bundle`` verifies the zip. ``translate`` needs
``--elements Ni``.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from ase.db import connect
from scale_sets import project, release_project, small_model

import foundational
from foundational.data.query.index import stored_index
from foundational.data.query.selection import rows_where
from foundational.interchange.writing.aselmdb import write_aselmdb
from foundational.interchange.writing.plan import plan_export
from foundational.interchange.writing.targets import TARGETS

START: Final = 1_000
#: s above the time of the start.
MEASURABLE: Final = 0.2
#: What writes nothing is run several times where it takes less than this, s: the start of Python and the clearing of
#: memory by the system vary by a tenth, and at 10⁵ configurations a few hundredths of a second decide the exponent.
BRIEF: Final = 10.0
REPEATS: Final = 5
READING: Final = {"fingerprint", "check", "diff", "verify", "show", "where"}
QUESTION: Final = "elements has Ni and pressure > 5 GPa"
CLI: Final = "import sys; from foundational.cli.main import run; run()"
#: What is measured, by command; {a} and {b} are two versions of one dataset, {out} is a folder that does not exist,
#: {releases} is a repository in which the dataset can be released.
COMMANDS: Final[dict[str, list[str]]] = {
    "fingerprint": [
        "-c",
        "import sys\nfrom foundational.data.store import open_store as opened\n"
        "from foundational.data.fingerprint import fingerprint\n"
        "fingerprint(opened(sys.argv[1]))",
        "{a}/data.zarr",
    ],
    "check": ["-c", CLI, "check", "{a}"],
    "diff": ["-c", CLI, "diff", "{a}", "{b}"],
    "verify": ["-c", CLI, "verify", "local/a", "--root", "{root}"],
    "show": ["-c", CLI, "show", "local/a", "--root", "{root}"],
    "where": ["-c", CLI, "show", "local/a", "--root", "{root}", "--where", QUESTION],
    "export": ["-c", CLI, "export", "local/a", "--for", "deepmd", "-o", "{out}", "--root", "{root}"],
    "relabel": [
        "-c", CLI, "relabel", "local/a", "--labeller", "lammps:NiNb", "--name", "local/relabelled", "--root", "{root}"
    ],
    "translate": [
        "-c", CLI, "translate", "local/a", "--to", "Nb", "--labeller", "lammps:NiNb", "--crystals", "none",
        "--name", "local/translated", "--root", "{root}",
    ],
    "evaluate": ["-c", CLI, "evaluate", "{model}", "local/a", "--root", "{root}"],
    "release": ["-c", CLI, "release", "large", "--root", "{releases}"],
    "bundle": ["-c", CLI, "verify", "{releases}/build/releases/large/large-1.0.0.zip"],
    "distill": [
        "-c", CLI, "distill", "local/chosen", "--from", "local/a", "--frames", "1200", "--method", "random",
        "--root", "{root}",
    ],
}  # fmt: skip
USUAL: Final = tuple(name for name in COMMANDS if name != "translate")


def measured(arguments: list[str], cwd: Path) -> tuple[float, float]:
    """CPU seconds and peak memory, MB, of Python with ``arguments`` in its own process."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    result = cwd / "cost.txt"
    report = (
        "import atexit, pathlib, re, resource\n"
        "def _report():\n"
        "    peak = re.search(r'VmHWM:\\s*(\\d+)', pathlib.Path('/proc/self/status').read_text())[1]\n"
        "    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]\n"
        "    spent = sum(one.ru_utime + one.ru_stime for one in used)\n"
        f"    pathlib.Path({str(result)!r}).write_text(f'{{spent}} {{peak}}')\n"
        "atexit.register(_report)\n"
    )
    command = [sys.executable, arguments[0], report + arguments[1], *arguments[2:]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(f"{' '.join(arguments[2:])} ended with {done.returncode}: {done.stderr[-600:]}\n")
    spent, kibibytes = map(float, result.read_text().split())
    return spent, kibibytes / 1024


def costs(root: Path, names: list[str], model: Path | None) -> dict[str, tuple[float, float]]:
    """CPU seconds and peak memory of each command."""
    found = {}
    releases = root / "releases"
    shutil.rmtree(releases, ignore_errors=True)
    if {"release", "bundle"} & set(names):
        release_project(releases, root)
    for name in names:
        places = {
            "a": root / "datasets" / "local" / "a",
            "b": root / "datasets" / "local" / "b",
            "out": root / "exported",
            "root": root,
            "releases": releases,
            "model": model or "",
        }
        arguments = [part.format(**places) if "{" in part else part for part in COMMANDS[name]]
        found[name] = measured(arguments, root)
        if name in READING and found[name][0] < BRIEF:
            found[name] = min(found[name], *(measured(arguments, root) for _ in range(REPEATS - 1)))
        sys.stderr.write(f"{name}: {found[name][0]:.1f} s, {found[name][1]:.0f} MB\n")
        shutil.rmtree(root / "exported", ignore_errors=True)
        for made in ("relabelled", "translated", "chosen"):
            shutil.rmtree(root / "datasets" / "local" / made, ignore_errors=True)
    shutil.rmtree(releases, ignore_errors=True)
    return found


def seconds(work: Callable[[], Any]) -> float:
    """CPU time of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def questions(root: Path) -> dict[str, float]:
    """Making the index, and one question to it."""
    store = root / "datasets" / "local" / "a" / "data.zarr"
    making = seconds(lambda: stored_index(store, root / "index"))
    index = stored_index(store, root / "index")
    rows_where("atoms > 0", index)  # imports pyarrow
    return {
        "index_seconds": making,
        "query_seconds": min(
            seconds(lambda: rows_where("elements has Ni and pressure > 5 GPa", index)) for _ in range(3)
        ),
    }


def random_batches(root: Path, count: int = 200) -> dict[str, float]:
    """Random batches of 64 of a dataset and of ASE's LMDB database with the same configurations."""
    folder = root / "datasets" / "local" / "a"
    dataset = foundational.open_dataset(folder)
    few = dataset[: min(len(dataset), 20_000)]
    (part, *_) = plan_export(few.xarray.drop_vars("split"), TARGETS["fairchem"].demands).parts
    write_aselmdb(part, root / "lmdb")
    rng = np.random.default_rng(0)

    def theirs() -> None:
        with connect(
            str(root / "lmdb" / "data.0000.aselmdb"), type="aselmdb", readonly=True, use_lock_file=False
        ) as rows:
            for _ in range(count // 10):
                for number in rng.integers(0, len(few), 64).tolist():
                    row = rows._get_row(number + 1)
                    assert row.positions.shape == row.forces.shape

    def own() -> None:
        batches = dataset.batches(64, memory="1 GB")
        for _, batch in zip(range(len(batches)), batches, strict=False):
            assert batch["positions"].shape == batch["forces"].shape

    theirs_ms = 1e3 * seconds(theirs) / (count // 10)
    own_ms = 1e3 * seconds(own) / -(-len(dataset) // 64)
    shutil.rmtree(root / "lmdb")
    return {"batch_ms": own_ms, "batch_ms_aselmdb": theirs_ms, "batches_over_aselmdb": theirs_ms / own_ms}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--sizes", type=float, nargs="+", default=[1e4, 1e5, 1e6], help="configurations")
    parser.add_argument("--commands", default=",".join(USUAL), help=f"some of {', '.join(COMMANDS)}")
    parser.add_argument("--model", type=Path, help="a model file, for evaluate; default: a small one is trained")
    parser.add_argument("--elements", choices=["Ni", "NiNb"], default="NiNb", help="Ni: for translate")
    parser.add_argument("--folder", type=Path, help="where the data are written; default: a temporary folder")
    parser.add_argument("--keep", type=Path, help="folder whose data are used, and made where they are missing")
    arguments = parser.parse_args()
    names = [name for name in arguments.commands.split(",") if name]
    sizes = sorted(int(size) for size in arguments.sizes)
    by_size: dict[int, dict[str, tuple[float, float]]] = {}
    figures: dict[str, Any] = {}
    model = arguments.model
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        for size in (START, *sizes):
            root = (arguments.keep or Path(temporary)) / str(size)
            there = (root / "datasets" / "local" / "b" / "provenance.json").is_file()
            writing = None if there else project(root, size, alloys=arguments.elements == "NiNb")
            if model is None and "evaluate" in names:
                model = small_model(root, Path(temporary) / "model")
            by_size[size] = costs(root, names, model)
            if size == sizes[-1]:
                store = root / "datasets" / "local" / "a" / "data.zarr"
                files = [path.stat().st_size for path in store.rglob("*") if path.is_file()]
                figures |= {"files": len(files), "bytes": sum(files), "write_seconds": writing}
                figures |= questions(root) | random_batches(root)
            if arguments.keep is None:
                shutil.rmtree(root)
    largest = by_size[sizes[-1]]
    figures["cpu_seconds"] = {name: cost[0] for name, cost in largest.items()}
    figures["peak_memory_MB"] = {name: cost[1] for name, cost in largest.items()}
    label = f"{sizes[-1]:.0e}".replace("+0", "").replace("+", "")
    figures = {name if name.startswith("batch") else f"{name}_{label}": value for name, value in figures.items()}
    if len(sizes) > 1:
        figures["exponents"] = {
            name: exponent([(size, by_size[size][name][0] - by_size[START][name][0]) for size in sizes])
            for name in names
        }
    figures["sizes"] = sizes
    figures["cpu_seconds_by_size"] = {str(s): {n: c[0] for n, c in by_size[s].items()} for s in (START, *sizes)}
    print(json.dumps(figures, indent=2) if arguments.json else "\n".join(f"{k}: {v}" for k, v in figures.items()))


def exponent(points: list[tuple[int, float]]) -> float | None:
    """Of the time by the size; None where fewer than two times can be distinguished from that of the start."""
    clear = np.array([(size, spent) for size, spent in points if spent > MEASURABLE])
    return float(np.polyfit(*np.log(clear).T, 1)[0]) if len(clear) > 1 else None


if __name__ == "__main__":
    main()
