"""The same kills, flipped bits and bad values on other ways to keep such data, and on this package's.

    python -m benchmarks.faults.side_by_side --json

Compared are extended XYZ written by ASE (as git-lfs or DVC would keep it), a database of ASE (SQLite), HDF5 by h5py without and with
its checksums, and a dataset of this package. *Read* is the ordinary call that a training script makes; *verify* is what the
tool offers to compare bytes with a record: for git-lfs the sha256 of the pointer (`git lfs fsck`), for DVC the md5
(`dvc status`), for this package `verify`. Both hashes are computed here as these tools compute them, so that neither
needs to be installed; the record itself is taken to be intact.
"""

import argparse
import collections
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Numbers = dict[str, Any]


@dataclass(frozen=True)
class Way:
    """One way to keep configurations."""

    name: str
    write: Callable[[Path, list[Any]], None]
    read: Callable[[Path], Numbers]
    verify: str


def numbers(frames: list[Any]) -> Numbers:
    """What a training script takes of frames; results are those that are stored, whatever calculators compare."""
    return {
        "positions": np.concatenate([a.positions for a in frames]),
        "numbers": np.concatenate([a.numbers for a in frames]),
        "cell": np.concatenate([a.cell.array for a in frames]),
        "energy": np.array([a.calc.results["energy"] for a in frames]),
        "forces": np.concatenate([a.calc.results["forces"] for a in frames]),
    }


def _write_extxyz(path: Path, frames: list[Any]) -> None:
    import ase.io

    ase.io.write(path, frames, format="extxyz")


def _read_extxyz(path: Path) -> Numbers:
    import ase.io

    return numbers(ase.io.read(path, index=":", format="extxyz"))


def _write_db(path: Path, frames: list[Any]) -> None:
    from ase.db import connect

    path.unlink(missing_ok=True)
    with connect(path, type="db", use_lock_file=False) as database:
        for atoms in frames:
            database.write(atoms)


def _read_db(path: Path) -> Numbers:
    from ase.db import connect

    return numbers([row.toatoms() for row in connect(path, type="db", use_lock_file=False).select()])


