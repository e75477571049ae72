"""Speed and memory of import, check and export; one JSON object with ``--json``.

* ``import_frames_per_s``, ``import_peak_memory_MB``: ``--frames`` configurations of 32 atoms of extended XYZ as ASE
  writes it (positions and forces with eight decimals, energy, stress, config_type), by `import_files`, in a process of
  its own. Imports of modules are not counted in the time, and are in the memory.
* ``import_over_ase``: CPU time of ``ase.io.iread``, which keeps nothing, over that of `import_files`, in turn in one
  process on a tenth of these frames, the best of three each.
* ``check_100k_seconds``: ``foundational check`` of that file as a whole command; of ``--frames`` frames.
* ``export_1200_seconds``: by trainer, the first 1,200 configurations of ``ni``, written, read again by its
  rule and compared. The best of three. Imports of modules are not counted.
* ``export_1200_command_seconds``: whole commands for all of ``ni``, start of Python included. The keys with
  ``cpu_seconds`` are CPU time, which other work on the machine changes less.
* ``aselmdb_over_ase_db_backends``: time of ase-db-backends 0.11, in one ``with`` block, over the time of
  `foundational.interchange.writing.aselmdb`, for ``--frames`` configurations of 32 atoms. The library's time grows as
  the square of the number, so the ratio grows with it; without the package it is null.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator
from ase.db import connect
from ase.io import iread
from ase.io.extxyz import write_extxyz

from foundational.data.batches import take
from foundational.data.conversion import iterate_atoms
from foundational.data.fingerprint import fingerprint
from foundational.data.store import open_store
from foundational.interchange.importing import import_files
from foundational.interchange.writing.aselmdb import write_aselmdb
from foundational.interchange.writing.databases import labelled_atoms
from foundational.interchange.writing.exporting import export_dataset
from foundational.interchange.writing.parts import Part
from foundational.interchange.writing.plan import plan_export
from foundational.interchange.writing.report import Origin
from foundational.interchange.writing.targets import TARGETS

ROOT = Path(__file__).resolve().parents[1]
STORE = ROOT / "datasets" / "ni" / "data.zarr"


def write_frames(path: Path, frames: int) -> None:
    """``frames`` configurations of 32 atoms, those of ``ni`` moved a little, as ASE writes them."""
    rng = np.random.default_rng(0)
    known = list(iterate_atoms(open_store(STORE).load().drop_vars("split")))
    with path.open("w", encoding="utf-8") as stream:
        for i in range(frames):
            source = known[i % len(known)]
            atoms = source.copy()
            atoms.info = {"config_type": "bulk"}
            atoms.positions += rng.uniform(-0.01, 0.01, 3)
            results = {name: value for name, value in source.calc.results.items() if name != "energies"}
            atoms.calc = SinglePointCalculator(atoms, **results)
            write_extxyz(stream, [atoms])


def import_speed(path: Path, few: Path) -> dict[str, float]:
    """Frames a second and peak memory of an import, and the time of ASE over it."""
    code = (
        "import resource, sys, time\n"
        "from pathlib import Path\n"
        "from foundational.interchange.importing import import_files\n"
        "import dask.array\n"  # xarray imports it for the first dataset
        "begin = time.perf_counter()\n"
        "found = import_files([Path(sys.argv[1])])\n"
        "seconds = time.perf_counter() - begin\n"
        "print(found.report.configurations / seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)\n"
    )
    run = subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True)
    rate, memory = map(float, run.stdout.split())

    def imported() -> None:
        import_files([few])

    def read_by_ase() -> None:
        for _ in iread(few, index=":", format="extxyz"):
            pass

    imported()
    seconds: dict[str, list[float]] = {"import": [], "ase": []}
    for _ in range(3):
        seconds["import"].append(timed(imported, time.process_time))
        seconds["ase"].append(timed(read_by_ase, time.process_time))
    return {
        "import_frames_per_s": rate,
        "import_peak_memory_MB": memory,
        "import_over_ase": min(seconds["ase"]) / min(seconds["import"]),
    }


def command_seconds(*arguments: str) -> tuple[float, float]:
    """Seconds of one ``foundational`` command, and of CPU time; one that finds defects in the data is no error."""
    command = [sys.executable, "-m", "foundational.cli.main", *arguments]
    begin, used = time.perf_counter(), _children()
    run = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    if run.returncode not in (0, 1) or "Traceback" in run.stderr:
        raise RuntimeError(f"{' '.join(command)}: {run.stderr}")
    return time.perf_counter() - begin, _children() - used


def _children() -> float:
    """CPU seconds of all processes that this one has started and that ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def export_seconds(folder: Path) -> dict[str, float]:
    """By trainer: the best of three exports of 1,200 configurations of ``ni``."""
    dataset = take(open_store(STORE).load(), np.arange(1200))
    origin = Origin("ni", "1.0.0", fingerprint(dataset))
    found = {}
    for name, target in TARGETS.items():
        times = []
        for attempt in range(3):
            begin = time.perf_counter()
            export_dataset(dataset, origin, target, folder / f"{name}-{attempt}")
            times.append(time.perf_counter() - begin)
        found[name] = min(times)
    return found


