"""A small real project: nickel labelled by LAMMPS, tracked by DVC in a bundled store, committed to git."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from ase.build import bulk

from foundational.data.batches import to_configurations
from foundational.data.configurations import Configurations
from foundational.data.conversion import from_atoms, to_dataset
from foundational.data.store import open_store, write_dataset
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import resolve_potential
from foundational.maintenance.schemas import write_schemas
from foundational.provenance.record import LabellerRecord, ProvenanceRecord, write_record
from foundational.release.transfer.dvc_objects import directory_hash
from foundational.specs.potentials import REGISTRY_FOLDER, PotentialRegistry
from foundational.stages.release.command import ReleaseRequest, ReleaseResult, release_dataset
from foundational.workspace.runner import describe

ABOUT = """\
title: Nickel for tests
element: Ni
licence: CC-BY-4.0
creators: [{name: "Tester, Anna"}]
description: Twelve rattled cells.
"""
DAY = "2026-03-01T12:00:00+0000"


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """What a command prints; its complaint where it fails."""
    done = subprocess.run(command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def dvc(*arguments: str | Path, cwd: Path) -> str:
    return run(sys.executable, "-W", "ignore", "-m", "dvc", *arguments, cwd=cwd, DVC_NO_ANALYTICS="1")


def with_variables(cells: Configurations, **variables: Any) -> xr.Dataset:
    count = len(cells)
    chosen = {"walker": np.arange(count) % 2, "step": np.arange(count) * 100, "split": np.arange(count) % 3 == 0}
    return to_dataset(cells, attrs={"element": "Ni", "volume_per_atom": 10.9}, **(chosen | variables))


def record_of(name: str, dataset: xr.Dataset, sha256: str, stage: str = "holdout", **changes: Any) -> ProvenanceRecord:
    record = ProvenanceRecord(
        stage=stage,  # type: ignore[arg-type]
        output=describe(name, dataset),
        inputs=(),
        element="Ni",
        labeller=LabellerRecord(id="lammps:NiNb", version="lammps 2025.7.22", sha256=sha256),
        spec={"frames": 12},
        seed=1,
        software={"numpy": "2"},
    )
    return record.model_copy(update=changes)


@dataclass(frozen=True)
class Project:
    """A project folder, and what one does to it."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / "datasets" / "ni"

    @property
    def out(self) -> Path:
        return self.root / "build" / "releases"

    def record(self, dataset: xr.Dataset, name: str = "ni", stage: str = "holdout", **changes: Any) -> ProvenanceRecord:
        """A record of such a dataset, labelled by the potential of the project."""
        return record_of(name, dataset, PotentialRegistry.read(self.root).by_id("NiNb").sha256, stage, **changes)

    def dataset(self) -> xr.Dataset:
        return open_store(self.folder / "data.zarr").load()

    def write(self, dataset: xr.Dataset, name: str = "ni", record: ProvenanceRecord | None = None) -> None:
        """Store a dataset, track it as DVC does, put its objects into the bundled store."""
        folder = self.root / "datasets" / name
        write_dataset(dataset, folder / "data.zarr", replace=True)
        write_record(folder, record or self.record(dataset, name))
        if not (folder / "about.yaml").exists():
            (folder / "about.yaml").write_text(ABOUT)
        tracked = directory_hash(folder / "data.zarr")
        (folder / "data.zarr.dvc").write_text(f"outs:\n- md5: {tracked}\n  hash: md5\n  path: data.zarr\n")
        (folder / ".gitignore").write_text("/data.zarr\n")
        store_objects(folder / "data.zarr", self.root / "datasets" / ".store" / "files" / "md5")

    def commit(self, message: str = "change") -> None:
        run("git", "add", "-A", cwd=self.root)
        run("git", "commit", "-qm", message, cwd=self.root, GIT_COMMITTER_DATE=DAY, GIT_AUTHOR_DATE=DAY)

    def release(self, name: str = "ni", *, gate: Any = None, out: Path | None = None, **wishes: Any) -> ReleaseResult:
        return release_dataset(self.root, name, ReleaseRequest(**wishes), out=out or self.out, gate=gate)

    def released(self, name: str = "ni", **arguments: Any) -> ReleaseResult:
        """Release and commit."""
        done = self.release(name, **arguments)
        self.commit("release")
        return done


def store_objects(folder: Path, objects: Path) -> None:
    """Copy a folder into a DVC object store."""
    listed = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        md5 = hashlib.md5(path.read_bytes()).hexdigest()
        listed.append({"md5": md5, "relpath": path.relative_to(folder).as_posix()})
        put(objects, md5, path.read_bytes())
    listing = json.dumps(sorted(listed, key=lambda e: e["relpath"]), sort_keys=True).encode()
    put(objects, hashlib.md5(listing).hexdigest() + ".dir", listing)


