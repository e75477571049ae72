"""A small world on disk: a project with git and DVC, inputs, a home, and all the states from which commands start."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from ase import Atoms
from ase.build import bulk
from ase.io import write
from ruamel.yaml import YAML

from foundational.data.conversion import from_atoms, to_dataset
from foundational.data.extxyz import write_extxyz
from foundational.data.store import open_store, write_dataset
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import resolve_potential
from foundational.maintenance.schemas import write_schemas
from foundational.provenance.record import LabellerRecord, ProvenanceRecord, write_record
from foundational.specs.parsing import merge, read_yaml
from foundational.specs.potentials import REGISTRY_FOLDER, PotentialRegistry
from foundational.workspace.runner import describe

ROOT = Path(__file__).resolve().parents[2]
DAY = "2026-03-01T12:00:00+0000"
CONFIG = """\
[core]
    analytics = false
    remote = bundled
['remote "bundled"']
    url = ../datasets/.store
"""
ABOUT = """\
title: Nickel for tests
element: Ni
licence: CC-BY-4.0
creators: [{name: "Tester, Anna"}]
description: Rattled cells.
"""
#: Networks that are too small for any physical result, runs of two rounds, sets of a few configurations.
SMALL: dict[str, Any] = {
    "sample": {
        "settings": {
            "block": "0.4 ps",
            "frame_time": "0.1 ps",
            "window": {"equilibration": "0.4 ps", "duration": "0.4 ps"},
            "bias": {"hill_height": 0.3},
            "learning": {"crossings": 1, "refinement": 1.1},
        },
        "pools": {"ni-npt-solid-32": {"temperature": 1200, "frames": 20}},
    },
    "holdout": {"ni-holdout": {"pool": "ni-npt-solid-32", "frames": 6}},
    "validate": {
        "members": 1,
        "full_steps": 0,
        "gates": {"rank": True, "ground_state": True, "mae": 1e-6, "crystal_error": None},
    },
    "ani": {
        name: {"network": {"hidden": [16]}, "members": 2, "training": {"epochs": 2, "least_steps": 10}}
        for name in ("recipe", "general")
    },
    "distill": {
        "ni": {
            "method": "active",
            "frames": 8,
            "initial": 4,
            "initial_method": "random",
            "rounds": 2,
            "heldout": 2,
            "members": 2,
            "epochs": 1,
            "least_steps": 4,
            "separation": 0,
            "also": None,
            "recipes": None,
        }
    },
}
PIPELINE = """\
stages:
  holdout:
    foreach: [ni-holdout]
    do:
      cmd: foundational holdout ${item}
      params: [holdout]
      outs:
      - datasets/${item}/data.zarr
      - datasets/${item}/provenance.json: {cache: false}
  distill:
    cmd: foundational distill ni-few
    params: [distill]
    outs:
    - datasets/ni-few/data.zarr
    - datasets/ni-few/provenance.json: {cache: false}
    metrics:
    - metrics/distill/ni-few.csv: {cache: false}
