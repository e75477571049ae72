"""Which element is at which site: random occupation, and ordered compounds with antisite atoms."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foundational.science.alloys.composition import random_counts
from foundational.science.alloys.patterns import PATTERNS, sublattice
from foundational.science.alloys.sites import Cubic, Sites

#: Kinds of decoration that need no sites.
DISORDERED: Final = ("random", "short-range")
#: All kinds, in the order of their codes in the layout, from 1; 0 is a pure element.
KINDS: Final = (*DISORDERED, *PATTERNS)
#: Largest share of the atoms by which a composition may miss that of an ordered compound.
_NEAR: Final = 0.125


@dataclass(frozen=True, eq=False)
class Lattice:
    """The sites of a configuration that is a crystal."""

    sites: Sites
    site: NDArray[np.int64]
    """(N,) the site of each atom."""
    crystal: Cubic
    """The crystal that the atoms form: that of the sites, or the other end of the Bain path."""
    axis: int
    """Of the Bain strain, where there was one."""


@dataclass(frozen=True)
class Mixture:
    """What decorations are made, and how often."""

    weights: dict[str, float]
    """By kind; not normalised."""
    pure: float
    """Share of configurations of one element."""
    antisites: int
    """Most pairs of atoms that are swapped in an ordered compound."""
    most: int
    """Largest number of elements in a configuration."""
    compositions: tuple[tuple[float, ...], ...] = ()
    """Shares of the elements; empty: all that the sites can hold, the pure elements with ``pure``."""


@dataclass(frozen=True, eq=False)
class Decoration:
    """The elements of one configuration."""

    kind: str
    """``none`` for a pure element."""
    elements: NDArray[np.int64]
    """(N,) places in the list of elements."""


def kind_for(mixture: Mixture, lattice: Lattice | None, random: np.random.Generator) -> str:
    """A kind of decoration that fits a configuration, with the weights of ``mixture``."""
    fitting = [k for k in mixture.weights if k in DISORDERED or (lattice and PATTERNS[k].crystal == lattice.crystal)]
    weights = np.array([mixture.weights[k] for k in fitting])
    if not weights.sum() > 0:
        return "random"
    return fitting[int(random.choice(len(fitting), p=weights / weights.sum()))]


def decorate(
    mixture: Mixture,
    n_atoms: int,
    n_elements: int,
    lattice: Lattice | None,
    where: float,
    counts: NDArray[np.int64] | None,
    random: np.random.Generator,
) -> Decoration:
    """Decorate one configuration.

    Where the atoms are at no sites, or no ordered compound is near the composition, the decoration is random.

    Parameters
    ----------
    lattice
        Its sites, where it is a crystal.
    where
        0…1: first the pure elements in turn, then the place on the axis of compositions.
    counts
        (E,) the numbers of atoms; None: drawn.
    """
    if counts is None and where < mixture.pure:
        return Decoration("none", np.full(n_atoms, int(where / mixture.pure * n_elements)))
    kind = kind_for(mixture, lattice, random)
    if lattice is not None and kind in PATTERNS:
        ordered = _ordered(mixture, kind, n_elements, lattice, counts, random)
        if ordered is not None:
            return ordered
        kind = "random"
    if counts is None:
        place = (where - mixture.pure) / (1 - mixture.pure)
        counts = random_counts(n_atoms, n_elements, mixture.most, place, random)
    kind = "none" if counts.max() == n_atoms else kind
    return Decoration(kind, random.permutation(np.repeat(np.arange(n_elements), counts)))


def _ordered(
    mixture: Mixture,
    kind: str,
    n_elements: int,
    lattice: Lattice,
    counts: NDArray[np.int64] | None,
    random: np.random.Generator,
) -> Decoration | None:
    """A compound with antisite atoms; None where it does not fit the cell or the composition."""
    first = sublattice(kind, lattice.sites, lattice.axis, random)
    if first is None:
        return None
    n = len(first)
    pairs = random.permutation([(a, b) for a in range(n_elements) for b in range(n_elements) if a != b])
    ideal = np.zeros((len(pairs), n_elements), dtype=np.int64)
    ideal[np.arange(len(pairs)), pairs[:, 0]] = first.sum()
    ideal[np.arange(len(pairs)), pairs[:, 1]] = n - first.sum()
    if counts is None:
        chosen, counts = 0, ideal[0].copy()
        if random.random() < 0.5:  # off the ideal composition by some atoms, to any element
            others = np.arange(n_elements) if mixture.most > 2 else pairs[0]
            for _ in range(int(random.integers(1, max(2, int(_NEAR / 2 * n) + 1)))):
                source, target = random.choice(np.flatnonzero(counts)), random.choice(others)
                counts[source] -= 1
                counts[target] += 1
    else:
        misses = np.abs(ideal - counts).sum(axis=1) / 2 / n
        chosen = int(np.argmin(misses))
        if misses[chosen] > _NEAR:
            return None
    elements = _filled(first, counts, (int(pairs[chosen][0]), int(pairs[chosen][1])), random)
    swap_pairs(elements, int(random.integers(0, mixture.antisites + 1)), random)
    return Decoration(kind, elements[lattice.site])


def _filled(
    first: NDArray[np.bool_], counts: NDArray[np.int64], pair: Sequence[int], random: np.random.Generator
) -> NDArray[np.int64]:
    """(N,) the element of each site: each sublattice gets its own as far as there are atoms, the rest is random."""
    out = np.full(len(first), -1, dtype=np.int64)
    left = counts.copy()
    for element, own in zip(pair, (first, ~first), strict=True):
        places = random.permutation(np.flatnonzero(own))[: left[element]]
        out[places] = element
        left[element] -= len(places)
    out[out < 0] = random.permutation(np.repeat(np.arange(len(counts)), left))
    return out


def swap_pairs(elements: NDArray[np.int64], pairs: int, random: np.random.Generator) -> None:
    """Swap that many pairs of atoms of different elements, in place."""
    for _ in range(pairs):
        i = int(random.integers(len(elements)))
        others = np.flatnonzero(elements != elements[i])
        if not len(others):
            return
        j = int(random.choice(others))
        elements[i], elements[j] = elements[j], elements[i]
