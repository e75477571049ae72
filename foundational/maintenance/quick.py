"""The pipeline in miniature, in a folder of its own: the same dvc.yaml and components, with smaller numbers.

``build/quick/`` is a DVC project without git. It has dvc.yaml as it is, params.yaml merged with params.quick.yaml,
symbolic links to the code and the potentials, and copies of the stored holdouts. Nothing outside of it changes.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import Field
from ruamel.yaml import YAML

from foundational.errors import EngineError, MissingDependencyError, NotFoundError, package_needed
from foundational.evaluation.report import Report
from foundational.evaluation.validation_report import StructureReport
from foundational.provenance.record import write_json
from foundational.specs.params import read_params
from foundational.specs.parsing import merge, read_yaml
from foundational.workspace.validations import read_validation, validation_path

#: Stages of the quick pipeline, in the order in which they build on each other.
STAGES = (
    "sample@ni-momt-32",
    "distill@ni",
    "translate@al",
    "translate@nb",
    "validate@ni",
    "validate@al",
    "validate@nb",
)
POOL = "ni-momt-32"
DATASETS = ("ni", "al", "nb")
STRUCTURES = ("fcc", "bcc", "hcp")


class Row(Report):
    """One relaxed crystal of the closing table; mean over networks, energies in eV per atom, lengths in Å.

    Numbers are null where a network found no minimum for the crystal.
    """

    dataset: str
    structure: str
    atoms: int
    nearest_neighbour_distance: float | None = Field(alias="bond")
    reference_nearest_neighbour_distance: float = Field(alias="reference_bond")
    energy_per_atom: float | None
    reference_energy_per_atom: float
    error_meV: float | None  # noqa: N815 - the unit's own spelling
    rank: int
    rank_ok: bool


def _dvc(root: Path, *arguments: str) -> None:
    """Run DVC in ``root`` with its output on stderr; EngineError where it fails."""
    environment = os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "DVC_NO_ANALYTICS": "1",
    }
    command = [sys.executable, "-m", "dvc", *arguments]
    status = subprocess.run(command, cwd=root, env=environment, stdout=sys.stderr, check=False).returncode
    if status:
        raise EngineError(f"dvc {' '.join(arguments)} failed with status {status}; its messages are above")


def _link(source: Path, target: Path) -> None:
    if target.is_symlink() or target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(os.path.relpath(source, target.parent), target_is_directory=source.is_dir())


def prepare(root: Path) -> Path:
    """Make ``build/quick`` below ``root``, or update it, and return it. Results that it has already are kept."""
    if not (root / "params.quick.yaml").is_file():
        raise NotFoundError(
            f"expected {root / 'params.quick.yaml'}: the quick pipeline is that of the project foundational itself"
        )
    quick = root / "build" / "quick"
    quick.mkdir(parents=True, exist_ok=True)
    params = merge(read_yaml(root / "params.yaml"), read_yaml(root / "params.quick.yaml"))
    writer = YAML()
    with (quick / "params.yaml").open("w", encoding="utf-8") as stream:
        writer.dump(params, stream)
    read_params(quick / "params.yaml")
    shutil.copyfile(root / "dvc.yaml", quick / "dvc.yaml")
    _link(root / "foundational", quick / "foundational")
    _link(root / "datasets" / "potentials", quick / "datasets" / "potentials")
    for about in (root / "datasets").glob("*/about.yaml"):
        target = quick / "datasets" / about.parent.name / "about.yaml"
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(about, target)
    # Manifests stand for further pools, on which stages depend that the small settings do not use.
    for manifest in (root / "datasets" / "pools").glob("*/manifest.json"):
        if manifest.parent.name != POOL:
            _link(manifest, quick / "datasets" / "pools" / manifest.parent.name / manifest.name)
    for holdout in (root / "datasets").glob("*-holdout"):
        if (holdout / "data.zarr").exists():
            shutil.copytree(holdout, quick / "datasets" / holdout.name, dirs_exist_ok=True)
    if not (quick / ".dvc").exists():
        _dvc(quick, "init", "--quiet", "--no-scm")
    return quick


@dataclass(frozen=True)
class QuickRun:
    """Where the quick pipeline ran, its table, and whether every gate passed."""

    root: Path
    rows: list[Row]
    passed: bool


def run(root: Path) -> QuickRun:
    """Run every stage that is out of date; a second run does nothing. The table is made even where a gate fails.

    Raises
    ------
    MissingDependencyError
        where DVC is not installed.
    EngineError
        where a stage before validation fails.
    """
    if find_spec("dvc") is None:
        raise MissingDependencyError(package_needed("dvc"))
    quick = prepare(root)
    made = [stage for stage in STAGES if not stage.startswith("validate@")]
    _dvc(quick, "repro", "--single-item", *made)
    reports = [validation_path(quick, name) for name in DATASETS]
    passed = True
    try:
        _dvc(quick, "repro", "--single-item", "--keep-going", *(s for s in STAGES if s not in made))
    except EngineError:
        if not all(report.exists() for report in reports):
            raise
        passed = False
    rows = summary(quick)
    write_json(quick / "summary.json", {"passed": passed, "rows": [row.model_dump(mode="json") for row in rows]})
    return QuickRun(quick, rows, passed)


def summary(root: Path) -> list[Row]:
    """The closing table from the validation reports in ``root``: one row for each crystal, the lowest energy first.

    Raises
    ------
    NotFoundError
        where a dataset was not validated.
    """
    rows = []
    for name in DATASETS:
        report = read_validation(root, name)
        if report is None:
            raise NotFoundError(f"no validation report of {name!r}; run: foundational quick")
        means = {s: _mean([member.structures[s] for member in report.members]) for s in STRUCTURES}
        order = sorted(STRUCTURES, key=lambda s: (means[s]["energy_per_atom"] is None, means[s]["energy_per_atom"]))
        rows += [
            Row(dataset=name, structure=s, rank=i + 1, rank_ok=report.rank_ok, **means[s]) for i, s in enumerate(order)
        ]
    return rows


_NUMBERS = (
    "nearest_neighbour_distance",
    "reference_nearest_neighbour_distance",
    "energy_per_atom",
    "reference_energy_per_atom",
    "error_meV",
)


def _mean(networks: list[StructureReport]) -> dict[str, Any]:
    """One crystal, mean over networks; a number is None where a network has none."""
    means: dict[str, Any] = {"atoms": networks[0].atoms}
    for key in _NUMBERS:
        values = [getattr(network, key) for network in networks]
        means[key] = None if None in values else sum(values) / len(values)
    return means
