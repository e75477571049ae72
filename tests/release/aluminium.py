"""A small real release: aluminium translated from nickel, labelled by LAMMPS, with the documents that describe it."""

import shutil
import subprocess
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from ase.build import bulk

from foundational.data.configurations import Configurations
from foundational.data.conversion import from_atoms, to_dataset
from foundational.data.extxyz import write_extxyz
from foundational.data.fingerprint import fingerprint
from foundational.data.integrity.hashes import sha256_of
from foundational.data.store import write_dataset
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import resolve_potential
from foundational.provenance.record import DatasetRecord, LabellerRecord, ProvenanceRecord, write_record
from foundational.release.bundle.archive import archive_folder
from foundational.release.bundle.bundle import MANIFEST, write_about, write_manifest
from foundational.release.citation.documents import write_documents
from foundational.release.citation.works import Citable
from foundational.release.record import RECORD, ReleasedFile, ReleaseRecord
from foundational.release.registry.registry import RELEASES, Registry, write_registry
from foundational.specs.about import About, read_about
from foundational.specs.potentials import PotentialRegistry


@dataclass(frozen=True)
class Released:
    """A bundle, and what it was written from."""

    folder: Path
    record: ReleaseRecord
    registry: PotentialRegistry
    parents: dict[str, About]

    @property
    def subject(self) -> Citable:
        return Citable.of(self.record)


def labelled(element: str, potential: str, length: float, root: Path) -> xr.Dataset:
    """Six cells of 4 and 32 atoms, rattled."""
    rng = np.random.default_rng(11)
    frames = []
    for repeat in (1, 2, 1, 2, 1, 1):
        atoms = bulk(element, "fcc", a=length * rng.uniform(0.98, 1.02), cubic=True) * repeat
        atoms.positions += rng.normal(scale=0.04, size=atoms.positions.shape)
        frames.append(atoms)
    cells = from_atoms(frames)
    labels = LammpsLabeller(resolve_potential(potential, root)).label(cells)
    return as_dataset(cells.with_labels(labels), element)


def as_dataset(configurations: Configurations, element: str) -> xr.Dataset:
    count = len(configurations)
    return to_dataset(
        configurations,
        attrs={"element": element},
        order_parameter=np.where(np.arange(count) == 3, np.nan, np.linspace(0, 1, count)),
        walker=np.arange(count) % 2,
        split=(np.arange(count) % 3 == 0).astype(int),
    )


def provenance(
    dataset: xr.Dataset, name: str, stage: str, potential: str, registry: PotentialRegistry, *parents: ProvenanceRecord
) -> ProvenanceRecord:
    return ProvenanceRecord.model_validate(
        {
            "stage": stage,
            "output": DatasetRecord(
                name=name,
                version=None if stage == "sample" else "1.0.0",
                fingerprint=fingerprint(dataset),
                n_configurations=dataset.sizes["configuration"],
                n_atoms=dataset.sizes["atom"],
            ),
            "inputs": tuple(parent.output for parent in parents),
            "element": dataset.attrs["element"],
            "labeller": LabellerRecord(
                id=f"lammps:{potential}",
                version="lammps 2025.7.22",
                sha256=registry.by_id(potential).sha256,
                parameters={"pair_style": registry.by_id(potential).pair_style},
            ),
            "spec": {"rule": "lattice", "filter": 0.5},
            "seed": 2311,
            "software": {"foundational": "0.1.0", "lammps": "2025.7.22"},
            "details": {"scale": 1.15057},
            "parents": parents,
        }
    )


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Released:
    registry = PotentialRegistry.read(checkout)
    nickel = labelled("Ni", "NiNb", 3.52, checkout)
    pool = provenance(nickel, "pools/ni-momt-32", "sample", "NiNb", registry)
    parent = provenance(nickel, "ni", "distill", "NiNb", registry, pool)
    aluminium = labelled("Al", "Al_mm", 4.05, checkout)
    about = read_about(checkout / "datasets" / "al").model_copy(
        update={"keywords": ("aluminium", "EAM & more", "100 % periodic")}
    )
    source = tmp_path_factory.mktemp("project") / "data.zarr"
    write_dataset(aluminium, source)
    made = provenance(aluminium, "al", "translate", "Al_mm", registry, parent)
    bare = ReleaseRecord.model_validate(
        {
            "name": "al",
            "version": "1.0.0",
            "date": date(2025, 3, 9),
            "about": about,
            "provenance": made,
            "files": (),
            "fingerprint": made.output.fingerprint,
            "n_configurations": made.output.n_configurations,
            "n_atoms": made.output.n_atoms,
            "validation": {"dataset": "al", "rank_ok": True},
            "changes": ("First release.",),
            "bump": None,
            "previous": None,
            "doi": "10.5281/zenodo.1234567",
        }
    )
    folder = tmp_path_factory.mktemp("bundles") / "al-1.0.0"
    folder.mkdir()
    archive_folder(folder / "data.zarr.zip", source)
    write_extxyz(aluminium, folder / "data.extxyz")
    write_record(folder, made)
    types = {"data.extxyz": "chemical/x-xyz", "data.zarr.zip": "application/zip", "provenance.json": "application/json"}
    files = tuple(
        ReleasedFile(path=path, size=len(content), sha256=sha256(content).hexdigest(), media_type=media_type)
        for path, media_type in types.items()
        if (content := (folder / path).read_bytes())
    )
    record = bare.model_copy(update={"files": files})
    parents = {"ni": read_about(checkout / "datasets" / "ni")}
    write_documents(folder, record, registry, parents)
    return Released(folder, record, registry, parents)


