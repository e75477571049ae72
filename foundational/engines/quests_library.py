"""The library ``quests``: entropy of atomic environments (D. Schwalbe-Koda et al., doi 10.1038/s41467-025-59232-0)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.errors import MissingDependencyError

try:
    from quests.compression.fps import msc_conditional  # type: ignore[import-untyped]
    from quests.descriptor import descriptor_pbc  # type: ignore[import-untyped]
    from quests.entropy import delta_entropy, entropy, get_bandwidth  # type: ignore[import-untyped]
except ImportError as error:
    raise MissingDependencyError("the library quests is not installed; pip install 'foundational[quests]'") from error

#: Neighbours and cutoff (Å) of its descriptor, the library's own.
_NEIGHBOURS, _CUTOFF = 32, 5.0


@dataclass(frozen=True)
class Completeness:
    """How much of a large set's variety a small one keeps; entropies in nats."""

    entropy: float
    """H of the small set's environments."""
    pool_entropy: float
    """H of the large set's."""
    overlap: float
    """Share of the large set's environments with δH ≤ 0 against the small set: they are in it already."""
    bandwidth: float


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
    each = descriptors(candidates)
    entropies = np.array([entropy(x, h=h) for x in each])
    with np.errstate(divide="ignore"):  # an environment unlike all others has an infinite δH, which is meant
        picks = msc_conditional(each, entropies, budget, reference=descriptors(chosen), h=h)
    return np.array(picks, dtype=np.int64)


def completeness(small: Configurations, large: Configurations) -> Completeness:
    """Entropy that ``small`` keeps of ``large``, and its overlap with it."""
    h = bandwidth_for(large)
    x, y = np.concatenate(descriptors(small)), np.concatenate(descriptors(large))
    return Completeness(
        entropy=float(entropy(x, h=h)),
        pool_entropy=float(entropy(y, h=h)),
        overlap=float(np.mean(delta_entropy(y, x, h=h) <= 0)),
        bandwidth=h,
    )
