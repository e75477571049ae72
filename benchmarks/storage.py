"""Reading, opening, hashing and checking datasets, compared with ASE's formats in one run.

``python benchmarks/storage.py --json`` prints one object:

* ``read_over_extxyz``, ``read_over_ase_db``: time of ASE for the forces of 3,400 × 32 atoms from an extxyz file and
  from its SQLite database, divided by the time of opening this project's store and reading the same forces;
* ``open_ms``: opening a dataset; ``import_seconds``: ``import foundational`` in a new process;
* ``fingerprint_20000x108_seconds``, ``verify_…``, ``check_…``, ``copy_…`` and the additional memory of a streamed copy;
* ``diff_20000x108_seconds``: comparing two such datasets that differ in one label, and its memory;
* ``files_*``, ``add_*``, ``push_*``, ``pull_*``, ``status_*``: the number of files of 4,000 configurations of 32 atoms
  as stored (sharded), with one chunk per configuration (unsharded) and as extxyz, and the seconds that DVC takes to
  add them, push them to a folder, pull and compare them; ``push_over_unsharded``: unsharded divided by sharded;
* ``help_seconds``: ``foundational --help`` in a new process;
* ``chunks``: by number of atoms per chunk, milliseconds to read all positions of 20,000 × 108 atoms and those of ten
  scattered configurations. They are the reason for 16,384 atoms per chunk in the layout.
"""

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase.db
import ase.io
import numpy as np
import xarray as xr
import zarr
from ase.build import bulk
from zarr.codecs import Crc32cCodec, ZstdCodec

from foundational.data.checks import check_dataset
from foundational.data.configurations import Configurations, Labels
from foundational.data.conversion import iterate_atoms, to_dataset
from foundational.data.extxyz import read_extxyz, write_extxyz
from foundational.data.fingerprint import fingerprint
from foundational.data.store import open_store, verify_store, write_dataset


