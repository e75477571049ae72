"""Short-range order: swaps of atoms by Metropolis Monte Carlo, at the positions of a hot configuration."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.labelling.session import LabellingSession
from foundational.seeds import generator


def swapped(
    configurations: Configurations,
    thermal_energy: NDArray[np.float64],
    swaps: int,
    session: LabellingSession,
    seed: int,
) -> Configurations:
    """Elements exchanged between pairs of atoms; positions and cells stay.

    One swap of each configuration is proposed at a time, and accepted with the probability of N. Metropolis et al.,
    doi 10.1063/1.1699114. All configurations are labelled together, so that an executor has work for many workers.

    Parameters
    ----------
    thermal_energy
        (C,) k·T, eV.
    swaps
        Proposed, for each atom.
    """
    randoms = [generator(seed, "swaps", c) for c in range(len(configurations))]
    numbers = configurations.atomic_numbers.copy()
    energy = session.label(configurations).energy
    offsets, sizes = configurations.offsets, configurations.n_atoms.tolist()
    for step in range(swaps * max(sizes)):
        active = np.flatnonzero(configurations.n_atoms * swaps > step)
        trial = numbers.copy()
        for c in active.tolist():
            own = trial[offsets[c] : offsets[c + 1]]  # a view: the swap is written to the trial
            i = int(randoms[c].integers(sizes[c]))
            others = np.flatnonzero(own != own[i])
            if len(others):
                j = int(others[randoms[c].integers(len(others))])
                own[i], own[j] = own[j], own[i]
        batch = replace(configurations, atomic_numbers=trial).take(active)
        found = session.label(batch).energy
        for k, c in enumerate(active.tolist()):
            change = (found[k] - energy[c]) / thermal_energy[c]
            if change <= 0 or randoms[c].random() < np.exp(-change):
                energy[c] = found[k]
                atoms = slice(offsets[c], offsets[c + 1])
                numbers[atoms] = trial[atoms]
    return replace(configurations, atomic_numbers=numbers)