def _write_h5(path: Path, frames: list[Any], **options: Any) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        for name, array in numbers(frames).items():
            chunks = {"chunks": (max(1, len(array) // 8), *array.shape[1:])} if options else {}
            file.create_dataset(name, data=array, **chunks, **options)


def _write_h5_checked(path: Path, frames: list[Any]) -> None:
    _write_h5(path, frames, fletcher32=True)


def _read_h5(path: Path) -> Numbers:
    import h5py

    with h5py.File(path) as file:
        return {name: file[name][()] for name in ("positions", "numbers", "cell", "energy", "forces")}


def _write_own(path: Path, frames: list[Any]) -> None:
    from foundational.data.conversion import from_atoms, to_dataset
    from foundational.data.store import write_dataset

    write_dataset(to_dataset(from_atoms(frames), attrs={"element": "Ni", "volume_per_atom": 11.0}), path, replace=True)


def _read_own(path: Path) -> Numbers:
    from foundational.data.store import open_store

    data = open_store(path).load()
    names = {
        "positions": "positions",
        "numbers": "atomic_numbers",
        "cell": "cell",
        "energy": "energy",
        "forces": "forces",
    }
    return {name: data[stored].to_numpy() for name, stored in names.items()}


WAYS = (
    Way("extended XYZ by ASE, in git-lfs or DVC", _write_extxyz, _read_extxyz, "sha256 or md5"),
    Way("database of ASE (SQLite), in DVC", _write_db, _read_db, "md5"),
    Way("HDF5, in DVC", _write_h5, _read_h5, "md5"),
    Way("HDF5 with fletcher32, in DVC", _write_h5_checked, _read_h5, "md5"),
    Way("this package", _write_own, _read_own, "verify"),
)


def frames_of(count: int, seed: int) -> list[Any]:
    """Rattled nickel with energies and forces."""
    from ase.build import bulk
    from ase.calculators.singlepoint import SinglePointCalculator

    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        atoms = bulk("Ni", "fcc", a=3.52, cubic=True) * 2
        atoms.positions = (atoms.positions + rng.normal(scale=0.05, size=atoms.positions.shape)).astype("f4")
        forces = rng.normal(size=(len(atoms), 3)).astype("f4").astype("f8")
        atoms.calc = SinglePointCalculator(atoms, energy=-4.4 * len(atoms) + rng.normal(), forces=forces)
        frames.append(atoms)
    return frames


def flips(way: Way, folder: Path, count: int, seed: int) -> dict[str, int]:
    """What reading does after one flipped bit, and whether comparing bytes finds it."""
    path = folder / "data.bin"
    way.write(path, frames_of(40, 1))
    expected, files = way.read(path), sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    record = _digest(files)
    rng = random.Random(seed)
    outcomes: collections.Counter[str] = collections.Counter()
    sizes = [file.stat().st_size for file in files]
    for _ in range(count):
        file = rng.choices(files, sizes)[0]
        content = file.read_bytes()
        changed = bytearray(content)
        bit = rng.randrange(8 * len(content))
        changed[bit // 8] ^= 1 << bit % 8
        file.write_bytes(changed)
        try:
            found = way.read(path)
            same = all(np.array_equal(found[name], expected[name]) for name in expected)
            outcomes["read: the same numbers" if same else "read: other numbers, no error"] += 1
        except Exception:
            outcomes["read: an error"] += 1
        outcomes["verify: found"] += _digest(files) != record
        file.write_bytes(content)
    return dict(outcomes)


def _digest(files: list[Path]) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files if file.is_file())).hexdigest()


def kills(way: Way, folder: Path, count: int, seed: int) -> dict[str, int]:
    """What is there after a kill while 40 configurations were replaced by 60 others."""
    path = folder / "data.bin"
    old, new = frames_of(40, 1), frames_of(60, 2)
    rng = random.Random(seed)
    begin = time.perf_counter()
    _in_child(lambda: way.write(folder / "timed.bin", new), None)
    duration = time.perf_counter() - begin
    outcomes: collections.Counter[str] = collections.Counter()
    for _ in range(count):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        way.write(path, old)
        _in_child(lambda: way.write(path, new), rng.uniform(0, 1.1 * duration))
        try:
            rows = len(way.read(path)["energy"])
            outcomes["old or new, whole" if rows in {40, 60} else "a part, no error"] += 1
        except Exception:
            outcomes["lost: neither old nor new"] += 1
    return dict(outcomes)


def _in_child(work: Callable[[], None], after: float | None) -> None:
    """Work in a fork of this process, which is killed after some seconds."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


BAD = (
    "a force that is NaN", "an infinite energy", "two atoms at one place", "a position that is NaN", "forces of another number of atoms", "a file cut in the middle",
)  # fmt: skip


def bad_values(way: Way, folder: Path) -> dict[str, str]:
    """Whether each is refused, when it is written or when it is read or checked."""
    found = {}
    for kind in BAD:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        path, frames = folder / "data.bin", frames_of(4, 1)
        atoms = frames[1]
        if kind == "a force that is NaN":
            atoms.calc.results["forces"][0, 0] = np.nan
        elif kind == "an infinite energy":
            atoms.calc.results["energy"] = np.inf
        elif kind == "two atoms at one place":
            atoms.positions[1] = atoms.positions[0]
        elif kind == "a position that is NaN":
            atoms.positions[0, 0] = np.nan
        elif kind == "forces of another number of atoms":
            atoms.calc.results["forces"] = atoms.calc.results["forces"][:-1]
        try:
            if atoms.positions.shape == atoms.calc.atoms.positions.shape:
                atoms.calc.atoms = atoms.copy()
            way.write(path, frames)
            if kind == "a file cut in the middle":
                files = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
                largest = max(files, key=lambda p: p.stat().st_size)
                largest.write_bytes(largest.read_bytes()[: largest.stat().st_size // 2])
            rows = len(way.read(path)["energy"])
            if way.name == "this package":
                from foundational.data.checks import check_dataset
                from foundational.data.store import open_store

                found[kind] = "named by check" if list(check_dataset(open_store(path))) else "taken"
            else:
                found[kind] = "taken" if rows == 4 else "a part is read, no error"
        except Exception:
            found[kind] = "an error"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flips", type=int, default=200)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    import warnings

    warnings.simplefilter("ignore")
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "work"
        folder.mkdir()
        for way in WAYS:
            row = {"way": way.name, "verify": way.verify, "flips": flips(way, folder, options.flips, options.seed)}
            shutil.rmtree(folder)
            folder.mkdir()
            row |= {"kills": kills(way, folder, options.kills, options.seed), "bad values": bad_values(way, folder)}
            rows.append(row)
            print(json.dumps(row), file=sys.stderr, flush=True)
    if options.json:
        print(json.dumps({"seed": options.seed, "ways": rows}, indent=1))
        return
    for row in rows:
        print(json.dumps(row))


if __name__ == "__main__":
    main()