def seconds(work: Callable[[], Any], repeats: int = 5) -> float:
    """The shortest of several times."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def rattled_nickel(count: int, repeat: int) -> xr.Dataset:
    """``count`` rattled FCC cells with labels of the right shape and entropy."""
    rng = np.random.default_rng(0)
    crystal = bulk("Ni", a=3.52, cubic=True) * repeat
    n = len(crystal)
    positions = crystal.positions + rng.normal(scale=0.1, size=(count, n, 3))
    batch = Configurations(
        np.full(count, n, np.int32),
        np.tile(crystal.cell.array, (count, 1, 1)),
        np.ones((count, 3), bool),
        np.full(count * n, 28, np.uint8),
        positions.reshape(-1, 3).astype(np.float32),
    )
    forces = rng.normal(size=(count, n, 3)).astype(np.float32)
    forces -= forces.mean(axis=1, keepdims=True)
    atomic = rng.normal(-4.4, 0.1, (count, n)).astype(np.float32)
    stress = rng.normal(scale=0.01, size=(count, 3, 3))
    labels = Labels(
        atomic.sum(axis=1, dtype=np.float64),
        forces.reshape(-1, 3),
        stress + stress.transpose(0, 2, 1),
        atomic.reshape(-1),
    )
    step = np.arange(count) * 100
    return to_dataset(batch.with_labels(labels), walker=np.zeros(count), step=step, split=step % 1000 == 0)


def peers(folder: Path) -> dict[str, float]:
    """This store, extxyz and an ASE database with the same 3,400 configurations of 32 atoms."""
    dataset = rattled_nickel(3400, 2)
    store, text, database = folder / "ni.zarr", folder / "ni.xyz", folder / "ni.db"
    write_dataset(dataset, store)
    write_extxyz(dataset, text)
    with ase.db.connect(database) as connection:
        for atoms in iterate_atoms(dataset):
            connection.write(atoms)
    assert fingerprint(read_extxyz(text)) == fingerprint(open_store(store))

    def open_and_read() -> Any:
        return open_store(store)["forces"].to_numpy()

    ours = seconds(open_and_read)
    extxyz = seconds(lambda: [a.arrays["REF_forces"] for a in ase.io.iread(text, ":")], 2)
    rows = seconds(lambda: [row.forces for row in ase.db.connect(database).select()], 2)
    return {
        "read_seconds": ours,
        "read_extxyz_seconds": extxyz,
        "read_ase_db_seconds": rows,
        "read_over_extxyz": extxyz / ours,
        "read_over_ase_db": rows / ours,
        "open_ms": 1e3 * seconds(lambda: open_store(store), 20),
    }


def large(folder: Path) -> dict[str, float]:
    """Streaming passes over 20,000 configurations of 108 atoms."""
    store = folder / "large.zarr"
    write_dataset(rattled_nickel(20_000, 3), store)
    copy = (
        "import re, sys, time; from pathlib import Path; from foundational.data.store import *\n"
        "peak = lambda: int(re.search(r'VmHWM:\\s*(\\d+)', Path('/proc/self/status').read_text())[1])\n"
        "lazy = open_store(sys.argv[1]); before = peak(); start = time.perf_counter()\n"
        "write_dataset(lazy, sys.argv[2])\n"
        "print(time.perf_counter() - start, peak() - before)"
    )
    output = subprocess.check_output([sys.executable, "-c", copy, store, folder / "copy.zarr"], text=True)
    duration, kibibytes = map(float, output.split())
    relabelled = open_store(store).load()
    relabelled["energy"][7] += 1.0
    write_dataset(relabelled, folder / "relabelled.zarr")
    del relabelled
    compare = (
        "import re, sys, time; from pathlib import Path; start = time.perf_counter()\n"
        "from foundational.release.comparison.difference import difference\n"
        "from foundational.release.comparison.compared_dataset import open_compared\n"
        "with open_compared(sys.argv[1], None) as a, open_compared(sys.argv[2], None) as b: found = difference(a, b)\n"
        "assert (found.added, found.removed, found.relabelled) == (0, 0, 1)\n"
        "peak = re.search(r'VmHWM:\\s*(\\d+)', Path('/proc/self/status').read_text())[1]\n"
        "print(time.perf_counter() - start, peak)"
    )
    output = subprocess.check_output(
        [sys.executable, "-c", compare, store, folder / "relabelled.zarr"], text=True, cwd=folder
    )
    diff_seconds, diff_kibibytes = map(float, output.split())
    return {
        "fingerprint_20000x108_seconds": seconds(lambda: fingerprint(open_store(store)), 3),
        "verify_20000x108_seconds": seconds(lambda: verify_store(store), 3),
        "check_20000x108_seconds": seconds(lambda: check_dataset(open_store(store)), 1),
        "diff_20000x108_seconds": diff_seconds,
        "diff_20000x108_MB": diff_kibibytes / 1024,
        "copy_20000x108_seconds": duration,
        "copy_20000x108_added_MB": kibibytes / 1024,
        "size_20000x108_MB": sum(p.stat().st_size for p in store.rglob("*") if p.is_file()) / 1e6,
        "peak_memory_MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def moved(folder: Path) -> dict[str, float]:
    """Seconds that DVC takes to track, push, pull and compare the same 4,000 configurations in three layouts."""
    dataset = rattled_nickel(4000, 2)
    figures: dict[str, float] = {}
    for layout in ("sharded", "unsharded", "extxyz"):
        place = folder / f"dvc-{layout}"
        (place / "data").mkdir(parents=True)
        if layout == "extxyz":
            write_extxyz(dataset, place / "data" / "data.xyz")
        else:
            write_dataset(dataset, place / "data" / "data.zarr")
        if layout == "unsharded":
            group = zarr.open_group(place / "data" / "data.zarr", mode="a")
            for name in ("positions", "forces"):
                values = dataset[name].to_numpy()
                array = group.create_array(name, data=values, chunks=(32, 3), overwrite=True)
                assert array.shards is None
        figures[f"files_{layout}"] = sum(p.is_file() for p in (place / "data").rglob("*"))

        def dvc(*arguments: str, place: Path = place) -> float:
            start = time.perf_counter()
            subprocess.run([sys.executable, "-m", "dvc", *arguments, "-q"], cwd=place, check=True)
            return time.perf_counter() - start

        dvc("init", "--no-scm")
        dvc("remote", "add", "-d", "folder", str(folder / f"remote-{layout}"))
        figures[f"add_{layout}_seconds"] = dvc("add", "data")
        figures[f"push_{layout}_seconds"] = dvc("push")
        shutil.rmtree(place / "data")
        shutil.rmtree(place / ".dvc" / "cache")
        figures[f"pull_{layout}_seconds"] = dvc("pull")
        figures[f"status_{layout}_seconds"] = dvc("status")
    figures["push_over_unsharded"] = figures["push_unsharded_seconds"] / figures["push_sharded_seconds"]
    return figures


def chunks(folder: Path) -> dict[str, dict[str, float]]:
    """Milliseconds to read all configurations and ten scattered ones, by atoms per chunk."""
    rng = np.random.default_rng(1)
    values = rng.random((20_000 * 108, 3), dtype=np.float32)
    scattered = (np.sort(rng.choice(20_000, 10, replace=False))[:, None] * 108 + np.arange(108)).reshape(-1)
    table = {}
    for atoms in (4_096, 16_384, 65_536, 131_072):
        array = zarr.create_array(
            folder / f"{atoms}.zarr",
            shape=values.shape,
            dtype=values.dtype,
            chunks=(atoms, 3),
            shards=(1_048_576, 3),
            compressors=[ZstdCodec(level=3), Crc32cCodec()],
        )
        array[:] = values
        table[str(atoms)] = {
            "all_ms": 1e3 * seconds(lambda array=array: array[:]),
            "ten_ms": 1e3 * seconds(lambda array=array: array.oindex[scattered, slice(None)]),
        }
    return table


def starting() -> dict[str, float]:
    """Median times of ``import foundational`` and ``foundational --help`` in new processes."""
    code = "import time; t = time.perf_counter(); import foundational; print(time.perf_counter() - t)"
    command = Path(sys.executable).with_name("foundational")
    helps = [seconds(lambda: subprocess.check_output([command, "--help"]), 1) for _ in range(5)]
    return {
        "import_seconds": statistics.median(
            float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(5)
        ),
        "help_seconds": statistics.median(helps),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures: dict[str, Any] = dict(starting())
        for part in (peers, large, moved):
            figures |= part(folder)
        figures["chunks"] = chunks(folder)
    if arguments.json:
        print(json.dumps(figures, indent=2))
    else:
        for key, value in figures.items():
            print(f"{key:32} {value:.4g}" if isinstance(value, float) else f"{key:32} {value}")


if __name__ == "__main__":
    main()
