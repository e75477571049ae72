"""Collected labels as a dataset: the configurations as they were, with labels of another method."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import xarray as xr

from foundational.data.batches import take, to_configurations
from foundational.data.configurations import Labels
from foundational.data.conversion import to_dataset, with_foreign
from foundational.data.layout import CONFIGURATION, VARIABLES, foreign_attributes, is_foreign
from foundational.labelling.candidates import CARRIED, UNCHANGED
from foundational.stages.collect.stage import Label

_KEPT: Final = (*CARRIED, *UNCHANGED, "transformed_to", "recipe")
#: Fields of the outputs themselves.
STEPS, RESIDUAL, DIGEST = "scf_steps", "scf_residual", "output_sha256"


def labelled(jobs: xr.Dataset, labels: Mapping[int, Label], attributes: Mapping[str, Any]) -> xr.Dataset:
    """The configurations of ``jobs`` that have labels, in their order, with what their dataset says of each.

    Also kept are the SCF steps and the residual of each output, where it states them, and its sha256.
    """
    rows = sorted(labels)
    few = take(jobs, rows).load()
    found = [labels[row] for row in rows]
    configurations = to_configurations(few).with_labels(
        Labels(
            np.array([label.energy for label in found]),
            np.concatenate([label.forces for label in found]),
            np.stack([label.stress for label in found]),
        )
    )
    variables = {name: few[name].to_numpy() for name in _KEPT if name in few and name in VARIABLES}
    kept = {key: jobs.attrs[key] for key in ("volume_per_atom",) if key in jobs.attrs}
    dataset = to_dataset(configurations, attrs={**kept, **attributes}, parent_id=few["id"].to_numpy(), **variables)
    foreign = {
        str(name): variable.variable
        for name, variable in few.data_vars.items()
        if is_foreign(variable) and name not in {STEPS, RESIDUAL, DIGEST}
    }
    digests = np.array([list(bytes.fromhex(label.sha256)) for label in found], dtype=np.uint8)
    foreign[DIGEST] = xr.Variable((CONFIGURATION, "sha256"), digests, foreign_attributes("1"))
    for name, unit in ((STEPS, "1"), (RESIDUAL, "eV")):
        values = [label.scf_steps if name == STEPS else label.residual for label in found]
        if any(value is not None for value in values):
            numbers = np.array([np.nan if value is None else float(value) for value in values])
            foreign[name] = xr.Variable((CONFIGURATION,), numbers, foreign_attributes(unit))
    return with_foreign(dataset, foreign)


def labels_of(dataset: xr.Dataset) -> dict[str, Label]:
    """The labels of a dataset that `labelled` made, by id."""
    found = to_configurations(dataset)
    if found.labels is None:
        return {}
    ids = [row.tobytes().hex() for row in dataset["id"].to_numpy()]
    digests = dataset[DIGEST].to_numpy()
    numbers = {name: dataset[name].to_numpy() if name in dataset else None for name in (STEPS, RESIDUAL)}

    def number(name: str, row: int) -> float | None:
        values = numbers[name]
        return None if values is None or np.isnan(values[row]) else float(values[row])

    out = {}
    for row, name in enumerate(ids):
        steps = number(STEPS, row)
        out[name] = Label(
            float(found.labels.energy[row]),
            found.labels.forces[found.offsets[row] : found.offsets[row + 1]].astype(np.float64),
            found.labels.stress[row],
            digests[row].tobytes().hex(),
            None if steps is None else int(steps),
            number(RESIDUAL, row),
        )
    return out
