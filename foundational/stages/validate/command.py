"""What each command of the pipeline does to a project: find the inputs, run the stage, store what it makes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from foundational.data.store import open_store
from foundational.engines.crystals.references import reference_crystals
from foundational.errors import ConflictError
from foundational.labelling.catalogue import labeller_named
from foundational.labelling.records import labeller_of
from foundational.progress import Progress
from foundational.project import STORE, find_dataset
from foundational.provenance.record import ProvenanceRecord, read_record, write_json
from foundational.specs.params import Params, read_params
from foundational.stages.validate.stage import ValidationReport, validate
from foundational.workspace.holdouts import Holdout, holdout_for, named_holdout


def _params(root: Path) -> Params:
    return read_params(root / "params.yaml")


def validate_dataset(
    root: Path,
    name: str,
    *,
    seeds: int | None = None,
    labeller_name: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    holdout_name: str | None = None,
    write: bool = False,
    progress: Progress | None = None,
) -> ValidationReport:
    """Validate the dataset ``name`` from its stored bytes; ``write`` keeps the report as a DVC metric.

    ``labeller_name`` and ``arguments`` repeat the labeller of the record, where that runs code of its own.
    ``holdout_name`` is a dataset to test on; by default it is what params.yaml names, or any holdout that fits.
    """
    params = _params(root)
    spec = params.validate_
    if seeds is not None:
        spec = spec.model_copy(update={"seeds": seeds})
    folder = find_dataset(root, name)
    dataset, record = open_store(folder / STORE), read_record(folder)
    named = None
    if labeller_name is not None:
        named = labeller_named(labeller_name, root, arguments, element=record.element)
    labeller = labeller_of(record.labeller, root, named)
    reference = reference_crystals(labeller, record.element, rattle=spec.rattle, seed=params.seed)
    if holdout_name is None:
        tested = holdout_for(root, params, name, record)
    else:
        tested = _named_holdout(root, holdout_name, dataset, record)
    report = validate(
        name,
        dataset,
        None if tested is None else tested.dataset,
        None if tested is None else tested.name,
        reference,
        spec,
        params.ani.scaled(spec.training, float(dataset.attrs["volume_per_atom"])),
        params.seed,
        progress=progress,
    )
    if write:
        write_json(root / "metrics" / "validate" / f"{name}.json", report.model_dump(mode="json"))
    return report


def _named_holdout(root: Path, name: str, dataset: xr.Dataset, record: ProvenanceRecord) -> Holdout:
    """The dataset ``name``, if what was trained on ``dataset`` may be tested on it."""
    tested = named_holdout(root, name, record)
    known = {row.tobytes() for row in dataset["id"].to_numpy()}
    if common := sum(row.tobytes() in known for row in tested.dataset["id"].to_numpy()):
        raise ConflictError(
            f"{common} configurations of {name!r} are in {record.output.name!r} too; test on what is not trained on"
        )
    return tested
