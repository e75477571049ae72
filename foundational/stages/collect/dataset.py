"""Collected labels as a dataset: the configurations as they were, with labels of another method."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import take, to_configurations
from foundational.data.configurations import Labels
from foundational.data.conversion import to_dataset, with_foreign
from foundational.data.layout import CONFIGURATION, VARIABLES, foreign_attributes, is_foreign
from foundational.labelling.candidates import CARRIED, UNCHANGED
from foundational.stages.collect.stage import Label

_KEPT: Final = (*CARRIED, *UNCHANGED, "transformed_to")
#: Fields of the outputs themselves.
ACCURACY, DIGEST = "scf_accuracy", "output_sha256"


def labelled(jobs: xr.Dataset, labels: Mapping[int, Label], attributes: Mapping[str, Any]) -> xr.Dataset:
    """The configurations of ``jobs`` that have labels, in their order, with what their dataset says of each.

    Also kept are the SCF steps and the accuracy that each output states, where it does, and its sha256.
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
    variables: dict[str, NDArray[Any]] = {
        name: few[name].to_numpy() for name in _KEPT if name in few and name in VARIABLES
    }
    if any(label.scf_steps is not None for label in found):
        steps = [-1 if label.scf_steps is None else label.scf_steps for label in found]
        variables["scf_steps"] = np.array(steps, dtype=np.int32)
    kept = {key: jobs.attrs[key] for key in ("volume_per_atom",) if key in jobs.attrs}
    dataset = to_dataset(configurations, attrs={**kept, **attributes}, parent_id=few["id"].to_numpy(), **variables)
    foreign = {
        str(name): variable.variable
        for name, variable in few.data_vars.items()
        if is_foreign(variable) and name not in {ACCURACY, DIGEST}
    }
    digests = np.array([list(bytes.fromhex(label.sha256)) for label in found], dtype=np.uint8)
    foreign[DIGEST] = xr.Variable((CONFIGURATION, "sha256"), digests, foreign_attributes("1"))
    if any(label.residual is not None for label in found):
        numbers = np.array([np.nan if label.residual is None else label.residual for label in found])
        foreign[ACCURACY] = xr.Variable((CONFIGURATION,), numbers, foreign_attributes("eV"))
    return with_foreign(dataset, foreign)


def labels_of(dataset: xr.Dataset) -> dict[str, Label]:
    """The labels of a dataset that `labelled` made, by id."""
    found = to_configurations(dataset)
    if found.labels is None:
        return {}
    ids = [row.tobytes().hex() for row in dataset["id"].to_numpy()]
    digests = dataset[DIGEST].to_numpy()
    steps = dataset["scf_steps"].to_numpy() if "scf_steps" in dataset else np.full(len(ids), -1)
    accuracy = dataset[ACCURACY].to_numpy() if ACCURACY in dataset else np.full(len(ids), np.nan)
    out = {}
    for row, name in enumerate(ids):
        out[name] = Label(
            float(found.labels.energy[row]),
            found.labels.forces[found.offsets[row] : found.offsets[row + 1]].astype(np.float64),
            found.labels.stress[row],
            digests[row].tobytes().hex(),
            None if steps[row] < 0 else int(steps[row]),
            None if np.isnan(accuracy[row]) else float(accuracy[row]),
        )
    return out
