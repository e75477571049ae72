"""One configuration, as input files of other programs need it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from foundational.data.configurations import Configurations

_SYMBOLS: Final = np.array(chemical_symbols)


@dataclass(frozen=True, eq=False)
class Structure:
    """A cell of N atoms."""

    numbers: NDArray[np.uint8]
    """(N,) atomic numbers."""
    positions: NDArray[np.float64]
    """(N, 3) Å."""
    cell: NDArray[np.float64]
    """(3, 3) Å, lattice vectors in rows."""
    pbc: NDArray[np.bool_]
    """(3,)"""

    @property
    def symbols(self) -> list[str]:
        """Of each atom."""
        symbols: list[str] = _SYMBOLS[self.numbers].tolist()
        return symbols

    @property
    def elements(self) -> list[str]:
        """Each once, in the order of the atoms."""
        return list(dict.fromkeys(self.symbols))

    def mesh(self, spacing: float) -> tuple[int, int, int]:
        """Divisions of a k-point mesh whose points are at most ``spacing`` 1/Å apart along each reciprocal vector.

        The reciprocal vectors include 2π, as KSPACING of VASP does. One point serves along open directions.
        """
        reciprocal = 2 * np.pi * np.linalg.inv(self.cell).T
        lengths = np.linalg.norm(reciprocal, axis=1)
        many = np.where(self.pbc, np.maximum(1, np.ceil(lengths / spacing - 1e-9)), 1).astype(int).tolist()
        return many[0], many[1], many[2]


def structures_of(configurations: Configurations) -> list[Structure]:
    """Each configuration of a batch."""
    c = configurations
    ends = c.offsets.tolist()
    return [
        Structure(
            c.atomic_numbers[ends[i] : ends[i + 1]],
            c.positions[ends[i] : ends[i + 1]].astype(np.float64),
            np.array(c.cell[i], dtype=np.float64),
            c.pbc[i],
        )
        for i in range(len(c))
    ]


def row(vector: NDArray[np.float64]) -> str:
    """A vector in as many digits as give the same numbers again."""
    return " ".join(map(repr, vector.tolist()))