@pytest.fixture
def project(project_template: Path, tmp_path: Path) -> Path:
    """A project in git: ``al@1.0.0`` is released, its bundle in build/releases; ``local/nb`` is not."""
    return Path(shutil.copytree(project_template, tmp_path / "project"))


@pytest.fixture(scope="session")
def project_template(released: Released, tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    root = tmp_path_factory.mktemp("template") / "project"
    for path in ("datasets/ni/about.yaml", "datasets/potentials/potentials.yaml"):
        (root / path).parent.mkdir(parents=True)
        shutil.copyfile(checkout / path, root / path)
    (root / "dvc.yaml").write_text("stages: {}\n")
    (root / ".gitignore").write_text("/build/\n/datasets/local/\n")
    record = released.record.model_copy(update={"doi": None})
    folder = root / "datasets" / "al"
    bundle = root / "build" / "releases" / "al" / "al-1.0.0"
    shutil.copytree(released.folder, bundle)
    (bundle / RECORD).write_text(record.model_dump_json())
    manifest = write_manifest(bundle, record)
    archive_folder(bundle.with_name("al-1.0.0.zip"), bundle, "al-1.0.0/")
    (folder / RELEASES / "1.0.0").mkdir(parents=True)
    for name in (RECORD, MANIFEST):
        shutil.copyfile(bundle / name, folder / RELEASES / "1.0.0" / name)
    write_about(folder, record.about)
    write_record(folder, record.provenance)
    registry = Registry(name="al").with_release(
        version="1.0.0",
        date=record.date,
        commit="0" * 40,
        bump=None,
        fingerprint=record.fingerprint,
        root="0" * 64,
        tracked=f"{0:032x}.dir",
        manifest=manifest,
        archive=sha256_of(bundle.with_name("al-1.0.0.zip")),
    )
    write_registry(folder, registry)
    parent = record.provenance
    made = parent.model_copy(
        update={
            "output": parent.output.model_copy(update={"name": "local/nb", "version": None}),
            "inputs": (parent.output,),
            "parents": (parent,),
        }
    )
    write_record(root / "datasets" / "local" / "nb", made)
    commit(root, "Release al@1.0.0")
    return root


def commit(root: Path, message: str) -> None:
    person = ["-c", "user.name=A tester", "-c", "user.email=tester@example.org"]
    for command in (["init", "--quiet"], ["add", "."], [*person, "commit", "--quiet", "--message", message]):
        subprocess.run(["git", *command], cwd=root, check=True)