def repeated(frames: int) -> Part:
    """``frames`` configurations of 32 atoms, those of ``ni`` again and again."""
    dataset = open_store(STORE).load()
    rows = np.resize(np.arange(dataset.sizes["configuration"]), frames)
    (part,) = plan_export(take(dataset, rows).drop_vars("split"), TARGETS["fairchem"].demands).parts
    return part.whole()


def aselmdb(frames: int, folder: Path) -> dict[str, float | None]:
    """Seconds of both writers and their ratio."""
    part = repeated(frames)
    seconds = timed(lambda: write_aselmdb(part, folder / "direct"))
    if find_spec("ase_db_backends") is None:
        return {"aselmdb_over_ase_db_backends": None, "aselmdb_seconds": seconds, "ase_db_backends_seconds": None}
    atoms = [labelled_atoms(part, i) for i in range(min(frames, 1200))]

    def library() -> None:
        with connect(str(folder / "library.aselmdb"), type="aselmdb") as database:
            for i in range(frames):
                database.write(atoms[i % len(atoms)], data={"sid": part.ids[i]})

    theirs = timed(library)
    return {
        "aselmdb_over_ase_db_backends": theirs / seconds,
        "aselmdb_seconds": seconds,
        "ase_db_backends_seconds": theirs,
    }


def timed(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds that ``work`` takes."""
    begin = clock()
    work()
    return clock() - begin


def main() -> None:
    """Measure what is asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--frames", type=int, default=100_000, help="configurations of the text file and of the LMDB")
    parser.add_argument("--only", choices=["import", "check", "export", "aselmdb"], help="measure one of them")
    arguments = parser.parse_args()
    result: dict[str, Any] = {"load_average": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as folder:
        path, few = Path(folder) / "frames.xyz", Path(folder) / "few.xyz"
        if arguments.only in (None, "import", "check"):
            result["frames"] = arguments.frames
            write_frames(path, arguments.frames)
        if arguments.only in (None, "import"):
            write_frames(few, max(1000, arguments.frames // 10))
            result |= import_speed(path, few)
        if arguments.only in (None, "check"):
            result["check_100k_seconds"], result["check_100k_cpu_seconds"] = command_seconds("check", str(path))
        if arguments.only in (None, "export"):
            result["export_1200_seconds"] = export_seconds(Path(folder))
            commands = {
                name: command_seconds("export", "ni", "--for", name, "-o", f"{folder}/command-{name}")
                for name in TARGETS
            }
            result["export_1200_command_seconds"] = {name: wall for name, (wall, _) in commands.items()}
            result["export_1200_command_cpu_seconds"] = {name: cpu for name, (_, cpu) in commands.items()}
        if arguments.only in (None, "aselmdb"):
            result["aselmdb_frames"] = arguments.frames
            result |= aselmdb(arguments.frames, Path(folder))
    if arguments.json:
        print(json.dumps(result, indent=2))
        return
    for key, value in result.items():
        print(f"{key:<30} {json.dumps(value)}")


if __name__ == "__main__":
    main()
