"""Configurations of three and four elements that a training set never has together, labelled by sums over two."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations, Labels, concatenate
from foundational.data.labeller import Model
from foundational.evaluation.pair_sums import two_element_sum
from foundational.seeds import generator

#: Configurations with more elements than this add nothing: an environment has pairs of neighbours.
_MOST_ELEMENTS: Final = 4
#: Composed configurations for each labelled one.
_SHARE: Final = 0.25
#: Concentration of the Dirichlet distribution of compositions; 1 would be uniform, many are nearly equal shares.
_CONCENTRATION: Final = 3.0


def unseen_groups(configurations: Configurations) -> list[tuple[int, ...]]:
    """Sets of three and four elements, three of which no crystal has together, though each two of them are in one.

    Returns
    -------
    groups
        Atomic numbers, ascending; none for configurations of one or two elements, and for clusters.
    """
    crystals = _crystals(configurations)
    elements = np.unique(crystals.atomic_numbers)
    has = np.zeros((len(crystals), len(elements)), dtype=bool)
    has[crystals.configuration_of_atom, np.searchsorted(elements, crystals.atomic_numbers)] = True

    def together(places: Sequence[int]) -> bool:
        return bool(has[:, list(places)].all(axis=1).any())

    return [
        tuple(elements[list(group)].tolist())
        for size in range(3, _MOST_ELEMENTS + 1)
        for group in combinations(range(len(elements)), size)
        if all(together(two) for two in combinations(group, 2))
        and not all(together(three) for three in combinations(group, 3))
    ]


def composed(configurations: Configurations, groups: NDArray[np.integer], model: Model) -> Labels:
    """Energies, forces and stresses as sums of those that ``model`` gives to decorations with two elements.

    Parameters
    ----------
    groups
        (C, n) the atomic numbers between which each configuration's atoms are divided.
    """
    patterns, weights = two_element_sum(groups.shape[1])
    owner = configurations.configuration_of_atom
    place = (configurations.atomic_numbers[:, None] == groups[owner]).argmax(axis=1)
    energy = np.zeros(len(configurations))
    forces, stress = np.zeros(configurations.positions.shape), np.zeros((len(configurations), 3, 3))
    for pattern, weight in zip(patterns, weights.tolist(), strict=True):
        numbers = groups[owner, pattern[place]].astype(configurations.atomic_numbers.dtype)
        found = model.label(replace(configurations, atomic_numbers=numbers, labels=None))
        energy += weight * found.energy
        forces += weight * found.forces
        stress += weight * found.stress
    return Labels(energy, forces.astype(np.float32), stress)


def composed_configurations(
    configurations: Configurations, unseen: Sequence[tuple[int, ...]], model: Model, seed: int
) -> Configurations:
    """Configurations of elements that ``configurations`` never have together, one for four of these.

    Their atoms are at random sites of ``configurations``, scaled to the sum of the elements' volumes. Their labels
    follow from what ``model`` gives to one and two elements (`composed`). Those with larger forces than any label are
    dropped.

    Parameters
    ----------
    configurations
        On which ``model`` was trained.
    unseen
        `unseen_groups` of them, at least one.
    seed
        Of positions, compositions and sites.
    """
    crystals = _crystals(configurations)
    random = generator(seed, "composed")
    count = max(1, round(_SHARE * len(crystals)))
    volumes = _atomic_volumes(crystals)
    most = float(_largest_forces(crystals).max()) or np.inf  # no forces are known
    size = {n: [group for group in unseen if len(group) == n] for n in sorted({len(group) for group in unseen})}
    parts = []
    for n, choices in size.items():
        rows = random.integers(len(crystals), size=-(-count // len(size)))
        groups = np.array(choices)[random.integers(len(choices), size=len(rows))]
        base = crystals.take(rows).with_labels(None)
        numbers = np.concatenate(
            [
                random.choice(group, atoms, p=random.dirichlet(np.full(n, _CONCENTRATION)))
                for group, atoms in zip(groups, base.n_atoms.tolist(), strict=True)
            ]
        )
        totals = [
            np.bincount(base.configuration_of_atom, volumes[z], len(base)) for z in (numbers, base.atomic_numbers)
        ]
        scale = np.cbrt(totals[0] / totals[1])
        decorated = replace(
            base,
            atomic_numbers=numbers.astype(base.atomic_numbers.dtype),
            cell=base.cell * scale[:, None, None],
            positions=(base.positions * scale[base.configuration_of_atom, None]).astype(base.positions.dtype),
        )
        decorated = decorated.with_labels(composed(decorated, groups, model))
        parts.append(decorated.take(np.flatnonzero(_largest_forces(decorated) <= most)))
    return concatenate(parts)


def _crystals(configurations: Configurations) -> Configurations:
    """Those that are periodic along all vectors, and have an atom for each element of a group."""
    periodic = configurations.pbc.all(axis=1) & ~configurations.without_volume
    return configurations.take(np.flatnonzero(periodic & (configurations.n_atoms >= _MOST_ELEMENTS)))


def _largest_forces(configurations: Configurations) -> NDArray[np.float64]:
    """(C,) the largest force on an atom of each configuration, eV/Å; zero where none is known."""
    assert configurations.labels is not None
    sizes = np.nan_to_num(np.linalg.norm(configurations.labels.forces.astype(np.float64), axis=1))
    return np.asarray(np.maximum.reduceat(sizes, configurations.offsets[:-1]))


def _atomic_volumes(configurations: Configurations) -> NDArray[np.float64]:
    """Å³ by atomic number: the least squares of the volumes of ``configurations``, within their range."""
    elements = np.unique(configurations.atomic_numbers)
    counts = np.zeros((len(configurations), len(elements)))
    places = np.searchsorted(elements, configurations.atomic_numbers)
    np.add.at(counts, (configurations.configuration_of_atom, places), 1)
    per_atom = configurations.volume / configurations.n_atoms
    found = np.linalg.lstsq(counts / configurations.n_atoms[:, None], per_atom, rcond=None)[0]
    volumes = np.zeros(int(elements.max()) + 1)
    volumes[elements] = np.clip(found, per_atom.min(), per_atom.max())
    return volumes