def put(objects: Path, md5: str, content: bytes) -> None:
    target = objects / md5[:2] / md5[2:]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def rattled_nickel(checkout: Path) -> Configurations:
    """Twelve labelled rattled cells of 4 and 32 atoms."""
    rng = np.random.default_rng(5)
    frames = []
    for number in range(12):
        atoms = bulk("Ni", "fcc", a=3.52 * rng.uniform(0.98, 1.02), cubic=True) * (1 + number % 2)
        atoms.positions += rng.normal(scale=0.05, size=atoms.positions.shape)
        frames.append(atoms)
    cells = from_atoms(frames)
    return cells.with_labels(LammpsLabeller(resolve_potential("NiNb", checkout)).label(cells))


@pytest.fixture(scope="session")
def nickel(checkout: Path) -> xr.Dataset:
    """The cells of `rattled_nickel` as a dataset."""
    return with_variables(rattled_nickel(checkout))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, checkout: Path, nickel: xr.Dataset) -> Project:
    """The project with ``ni`` tracked and pushed by the real DVC."""
    root = tmp_path_factory.mktemp("template") / "project"
    root.mkdir()
    (root / "dvc.yaml").write_text("stages: {}\n")
    (root / ".gitignore").write_text("/build/\n/datasets/local/\n")
    shutil.copyfile(checkout / "params.yaml", root / "params.yaml")
    shutil.copytree(checkout / "LICENSES", root / "LICENSES")
    (root / REGISTRY_FOLDER).mkdir(parents=True)
    for name in ("potentials.yaml", "NiNb.eam.fs"):
        shutil.copyfile(checkout / REGISTRY_FOLDER / name, root / REGISTRY_FOLDER / name)
    write_schemas(root / "schemas")
    folder = root / "datasets" / "ni"
    write_dataset(nickel, folder / "data.zarr")
    write_record(folder, Project(root).record(nickel))
    (folder / "about.yaml").write_text(ABOUT)
    run("git", "init", "-q", "-b", "main", cwd=root)
    dvc("init", "-q", cwd=root)
    (root / ".dvc" / "config").write_text(
        "[core]\n    analytics = false\n    remote = bundled\n['remote \"bundled\"']\n    url = ../datasets/.store\n"
    )
    dvc("add", "-q", "datasets/ni/data.zarr", cwd=root)
    dvc("push", "-q", cwd=root)
    project = Project(root)
    identity = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in
                (("NAME", "A tester"), ("EMAIL", "tester@example.org"), ("DATE", DAY))}  # fmt: skip
    run("git", "add", "-A", cwd=root)
    run("git", "commit", "-qm", "ni", cwd=root, **identity)
    return project


def copy_of(project: Project, root: Path) -> Project:
    shutil.copytree(project.root, root, symlinks=True)
    return Project(root)


@pytest.fixture
def project(template: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of the template that a test may change; the user's own store is empty."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    return copy_of(template, tmp_path / "project")


@pytest.fixture(scope="session")
def released_template(
    template: Project, changed: Callable[..., xr.Dataset], tmp_path_factory: pytest.TempPathFactory
) -> Project:
    project = copy_of(template, tmp_path_factory.mktemp("released") / "project")
    with pytest.MonkeyPatch.context() as patch:
        for role in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{role}_NAME", "A tester")
            patch.setenv(f"GIT_{role}_EMAIL", "tester@example.org")
        project.write(changed(slice(0, 10)))
        project.commit()
        project.released()
        project.write(changed())
        project.commit()
        project.released()
    return project


@pytest.fixture
def two(released_template: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with ni@1.0.0 (ten configurations) and ni@1.1.0 (all twelve), committed."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    return copy_of(released_template, tmp_path / "project")


@pytest.fixture(scope="session")
def changed(nickel: xr.Dataset) -> Callable[..., xr.Dataset]:
    """The dataset with some configurations and other labels or variables."""

    def change(rows: Any = slice(None), energy: float = 0.0, **variables: Any) -> xr.Dataset:
        cells = to_configurations(nickel.copy(deep=True), rows)
        if energy:
            assert cells.labels is not None
            assert cells.labels.atomic_energies is not None
            cells.labels.energy[0] += energy
            cells.labels.atomic_energies[0] += energy
        kept = {name: nickel[name].to_numpy()[rows] for name in ("walker", "step", "split")}
        return with_variables(cells, **(kept | variables))

    return change
