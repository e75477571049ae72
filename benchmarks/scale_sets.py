"""Sets of any size for ``scale.py``: synthetic configurations, a project with them, and what its commands need.

The data are rattled nickel, every tenth configuration NbNi3, with the energies, forces and stresses of springs to the
lattice, which pass every rule of ``check``. They are written batch by batch.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr

from foundational.data.configurations import Configurations, Labels
from foundational.data.conversion import to_dataset
from foundational.data.fingerprint import fingerprint
from foundational.data.store import open_store
from foundational.data.streaming.store_writer import StoreWriter
from foundational.provenance.record import (
    DatasetRecord,
    LabellerRecord,
    ProvenanceRecord,
    read_record,
    software_versions,
    write_record,
)
from foundational.release.transfer.dvc_objects import directory_hash
from foundational.stages.train.command import train_model
from foundational.stages.train.stage import TrainOptions
from foundational.testing.project import SMALL, empty_project

ROOT: Final = Path(__file__).resolve().parents[1]
ATOMS: Final = 32
#: Configurations that are made at a time.
BATCH: Final = 50_000
EDGE: Final = 7.04
SPRING, BULK_MODULUS = 5.0, 1.1
ABOUT: Final = """\
title: Synthetic configurations
element: NiNb
licence: CC-BY-4.0
creators: [{name: "Benchmark, A"}]
description: Rattled lattices with labels of springs.
"""


def batch(count: int, seed: int, *, alloys: bool) -> xr.Dataset:
    """``count`` rattled cells with labels of springs between the atoms and their sites, and of the volume."""
    rng = np.random.default_rng(seed)
    corners = np.array([(x, y, z) for x in range(2) for y in range(2) for z in range(2)], float)
    faces = np.array([(0, 0, 0), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)])
    sites = (faces[:, None] + corners[None]).reshape(-1, 3) / 2
    edge = EDGE * (1 + rng.uniform(-0.03, 0.03, count))
    moved = rng.standard_normal((count, ATOMS, 3), dtype=np.float32)
    moved *= rng.uniform(0.04, 0.12, count).astype(np.float32)[:, None, None]
    moved -= moved.mean(axis=1, keepdims=True)
    numbers = np.full((count, ATOMS), 28, np.uint8)
    if alloys:
        numbers[::10, :8] = 41
    volume = edge**3
    strain = volume / EDGE**3 - 1
    forces = -SPRING * moved
    forces -= forces.mean(axis=1, keepdims=True)
    shares = 0.5 * SPRING * (moved**2).sum(axis=2) + np.where(numbers == 28, -4.45, -3.4)
    atomic = (shares + (0.5 * BULK_MODULUS * EDGE**3 / ATOMS * strain**2)[:, None]).astype(np.float32)
    stress = SPRING * np.einsum("cni,cnj->cij", moved, moved).astype(np.float64) / volume[:, None, None]
    stress += (BULK_MODULUS * strain)[:, None, None] * np.eye(3)
    positions = (sites * edge[:, None, None]).astype(np.float32) + moved
    labels = Labels(atomic.sum(axis=1, dtype=np.float64), forces.reshape(-1, 3), stress, atomic.reshape(-1))
    c = Configurations(
        np.full(count, ATOMS, np.int32),
        edge[:, None, None] * np.eye(3),
        np.ones((count, 3), bool),
        numbers.reshape(-1),
        positions.reshape(-1, 3),
        labels,
    )
    place = np.arange(count)
    return to_dataset(c, walker=place % 16, step=place // 16 * 100 + seed * BATCH, split=(place % 20 == 0))


def batches(total: int, *, alloys: bool) -> Iterator[xr.Dataset]:
    """All configurations of a dataset of ``total``."""
    for number, start in enumerate(range(0, total, BATCH)):
        yield batch(min(BATCH, total - start), number, alloys=alloys)


def project(folder: Path, total: int, *, alloys: bool = True) -> float:
    """A project with ``local/a`` and, with one energy changed, ``local/b``; seconds of CPU that the writer takes."""
    root = empty_project(folder, ROOT)
    elements = ["Ni", "Nb"] if alloys else ["Ni"]
    attrs = {"element": "".join(elements), "elements": elements, "labeller": "synthetic", "volume_per_atom": 10.9}
    folders = {name: root / "datasets" / "local" / name for name in ("a", "b")}
    writers = {}
    for name, place in folders.items():
        place.mkdir(parents=True)
        writers[name] = StoreWriter(place / "data.zarr")
    spent = 0.0
    for number, part in enumerate(batches(total, alloys=alloys)):
        start = time.process_time()
        writers["a"].append(part)
        spent += time.process_time() - start
        if number == 0:
            part["energy"][7] += 0.01
        writers["b"].append(part)
    start = time.process_time()
    writers["a"].seal(attrs)
    spent += time.process_time() - start
    writers["b"].seal(attrs)
    for name, place in folders.items():
        output = DatasetRecord(
            name=f"local/{name}",
            version=None,
            fingerprint=fingerprint(open_store(place / "data.zarr")),
            n_configurations=total,
            n_atoms=total * ATOMS,
        )
        labeller = LabellerRecord(id="lammps:NiNb", version="unknown", sha256=None)
        record = ProvenanceRecord(
            stage="import", output=output, inputs=(), element=str(attrs["element"]), labeller=labeller, spec={}, seed=0,
            software=software_versions("import"),
        )  # fmt: skip
        write_record(place, record)
    return spent


def release_project(folder: Path, source: Path) -> Path:
    """A git repository with the set ``local/a`` of the project ``source`` as ``large``, which can be released.

    It is a holdout, on which nothing is trained: the gate of any other set trains networks on all of it.
    """
    root = empty_project(folder, ROOT)
    stored, place = source / "datasets" / "local" / "a", root / "datasets" / "large"
    shutil.copytree(stored / "data.zarr", place / "data.zarr", copy_function=os.link)
    record = read_record(stored)
    labeller = LabellerRecord(id="synthetic", version="unknown", sha256=None)
    output = record.output.model_copy(update={"name": "large"})
    write_record(place, record.model_copy(update={"stage": "holdout", "output": output, "labeller": labeller}))
    (place / "about.yaml").write_text(ABOUT)
    tracked = directory_hash(place / "data.zarr")
    (place / "data.zarr.dvc").write_text(f"outs:\n- md5: {tracked}\n  hash: md5\n  path: data.zarr\n")
    (place / ".gitignore").write_text("/data.zarr\n")
    (root / ".gitignore").write_text("/build/\n")
    identity = {f"GIT_{role}_{key}": "benchmark" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "set"]):
        subprocess.run(["git", *words], cwd=root, env=os.environ | identity, check=True)
    return root


def small_model(source: Path, folder: Path) -> Path:
    """A model file: one network of one hidden layer, trained on 100 configurations of ``local/a``.

    Its cost is that of its descriptors, those of the settings ``recipe``.
    """
    settings = SMALL["ani"] | {"recipe": SMALL["ani"]["recipe"] | {"members": 1}}
    root = empty_project(folder, ROOT, {"ani": settings})
    (root / "datasets" / "local").symlink_to(source / "datasets" / "local")
    train_model(root, "local/a", root / "model", TrainOptions(frames=100, random=True, settings="recipe"))
    return root / "model"
