"""Seconds of exports, and of the LMDB of fairchem beside ase-db-backends; one JSON object with ``--json``.

* ``export_1200_seconds``: by trainer, the 1,200 configurations of ``ni`` (38,400 atoms), written, read again by the
  trainer's rule and compared. The best of three. Imports are not counted.
* ``aselmdb_over_ase_db_backends``: time of ase-db-backends 0.11, in one ``with`` block, over the time of
  `foundational.interchange.writing.aselmdb`, for ``--frames`` configurations of 32 atoms. The library's time grows as
  the square of the number, so the ratio grows with it; without the package it is null.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from ase.db import connect

from foundational.data.batches import take
from foundational.data.fingerprint import fingerprint
from foundational.data.store import open_store
from foundational.interchange.writing.aselmdb import write_aselmdb
from foundational.interchange.writing.databases import labelled_atoms
from foundational.interchange.writing.exporting import export_dataset
from foundational.interchange.writing.plan import Part, plan_export
from foundational.interchange.writing.report import Origin
from foundational.interchange.writing.targets import TARGETS

ROOT = Path(__file__).resolve().parents[1]
STORE = ROOT / "datasets" / "ni" / "data.zarr"


def export_seconds(folder: Path) -> dict[str, float]:
    """By trainer: the best of three exports of ``ni``."""
    dataset = open_store(STORE).load()
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
    return part


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


def timed(work: Callable[[], object]) -> float:
    """Seconds that ``work`` takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def main() -> None:
    """Measure what is asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--frames", type=int, default=100_000, help="configurations of the LMDB")
    parser.add_argument("--only", choices=["export", "aselmdb"], help="measure one of the two")
    arguments = parser.parse_args()
    result: dict[str, Any] = {"load_average": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as folder:
        if arguments.only in (None, "export"):
            result["export_1200_seconds"] = export_seconds(Path(folder))
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