"""
IGNORED = """\
/build/
/datasets/local/
/datasets/pools/*/*
.*.partial
.*.previous
.unfinished
"""
JOB = """&CONTROL
  calculation = 'scf', pseudo_dir = '/pseudo', outdir = './tmp'
/
&SYSTEM
  ecutwfc = 12.0, occupations = 'smearing', smearing = 'mv', degauss = 0.02
/
&ELECTRONS
  conv_thr = 1.0d-8
/
ATOMIC_SPECIES
Al 26.98 Al.pz-vbc.UPF
K_POINTS automatic
2 2 2 1 1 1
"""


def environment(place: Path) -> dict[str, str]:
    """Variables for programs that work in ``place``, and that touch nothing of this machine's user."""
    identity = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in
                (("NAME", "A tester"), ("EMAIL", "tester@example.org"), ("DATE", DAY))}  # fmt: skip
    folders = {"HOME": "home", "XDG_DATA_HOME": "data", "XDG_CACHE_HOME": "cache", "TMPDIR": "tmp"}
    return identity | {name: str(place / folder) for name, folder in folders.items()} | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(place / "dvc"),
        "DVC_SYSTEM_CONFIG_DIR": str(place / "dvc"),
        "DVC_GLOBAL_CONFIG_DIR": str(place / "dvc"),
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": str(place.parent / "matplotlib"),
        "PYTHONPATH": "",
    }  # fmt: skip


def run(*command: str | Path, cwd: Path, environment: Mapping[str, str]) -> str:
    """What a program prints; its complaint where it fails."""
    done = subprocess.run(command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return done.stdout


def git(place: Path, *arguments: str) -> str:
    """What git prints in the project."""
    return run("git", *arguments, cwd=place / "project", environment=environment(place))


def dvc(place: Path, *arguments: str) -> str:
    """What DVC prints in the project."""
    command = (sys.executable, "-W", "ignore", "-m", "dvc", *arguments)
    return run(*command, cwd=place / "project", environment=environment(place))


def rattled(element: str, length: float, count: int, seed: int, sizes: tuple[int, ...] = (1,)) -> list[Atoms]:
    """Cells of 4 atoms times a number, displaced at random."""
    rng = np.random.default_rng(seed)
    frames = []
    for number in range(count):
        atoms = bulk(element, "fcc", a=length * rng.uniform(0.98, 1.02), cubic=True) * sizes[number % len(sizes)]
        atoms.positions += rng.normal(scale=0.05, size=atoms.positions.shape)
        frames.append(atoms)
    return frames


def labelled(element: str, potential: str, frames: list[Atoms]) -> xr.Dataset:
    """The frames with the labels of a potential, as a dataset."""
    cells = from_atoms(frames)
    made = cells.with_labels(LammpsLabeller(resolve_potential(potential, ROOT)).label(cells))
    count = len(cells)
    columns = {"walker": np.arange(count) % 2, "step": np.arange(count) * 100, "split": (np.arange(count) % 4 == 0) * 1}
    return to_dataset(made, attrs={"element": element, "volume_per_atom": 10.9}, **columns)


def store(root: Path, name: str, dataset: xr.Dataset, stage: str = "holdout") -> None:
    """Store a nickel set with a record, as a stage would; replace what is there."""
    sha256 = PotentialRegistry.read(root).by_id("NiNb").sha256
    record = ProvenanceRecord(
        stage=stage,  # type: ignore[arg-type]
        output=describe(name, dataset),
        inputs=(),
        element="Ni",
        labeller=LabellerRecord(id="lammps:NiNb", version="lammps 2025.7.22", sha256=sha256),
        spec={"frames": dataset.sizes["configuration"]},
        seed=1,
        software={"numpy": "2"},
    )
    write_dataset(dataset, root / "datasets" / name / "data.zarr", replace=True)
    write_record(root / "datasets" / name, record)


def build(place: Path, *, versioned: bool = True) -> None:
    """Make the world in the new folder ``place``; without git and DVC where it is not ``versioned``."""
    for name in ("project", "home", "data", "cache", "tmp", "dvc", "out", "files", "elsewhere"):
        (place / name).mkdir(parents=True)
    (place.parent / "matplotlib").mkdir(exist_ok=True)
    root = place / "project"
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / ".gitignore").write_text(IGNORED)
    (root / ".dvcignore").write_text("/build/\n.*.partial\n.*.previous\n.unfinished\n")
    _write_params(root)
    shutil.copytree(ROOT / "LICENSES", root / "LICENSES")
    (root / REGISTRY_FOLDER).mkdir(parents=True)
    for name in ("potentials.yaml", "NiNb.eam.fs"):
        shutil.copyfile(ROOT / REGISTRY_FOLDER / name, root / REGISTRY_FOLDER / name)
    write_schemas(root / "schemas")
    nickel = labelled("Ni", "NiNb", rattled("Ni", 3.52, 10, 5, (1, 2)))
    store(root, "ni", nickel)
    (root / "datasets" / "ni" / "about.yaml").write_text(ABOUT)
    aluminium = labelled("Al", "Al_mm", rattled("Al", 4.05, 12, 6))
    write_extxyz(aluminium, place / "files" / "al.xyz")
    write_extxyz(nickel, place / "files" / "ni.xyz")
    write(place / "files" / "bare.xyz", rattled("Al", 4.05, 4, 7))
    (place / "files" / "pw.in").write_text(JOB)
    if not versioned:
        return
    run("git", "init", "-q", "-b", "main", cwd=root, environment=environment(place))
    dvc(place, "init", "-q")
    (root / ".dvc" / "config").write_text(CONFIG)
    dvc(place, "add", "-q", "datasets/ni/data.zarr")
    dvc(place, "push", "-q")
    git(place, "add", "-A")
    git(place, "commit", "-qm", "ni")


def change(place: Path) -> None:
    """Give ``ni`` two configurations more, tracked and committed."""
    root = place / "project"
    more = labelled("Ni", "NiNb", rattled("Ni", 3.52, 12, 5, (1, 2)))
    store(root, "ni", more)
    dvc(place, "add", "-q", "datasets/ni/data.zarr")
    dvc(place, "push", "-q")
    commit(place, "more nickel")


def commit(place: Path, message: str) -> None:
    """Commit all that changed."""
    git(place, "add", "-A")
    git(place, "commit", "-qm", message)


def answer_jobs(place: Path) -> None:
    """Put an output of pw.x into each folder of jobs."""
    sys.path.insert(0, str(ROOT))
    from foundational.data.batches import to_configurations
    from tests.interchange.espresso_output import PwOutput

    jobs = place / "out" / "jobs"
    dataset = open_store(jobs / "configurations.zarr").load()
    cells = to_configurations(dataset)
    for i, row in enumerate(dataset["id"].to_numpy()):
        rng = np.random.default_rng(i)
        atoms = slice(int(cells.offsets[i]), int(cells.offsets[i + 1]))
        n = int(cells.n_atoms[i])
        forces, stress = rng.normal(size=(n, 3)), rng.normal(scale=0.01, size=(3, 3))
        made = PwOutput(
            ["Al"] * n,
            cells.positions[atoms].astype(float),
            np.array(cells.cell[i]),
            -57.0 * n + float(rng.normal()),
            forces - forces.mean(axis=0),
            stress + stress.T,
        )
        (jobs / row.tobytes().hex() / "pw.out").write_text(made.text())


def copy(source: Path, target: Path) -> Path:
    """A copy of a world; only the potentials are links, and the names of nothing change."""

    def copied(a: str, b: str) -> None:
        large = f"{os.sep}potentials{os.sep}" in a
        (os.link if large else shutil.copy2)(a, b)

    if target.exists():
        shutil.rmtree(target)
    return Path(shutil.copytree(source, target, symlinks=True, copy_function=copied))


def _write_params(root: Path) -> None:
    params = merge(read_yaml(ROOT / "params.yaml"), SMALL)
    kept = {"ni-npt-solid-32"}
    params["sample"]["pools"] = {name: params["sample"]["pools"][name] for name in kept}
    params["holdout"] = SMALL["holdout"]
    few = params["distill"]["ni"] | {"pool": "ni-npt-solid-32"}
    params["distill"] = {"ni-few": few}
    params["validate"] |= {"datasets": {}, "materials": None}
    for section in ("paper", "pairs", "relabel", "compounds"):
        params.pop(section, None)
    params["alloys"].pop("sets", None)
    params["translate"]["sets"], params["translate"]["parity"] = {}, {}
    params["translate"]["guard"]["maximum_energy"] = 100.0
    YAML().dump(json.loads(json.dumps(params)), root / "params.yaml")
