"""Decorated copies of configurations: each gets elements at its sites; cells and positions stay those of the parent."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.data.layout import VARIABLES
from foundational.labelling.candidates import Candidates
from foundational.science.alloys.composition import nearest_counts
from foundational.science.alloys.decoration import Lattice, Mixture, decorate
from foundational.science.alloys.sites import Cubic, sites_of_atoms, supercell_sites
from foundational.seeds import generator
from foundational.stages.translate.transformation import VARIABLE

#: Variable of the layout that says how a configuration was decorated.
DECORATION = "decoration"


@dataclass(frozen=True, eq=False)
class Source:
    """Configurations to decorate, with their sites where they are crystals."""

    configurations: Configurations
    lattices: tuple[Lattice | None, ...]

    def take(self, rows: NDArray[np.int64]) -> "Source":
        """The configurations ``rows``."""
        return Source(self.configurations.take(rows), tuple(self.lattices[row] for row in rows.tolist()))


@dataclass(frozen=True, eq=False)
class Decorated:
    """Decorated configurations at the lengths of the parent."""

    configurations: Configurations
    rows: NDArray[np.int64]
    """(C,) of the source."""
    codes: NDArray[np.int8]
    """(C,) of the variable ``decoration``."""


def source_of(candidates: Candidates) -> Source:
    """The sites of every candidate: those of a cubic supercell that its atoms are near, else none.

    Transformed copies of FCC and BCC keep the sites of their originals. HCP copies have the sites of the FCC crystals
    that were sheared: there L1_2 is D0_19, and L1_0 is B19. Configurations that are liquid, or crystals that do not lie
    along the cell, have no sites; their decorations are random.
    """
    c = candidates.configurations
    names = VARIABLES[VARIABLE].meanings
    lattices: list[Lattice | None] = []
    for row, code in enumerate(candidates.columns[VARIABLE].tolist()):
        sites = supercell_sites(int(c.n_atoms[row]))
        form = names[code]
        if sites is None or form == "hcp" or not c.pbc[row].all():
            lattices.append(None)
            continue
        positions = c.positions[c.offsets[row] : c.offsets[row + 1]].astype(np.float64)
        site = sites_of_atoms(c.cell[row], positions, sites)
        crystal: Cubic = sites.crystal if code == 0 else "bcc" if form == "bcc" else "fcc"
        lengths = np.linalg.norm(c.cell[row], axis=1)
        axis = int(np.argmax(np.abs(lengths - np.median(lengths))))
        lattices.append(None if site is None else Lattice(sites, site, crystal, axis))
    for row, code in enumerate(candidates.columns[VARIABLE].tolist()):
        original = lattices[int(candidates.rows[row])]
        if names[code] == "hcp" and original is not None and original.crystal == "fcc":
            lattices[row] = original
    return Source(c, tuple(lattices))


def decorated(
    source: Source, mixture: Mixture, symbols: Sequence[str], repeats: NDArray[np.int64], seed: int, name: str
) -> Decorated:
    """Decorations of each configuration of ``source``, all first ones before all second ones.

    The copies of a single atom are of one element after the other.

    Compositions are spread evenly over all of them; each configuration draws from its own random stream.

    Parameters
    ----------
    symbols
        The elements, in the order of their numbers.
    repeats
        (C,) how often each configuration is decorated.
    name
        Of the random streams below ``seed``.
    """
    c = source.configurations
    copies = [np.flatnonzero(repeats > k) for k in range(int(repeats.max(initial=0)))]
    rows, copy = np.concatenate(copies), np.repeat(np.arange(len(copies)), [len(some) for some in copies])
    random = generator(seed, "decorate", name, "compositions")
    where = (random.permutation(len(rows)) + random.random(len(rows))) / len(rows)
    numbers = np.array([atomic_numbers[symbol] for symbol in symbols], dtype=np.uint8)
    kinds, elements = [], []
    for k, row in enumerate(rows.tolist()):
        n = int(c.n_atoms[row])
        counts = None
        if mixture.compositions:
            counts = nearest_counts(mixture.compositions[int(where[k] * len(mixture.compositions))], n)
        if n == 1:
            counts = np.eye(len(symbols), dtype=np.int64)[copy[k] % len(symbols)]
        own = generator(seed, "decorate", name, k)
        one = decorate(mixture, n, len(symbols), source.lattices[row], float(where[k]), counts, own)
        kinds.append(one.kind)
        elements.append(numbers[one.elements])
    meanings = VARIABLES[DECORATION].meanings
    taken = replace(c.take(rows).with_labels(None), atomic_numbers=np.concatenate(elements))
    return Decorated(taken, rows, np.array([meanings.index(kind) for kind in kinds], dtype=np.int8))


def shares_of(configurations: Configurations, symbols: Sequence[str]) -> NDArray[np.float64]:
    """(C, E) the composition of each configuration."""
    owner, count = configurations.configuration_of_atom, len(configurations)
    found = [np.bincount(owner, configurations.atomic_numbers == atomic_numbers[s], count) for s in symbols]
    return np.stack(found, axis=1) / configurations.n_atoms[:, None]


def counts_by_kind(codes: NDArray[np.int8]) -> dict[str, int]:
    """How many configurations have each kind of decoration."""
    meanings = VARIABLES[DECORATION].meanings
    values, counts = np.unique(codes, return_counts=True)
    return {meanings[value]: count for value, count in zip(values.tolist(), counts.tolist(), strict=True)}


def columns(source: Candidates, made: Decorated) -> dict[str, Any]:
    """Variables of decorated configurations: the crystal of a transformed copy, and the kind of decoration."""
    return {VARIABLE: source.columns[VARIABLE][made.rows], DECORATION: made.codes}
