"""Small projects: folders with params.yaml, dvc.yaml, potentials and datasets, on which every command works."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from ruamel.yaml import YAML

from foundational.data.labeller import Labeller
from foundational.engines.crystals.references import reference_crystals
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.labelling.records import labeller_record
from foundational.provenance.record import ProvenanceRecord
from foundational.specs.parsing import merge, read_yaml
from foundational.stages.distill.command import distill_pool
from foundational.stages.holdout.command import store_holdout
from foundational.testing.crystals import labelled_dataset, rattled_crystals
from foundational.workspace.pools import write_manifest
from foundational.workspace.runner import StageOutput, produce

#: Changes to params.yaml. A whole pipeline takes seconds; its networks are too small for any physical result.
SMALL: dict[str, Any] = {
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
            "also": None,
            "recipes": None,
        }
    },
    "validate": {
        "members": 2,
        "full_steps": 60,
        "materials": {"properties": ["elastic", "hcp-ratio", "dimer"]},
        "gates": {"rank": True, "ground_state": True, "mae": 1e-6, "crystal_error": None},
    },
    "ani": {
        name: {"network": {"hidden": [16]}, "training": {"epochs": 2, "least_steps": 400}}
        for name in ("recipe", "general")
    },
}
#: The pools of a small project, their numbers of configurations, and the seeds of these. The holdout is of the second.
POOLS = {"ni-momt-32": (120, 1), "ni-momt-108": (20, 2)}


def empty_project(root: Path, source: Path, changes: dict[str, Any] | None = None) -> Path:
    """A project without datasets in the new folder ``root``.

    Parameters
    ----------
    source
        A project, such as a checkout of this repository: its dvc.yaml and params.yaml are copied, its potentials are
        linked.
    changes
        Merged into params.yaml, section by section.
    """
    (root / "datasets").mkdir(parents=True)
    (root / "datasets" / "potentials").symlink_to((source / "datasets" / "potentials").resolve())
    shutil.copyfile(source / "dvc.yaml", root / "dvc.yaml")
    shutil.copyfile(source / "params.yaml", root / "params.yaml")
    change_params(root, changes or {})
    return root


def small_project(root: Path, source: Path) -> Path:
    """A project with the settings `SMALL` and the pools `POOLS`: rattled nickel with labels of its reference potential.

    See `empty_project` for the parameters.
    """
    empty_project(root, source, SMALL)
    labeller = LammpsLabeller(potential_for("Ni", root))
    volume = reference_crystals(labeller, "Ni").ground_volume
    for name, (count, seed) in POOLS.items():
        columns = {"walker": np.arange(count) % 2, "step": np.arange(count) // 2 * 100}
        frames = rattled_crystals(count, seed)
        store_pool(
            root, name, labelled_dataset(frames, labeller, "Ni", attrs={"volume_per_atom": volume}, **columns), labeller
        )
    return root


def distilled_project(root: Path, pool_project: Path) -> Path:
    """A copy of a small project with its holdout ``ni-holdout`` and its distilled set ``ni``."""
    copy_project(pool_project, root)
    store_holdout(root, "ni-holdout")
    distill_pool(root, "ni")
    return root


def copy_project(project: Path, root: Path) -> Path:
    """A copy of a project in the new folder ``root``; its potentials stay links."""
    return Path(shutil.copytree(project, root, symlinks=True))


def change_params(root: Path, changes: dict[str, Any]) -> None:
    """Merge ``changes`` into params.yaml, section by section."""
    YAML().dump(merge(read_yaml(root / "params.yaml"), changes), root / "params.yaml")


def store_set(
    root: Path,
    name: str,
    dataset: xr.Dataset,
    labeller: Labeller,
    parents: tuple[ProvenanceRecord, ...] = (),
    stage: str = "sample",
) -> ProvenanceRecord:
    """Store ``dataset`` as ``name`` with a record, as ``stage`` would; replace what is there."""
    element = str(dataset.attrs["element"])
    output = StageOutput(dataset, element, labeller_record(labeller, element))
    return produce(root, name, stage, {}, 1, parents, lambda: output, force=True)


def store_pool(root: Path, name: str, dataset: xr.Dataset, labeller: Labeller) -> ProvenanceRecord:
    """Store ``dataset`` as the pool ``name`` with its record and its manifest, as if it had been sampled."""
    record = store_set(root, f"pools/{name}", dataset, labeller)
    write_manifest(root / "datasets" / "pools" / name, record)
    return record
