"""Training an ensemble as one task for each member, which other processes and machines may run."""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.data.fingerprint import fingerprint
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.threads import kernel_threads
from foundational.engines.ani.training import begun, finished, require_labels, train
from foundational.execution.tasks import Arrays, Tasks
from foundational.progress import Progress
from foundational.source_files import digest_of, imported_modules
from foundational.specs.ani import AniSpec


def train_members(
    spec: AniSpec,
    configurations: Configurations,
    train_indices: Sequence[NDArray[np.integer]],
    seed: int,
    tasks: Tasks | None,
    *,
    memory: int | None = None,
    progress: Progress | None = None,
) -> Ensemble:
    """As `train` on the CPU, bit for bit, with each member as a task of ``tasks``.

    Where these run in this process, all members train at once, which takes less time than one after another. Members
    are kept as they come, so that a kill costs those that were training.
    """
    if tasks is None or tasks.executor is None:
        return train(spec, configurations, train_indices, seed, memory=memory, progress=progress)
    require_labels(spec, configurations, train_indices)
    identity = json.dumps(
        [
            spec.model_dump(mode="json"),
            fingerprint(configurations),
            [np.asarray(indices).tolist() for indices in train_indices],
            seed,
            digest_of(imported_modules(__name__).values()),
        ]
    )
    sent = ((spec, configurations, list(train_indices), seed, m, memory) for m in range(len(train_indices)))
    parameters = []
    for found in tasks.kept_results(_trained, sent, identity):
        parameters.append(found["parameters"])
        if progress is not None:
            progress(len(parameters), len(train_indices), "networks")
    with kernel_threads():
        untrained = begun(spec, configurations, train_indices, seed).ensemble
    return replace(untrained, parameters=np.concatenate(parameters))


def _trained(
    spec: AniSpec,
    configurations: Configurations,
    train_indices: Sequence[NDArray[np.integer]],
    seed: int,
    member: int,
    memory: int | None,
) -> Arrays:
    """The parameters (1, E, P) of one member."""
    with kernel_threads():
        beginning = begun(spec, configurations, train_indices, seed).of(member)
        return {"parameters": finished(beginning, spec, seed, memory).parameters}
