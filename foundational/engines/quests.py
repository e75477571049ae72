"""The library ``quests``: entropy of atomic environments (D. Schwalbe-Koda et al., doi 10.1038/s41467-025-59232-0)."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.errors import MissingDependencyError, package_needed

try:
    from quests.compression.fps import msc_conditional  # type: ignore[import-untyped]
    from quests.descriptor import descriptor_pbc  # type: ignore[import-untyped]
    from quests.entropy import delta_entropy, entropy, get_bandwidth  # type: ignore[import-untyped]
except ImportError as error:
    raise MissingDependencyError(package_needed("quests")) from error

#: Neighbours and cutoff (Å) of its descriptor, the library's own.
_NEIGHBOURS, _CUTOFF = 32, 5.0


@dataclass(frozen=True)
class Completeness:
    """How much of a pool's variety a set keeps; entropies in nats, of equally many frames of each."""

    entropy: float
    """H of the set's environments; more than the pool's where the set repeats itself less."""
    pool_entropy: float
    """H of the pool's."""
    overlap: float
    """Share of the pool's environments with δH ≤ 0 against the whole set: it knows them already."""
    bandwidth: float


@contextmanager
def _quiet() -> Iterator[None]:
    """Without numba's warnings on the library's integers and the division by the zero density of what is unlike all."""
    with warnings.catch_warnings(), np.errstate(divide="ignore"):
        warnings.filterwarnings("ignore", message=".*unsafe cast")
        yield


def descriptors(configurations: Configurations) -> list[NDArray[np.float64]]:
    """(N, 63) for each configuration."""
    found = []
    for i in range(len(configurations)):
        atoms = slice(int(configurations.offsets[i]), int(configurations.offsets[i + 1]))
        positions = configurations.positions[atoms].astype(np.float64)
        found.append(np.hstack(descriptor_pbc(positions, configurations.cell[i], k=_NEIGHBOURS, cutoff=_CUTOFF)))
    return found


def bandwidth_for(configurations: Configurations) -> float:
    """The library's rule for the width of its kernel, from the mean volume per atom."""
    return float(get_bandwidth(float(configurations.volume.sum() / configurations.n_atoms.sum())))


def cover(candidates: Configurations, chosen: Configurations, budget: int) -> NDArray[np.int64]:
    """Its minimum set cover of ``candidates``, given what is ``chosen``: positions in the order of choosing."""
    h = bandwidth_for(candidates)
    with _quiet():
        each = descriptors(candidates)
        entropies = np.array([entropy(x, h=h) for x in each])
        picks = msc_conditional(each, entropies, budget, reference=descriptors(chosen), h=h)
    return np.array(picks, dtype=np.int64)


def completeness(some: Configurations, pool: Configurations, whole: Configurations) -> Completeness:
    """How much a set keeps of a pool: ``some`` and ``pool`` are equally many frames of each, ``whole`` is all of it."""
    h = bandwidth_for(pool)
    with _quiet():
        x, y, z = (np.concatenate(descriptors(c)) for c in (some, pool, whole))
        return Completeness(
            entropy=float(entropy(x, h=h)),
            pool_entropy=float(entropy(y, h=h)),
            overlap=float(np.mean(delta_entropy(y, z, h=h) <= 0)),
            bandwidth=h,
        )
