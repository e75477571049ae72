"""Compounds of chosen elements at a chosen volume, built from the table of prototypes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from math import gcd
from typing import Self

import numpy as np
from numpy.typing import NDArray

from foundational.errors import InputError, did_you_mean
from foundational.science.compounds.prototypes import PROTOTYPES


@dataclass(frozen=True, eq=False)
class Compound:
    """A cell of a prototype, or any cell, whose sites are occupied by elements."""

    name: str
    """The prototype's."""
    cell: NDArray[np.float64]
    """(3, 3) Å, rows are lattice vectors."""
    fractional: NDArray[np.float64]
    """(N, 3) in units of the cell."""
    symbols: tuple[str, ...]
    """(N,) chemical symbols."""

    def __len__(self) -> int:
        return len(self.symbols)

    @property
    def positions(self) -> NDArray[np.float64]:
        """(N, 3) Å."""
        return self.fractional @ self.cell

    @property
    def volume_per_atom(self) -> float:
        """Å³."""
        return float(abs(np.linalg.det(self.cell))) / len(self)

    @property
    def formula(self) -> str:
        """Elements in alphabetical order, such as ``AlNi3``."""
        counts = {symbol: self.symbols.count(symbol) for symbol in sorted(set(self.symbols))}
        divisor = gcd(*counts.values())
        return "".join(s + (str(n // divisor) if n > divisor else "") for s, n in counts.items())

    @property
    def title(self) -> str:
        """Formula and prototype, such as ``AlNi3 L1_2``."""
        return f"{self.formula} {self.name}"

    def share(self, element: str) -> float:
        """Atoms of ``element`` over all atoms."""
        return self.symbols.count(element) / len(self)

    def scaled(self, volume_per_atom: float) -> Self:
        """The same at another volume per atom, Å³."""
        return replace(self, cell=self.cell * (volume_per_atom / self.volume_per_atom) ** (1 / 3))

    def repeated(self, repeats: tuple[int, int, int]) -> Self:
        """A supercell of ``repeats`` cells along each vector."""
        corners = np.stack(np.meshgrid(*(np.arange(n) for n in repeats), indexing="ij"), axis=-1).reshape(-1, 1, 3)
        fractional = ((corners + self.fractional) / repeats).reshape(-1, 3)
        cell = self.cell * np.array(repeats)[:, None]
        return replace(self, cell=cell, fractional=fractional, symbols=self.symbols * len(corners))


def build_compound(name: str, elements: Sequence[str], volume_per_atom: float) -> Compound:
    """The prototype ``name`` with its first sites occupied by the first of ``elements``, and so on.

    Parameters
    ----------
    elements
        Chemical symbols, as many as the prototype has kinds of sites.
    volume_per_atom
        Å³.

    Raises
    ------
    InputError
        If the prototype is unknown, or of another number of elements.

    Examples
    --------
    >>> build_compound("L1_2", ["Ni", "Al"], 11.0).title
    'AlNi3 L1_2'
    """
    if name not in PROTOTYPES:
        raise InputError(f"expected a prototype, got {name!r}; {did_you_mean(name, PROTOTYPES)}")
    prototype = PROTOTYPES[name]
    if len(elements) != prototype.elements:
        raise InputError(f"expected {prototype.elements} elements for {name} ({prototype.example}), got {elements}")
    symbols = tuple(e for e, count in zip(elements, prototype.counts, strict=True) for _ in range(count))
    fractional = np.array([site for sites in prototype.sites for site in sites]) % 1.0
    unit = Compound(name, np.array(prototype.vectors, dtype=np.float64), fractional, symbols)
    return unit.scaled(volume_per_atom)


def compounds_of(
    elements: Sequence[str], volumes: dict[str, float], names: Sequence[str] | None = None
) -> list[Compound]:
    """Every prototype of one or two elements, on every ordered pair of ``elements``, each compound once.

    Parameters
    ----------
    elements
        Chemical symbols.
    volumes
        Å³ per atom of each pure element, mixed by Vegard's rule.
    names
        Prototypes; None: all.
    """
    found = []
    for name in PROTOTYPES if names is None else names:
        if name not in PROTOTYPES:
            raise InputError(f"expected a prototype, got {name!r}; {did_you_mean(name, PROTOTYPES)}")
        counts = PROTOTYPES[name].counts
        for chosen in permutations(elements, len(counts)):
            # With as many sites of each kind, exchanging the elements of these prototypes gives the same crystal.
            ordered = sorted(chosen, key=list(elements).index)
            if len(set(counts)) < len(counts) and list(chosen) != ordered:
                continue
            volume = sum(n * volumes[e] for n, e in zip(counts, chosen, strict=True)) / sum(counts)
            found.append(build_compound(name, chosen, volume))
    return found
