"""``foundational audit``: find a distilled set, its pool and its holdout, and audit the set."""

from pathlib import Path
from typing import Any

import xarray as xr

from foundational.data.named import NamedDataset
from foundational.errors import FoundationalError, NotFoundError
from foundational.progress import Progress
from foundational.project import POOLS, find_dataset
from foundational.provenance.opened import open_recorded
from foundational.provenance.record import ProvenanceRecord
from foundational.specs.params import Params, read_params
from foundational.stages.audit.stage import DistilledSet, TrainingPlan, audit
from foundational.workspace.holdouts import holdout_for
from foundational.workspace.pools import open_pool


def audit_dataset(root: Path, name: str, *, progress: Progress | None = None) -> dict[str, Any]:
    """The audit of the distilled set ``name``, see `foundational.stages.audit.stage.audit`.

    Raises
    ------
    NotFoundError
        There is no such set.
    InputError
        The set was not distilled.
    ChecksumError
        The bytes of its pool differ from the manifest.
    """
    params = read_params(root / "params.yaml")
    folder = find_dataset(root, name)
    dataset, record = open_recorded(folder)
    dataset = dataset.load()
    settings = dict(record.spec.get("distill", {}))
    source = record.inputs[0].name if record.inputs else None
    chosen = DistilledSet(name, dataset, source, settings, record.seed)
    plan = TrainingPlan(params.ani.scaled("recipe", float(dataset.attrs["volume_per_atom"])), params.seed)
    return audit(chosen, _pool(root, source), _holdout(root, params, name, record), plan, progress)


def _pool(root: Path, name: str | None) -> xr.Dataset | None:
    """The pool that a set was chosen from; None where it is not on this machine, or no pool."""
    if name is None or not name.startswith(POOLS):
        return None
    try:
        return open_pool(root, name.removeprefix(POOLS))[0]
    except NotFoundError:
        return None


def _holdout(root: Path, params: Params, name: str, record: ProvenanceRecord) -> NamedDataset | None:
    """What tests networks trained on the set; None where it is not on this machine."""
    try:
        return holdout_for(root, params, name, record)
    except FoundationalError:
        return None
