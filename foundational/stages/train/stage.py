"""Training an ensemble on a labelled dataset."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.training import train
from foundational.progress import Progress
from foundational.specs.ani import AniSpec


def train_ensemble(
    spec: AniSpec,
    configurations: Configurations,
    train_indices: Sequence[NDArray[np.integer]],
    seed: int,
    *,
    memory: int | None = None,
    threads: int | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Ensemble:
    """Train ``spec.members`` networks; member m on the configurations ``train_indices[m]``, the rest is held out.

    The same specification, data, indices and seed give the same numbers on the same machine; ``memory`` (bytes for
    cached derivatives) and ``threads`` change none. ``device`` is ``cpu`` or one of torch's, such as ``cuda``.
    """
    return train(
        spec, configurations, train_indices, seed, memory=memory, threads=threads, device=device, progress=progress
    )
