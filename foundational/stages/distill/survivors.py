"""The first step of a selection from a large pool: shard by shard, which candidates the rounds look at.

Networks are trained on a random sample of the pool. In each shard of neighbouring configurations, those are kept that
are most informative for the last layers of these networks: the measure of the method ``informative``, in each shard
for itself. So every shard sends its rare configurations to the rounds, which select from all of them exactly. One pass
reads the pool, a shard at a time.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import Offsets
from foundational.data.configurations import Configurations
from foundational.data.layout import CONFIGURATION
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.last_layer import last_layer_means, rms
from foundational.engines.ani.threads import kernel_threads
from foundational.evaluation.member_training import train_members
from foundational.execution.tasks import Arrays, Tasks
from foundational.progress import Progress
from foundational.science.picking import pick_informative
from foundational.seeds import derive
from foundational.source_files import digest_of, imported_modules
from foundational.specs.ani import AniSpec
from foundational.specs.distill import DistillSpec

#: Configurations of a shard. It decides which candidates survive.
SHARD: Final = 16_384
#: Configurations of the sample, and networks that are trained on it.
_SAMPLE, _MEMBERS = 300, 2


def survivors(
    spec: DistillSpec,
    ani: AniSpec,
    pool: xr.Dataset,
    order: NDArray[np.int64],
    seed: int,
    tasks: Tasks,
    progress: Progress | None = None,
) -> NDArray[np.int64]:
    """Rows of ``pool``, ascending: the first ``spec.initial`` of ``order``, and about ``spec.survivors`` others.

    Parameters
    ----------
    order
        Rows that may be chosen, in random order.
    tasks
        Where shards are scored; each is kept as it comes.
    progress
        Called with (shards scored, all, a word).
    """
    assert spec.survivors is not None
    offsets = Offsets.of(pool)
    first = np.sort(order[: spec.initial])
    sample = offsets.configurations(pool, np.sort(order[:_SAMPLE]))
    every, name = [np.arange(len(sample))] * _MEMBERS, derive(seed, "distill", spec.pool, "survivors")
    ensemble = train_members(ani.model_copy(update={"members": _MEMBERS}), sample, every, name, tasks)
    scale = rms(last_layer_means(ensemble, sample))
    known = last_layer_means(ensemble, offsets.configurations(pool, first, ())) / scale
    total = pool.sizes[CONFIGURATION]
    candidate = np.zeros(total, dtype=bool)
    candidate[order] = True
    candidate[first] = False
    share = spec.survivors / max(1, int(candidate.sum()))
    starts = range(0, total, SHARD)

    def shards() -> Iterator[tuple[Any, ...]]:
        for start in starts:
            rows = start + np.flatnonzero(candidate[start : start + SHARD])
            budget = min(len(rows), int(np.ceil(share * len(rows))))
            yield ensemble, scale, known, offsets.configurations(pool, rows, ()), rows, budget

    code = digest_of(imported_modules(__name__).values())
    identity = f"{name} {ensemble.id} {share} {pool.sizes} {code}"
    found = [first]
    for part in tasks.kept_results(_best_of_shard, shards(), identity):
        found.append(part["rows"])
        if progress is not None:
            progress(len(found) - 1, len(starts), "shards")
    return np.sort(np.concatenate(found))


def _best_of_shard(
    ensemble: Ensemble,
    scale: NDArray[np.float32],
    known: NDArray[np.float32],
    shard: Configurations,
    rows: NDArray[np.int64],
    budget: int,
) -> Arrays:
    """The most informative ``budget`` of the configurations ``rows`` of a shard, with ``known`` chosen already."""
    if budget == 0:
        return {"rows": rows[:0]}
    features = last_layer_means(ensemble, shard) / scale
    with kernel_threads():  # of BLAS one, so that no number depends on how many there are
        return {"rows": rows[pick_informative(features, known, budget)]}
