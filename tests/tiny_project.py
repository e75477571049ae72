"""A small project with a real pool: rattled nickel crystals and melts, labelled by the reference potential."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from foundational.data.configurations import Configurations
from foundational.data.conversion import to_dataset
from foundational.engines.crystals.references import reference_crystals
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.labelling.records import labeller_record
from foundational.science.crystals import build_crystal
from foundational.specs.parsing import merge, read_yaml
from foundational.stages.distill.command import distill_pool
from foundational.stages.holdout.command import store_holdout
from foundational.workspace.pools import write_manifest
from foundational.workspace.runner import StageOutput, produce

ROOT = Path(__file__).resolve().parents[1]
#: Numbers so small that a whole pipeline takes seconds; the physics is not judged by them.
TINY = {
    "translate": {"guard": {"maximum_energy": 100.0}},
    "holdout": {"ni-holdout": {"pool": "ni-momt-108", "frames": 10}},
    "distill": {
        "ni": {
            "method": "active",
            "frames": 40,
            "initial": 20,
            "initial_method": "random",
            "rounds": 2,
            "growth": 2**0.5,
            "heldout": 10,
            "members": 2,
            "epochs": 2,
            "least_steps": None,
            "separation": 10,
        }
    },
    "validate": {"members": 2, "gates": {"rank": True, "ground_state": True, "mae": 1e-6, "crystal_error": None}},
    "ani": {"recipe": {"network": {"hidden": [16]}, "training": {"epochs": 2}}},
}


def rattled_nickel(count: int, seed: int) -> Configurations:
    """``count`` FCC-32 cells, strained by a few per cent and rattled by 0.03 to 0.18 Å."""
    rng = np.random.default_rng(seed)
    crystals = [build_crystal("fcc", 10.868 * s**3, (2, 2, 2)) for s in rng.uniform(0.97, 1.05, count)]
    noise = [rng.normal(scale=scale, size=(32, 3)) for scale in rng.uniform(0.03, 0.18, count)]
    positions = [c.positions + n for c, n in zip(crystals, noise, strict=True)]
    return Configurations.build([c.cell for c in crystals], positions, [np.full(32, 28)] * count)


@pytest.fixture(scope="session")
def tiny_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two pools: ``ni-momt-32`` of 120 configurations, ``ni-momt-108`` of 20 others."""
    root = tmp_path_factory.mktemp("project")
    params = merge(read_yaml(ROOT / "params.yaml"), TINY)
    YAML().dump(params, root / "params.yaml")
    shutil.copyfile(ROOT / "dvc.yaml", root / "dvc.yaml")
    (root / "datasets").mkdir()
    (root / "datasets" / "potentials").symlink_to(ROOT / "datasets" / "potentials")
    for name, count, seed in (("ni-momt-32", 120, 1), ("ni-momt-108", 20, 2)):
        store_nickel_pool(root, name, rattled_nickel(count, seed))
    return root


def store_nickel_pool(root: Path, name: str, batch: Configurations) -> None:
    """Label ``batch`` and store it as a pool of two walkers."""
    potential = potential_for("Ni", root)
    labeller = LammpsLabeller(potential)
    reference = reference_crystals(labeller, "Ni")

    def build() -> StageOutput:
        dataset = to_dataset(
            batch.with_labels(labeller.label(batch)),
            attrs={"element": "Ni", "labeller": "lammps:NiNb", "volume_per_atom": reference.ground_volume},
            walker=np.arange(len(batch)) % 2,
            step=np.arange(len(batch)) // 2 * 100,
        )
        return StageOutput(dataset, "Ni", labeller_record(labeller, "Ni"))

    record = produce(root, f"pools/{name}", "sample", {}, 1, (), build)
    write_manifest(root / f"datasets/pools/{name}", record)


@pytest.fixture
def project(tiny_project: Path, tmp_path: Path) -> Path:
    """A copy of the small project that a test may change."""
    root = tmp_path / "project"
    shutil.copytree(tiny_project, root, symlinks=True)
    return root


@pytest.fixture(scope="session")
def distilled_project(tiny_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the small project with its holdout and its distilled set; for reading."""
    root = tmp_path_factory.mktemp("distilled") / "project"
    shutil.copytree(tiny_project, root, symlinks=True)
    store_holdout(root, "ni-holdout")
    distill_pool(root, "ni")
    return root
