"""FCC, BCC and HCP as supercells built from the volume per atom.

The three crystals of the validation gate are FCC 32 (2×2×2 cubic cells), BCC 54 (3×3×3) and HCP 48 (3×2×2
orthorhombic cells of four atoms). N is the number of atoms; lengths in Å, volumes in Å³.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from foundational.errors import InputError, did_you_mean

Structure = Literal["fcc", "bcc", "hcp"]
STRUCTURES: Final[tuple[Structure, ...]] = get_args(Structure)

#: c/a of close-packed spheres, √(8/3).
IDEAL_RATIO: Final = (8.0 / 3.0) ** 0.5
#: The c/a of the HCP cell in Jung, Lee and Choi (arXiv 2311.05407), √3; right only for comparing with their table.
PUBLISHED_RATIO: Final = 3.0**0.5

_H = 0.5
#: Atoms in the conventional cell, as fractions of its edges; HCP in the orthorhombic cell a × √3 a × c.
_BASIS: Final[dict[Structure, tuple[tuple[float, float, float], ...]]] = {
    "fcc": ((0, 0, 0), (0, _H, _H), (_H, 0, _H), (_H, _H, 0)),
    "bcc": ((0, 0, 0), (_H, _H, _H)),
    "hcp": ((0, 0, 0), (_H, _H, 0), (_H, 5 / 6, _H), (0, 1 / 3, _H)),
}
#: Lattice vectors of the primitive cell: of FCC and BCC in units of a, of HCP (a, 0, 0), (−a/2, √3 a/2, 0), (0, 0, c).
_PRIMITIVE: Final[dict[Structure, tuple[tuple[float, float, float], ...]]] = {
    "fcc": ((0, _H, _H), (_H, 0, _H), (_H, _H, 0)),
    "bcc": ((-_H, _H, _H), (_H, -_H, _H), (_H, _H, -_H)),
    "hcp": ((1, 0, 0), (-_H, 0.75**0.5, 0), (0, 0, 1)),
}
#: Conventional cells along each edge in the validation gate.
GATE_REPEATS: Final[dict[Structure, tuple[int, int, int]]] = {"fcc": (2, 2, 2), "bcc": (3, 3, 3), "hcp": (3, 2, 2)}


def lattice_constant(structure: Structure, volume_per_atom: float, ratio: float = IDEAL_RATIO) -> float:
    """The edge a of the conventional cell, Å; for HCP the hexagonal a at c/a = ``ratio``.

    FCC has 4 atoms in a³, BCC 2, HCP 4 in √3 a³ c/a.

    >>> round(lattice_constant("fcc", 3.52**3 / 4), 6)
    3.52
    """
    if structure == "hcp":
        return float((4.0 * volume_per_atom / (3.0**0.5 * ratio)) ** (1.0 / 3.0))
    return float((len(_BASIS[structure]) * volume_per_atom) ** (1.0 / 3.0))


def nearest_neighbour(structure: Structure, volume_per_atom: float, ratio: float = IDEAL_RATIO) -> float:
    """The shortest distance between two atoms, Å: a/√2 in FCC, √3 a/2 in BCC, min(a, √(a²/3 + c²/4)) in HCP.

    >>> round(nearest_neighbour("bcc", 3.3**3 / 2), 4)
    2.8579
    """
    a = lattice_constant(structure, volume_per_atom, ratio)
    if structure == "hcp":
        return float(min(a, a * (1.0 / 3.0 + ratio**2 / 4.0) ** 0.5))
    return float(a * (0.5**0.5 if structure == "fcc" else 0.75**0.5))


@dataclass(frozen=True, eq=False)
class Crystal:
    """A perfect supercell."""

    structure: Structure
    repeats: tuple[int, int, int]
    """Conventional cells along each edge."""
    cell: NDArray[np.float64]
    """(3, 3) Å, diagonal."""
    fractional: NDArray[np.float64]
    """(N, 3) in units of the cell."""

    def __len__(self) -> int:
        return len(self.fractional)

    @property
    def positions(self) -> NDArray[np.float64]:
        """(N, 3) Å."""
        return self.fractional @ self.cell

    @property
    def volume_per_atom(self) -> float:
        """Å³."""
        return float(abs(np.linalg.det(self.cell))) / len(self)

    @property
    def lattice_constant(self) -> float:
        """The edge a of the conventional cell, Å; for HCP the hexagonal a."""
        return float(self.cell[0, 0]) / self.repeats[0]

    def scaled(self, volume_per_atom: float) -> Self:
        """The same crystal at another volume per atom, Å³."""
        return replace(self, cell=self.cell * (volume_per_atom / self.volume_per_atom) ** (1.0 / 3.0))


def build_crystal(
    structure: Structure,
    volume_per_atom: float,
    repeats: tuple[int, int, int] | None = None,
    ratio: float = IDEAL_RATIO,
) -> Crystal:
    """A supercell of ``structure``.

    Parameters
    ----------
    structure
        ``fcc``, ``bcc`` or ``hcp``.
    volume_per_atom
        Å³.
    repeats
        Conventional cells along each edge; by default those of the validation gate.
    ratio
        c/a of HCP.

    Raises
    ------
    InputError
        If the structure is unknown or a number is not positive.

    Examples
    --------
    >>> [len(build_crystal(s, 11.0)) for s in STRUCTURES]
    [32, 54, 48]
    """
    if structure not in STRUCTURES:
        raise InputError(f"expected a crystal structure, got {structure!r}; {did_you_mean(structure, STRUCTURES)}")
    repeats = GATE_REPEATS[structure] if repeats is None else repeats
    if not volume_per_atom > 0 or not ratio > 0 or min(repeats) < 1:
        raise InputError(
            f"expected a positive volume per atom, c/a and number of cells, got {volume_per_atom}, {ratio}, {repeats}"
        )
    a = lattice_constant(structure, volume_per_atom, ratio)
    edges = np.array([a, 3.0**0.5 * a, ratio * a]) if structure == "hcp" else np.full(3, a)
    corners = np.stack(np.meshgrid(*(np.arange(n) for n in repeats), indexing="ij"), axis=-1).reshape(-1, 1, 3)
    fractional = (corners + np.array(_BASIS[structure])).reshape(-1, 3) / repeats
    return Crystal(structure, repeats, np.diag(edges * repeats), fractional)


def primitive_cell(
    structure: Structure, volume_per_atom: float, ratio: float = IDEAL_RATIO
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cell (3, 3), Å, and fractional coordinates of the smallest cell: one atom of FCC and BCC, two of HCP.

    >>> cell, fractional = primitive_cell("hcp", 16.0)
    >>> len(fractional), round(float(abs(np.linalg.det(cell))), 6)
    (2, 32.0)
    """
    cell = np.array(_PRIMITIVE[structure], dtype=np.float64) * lattice_constant(structure, volume_per_atom, ratio)
    if structure != "hcp":
        return cell, np.zeros((1, 3))
    cell[2] *= ratio
    return cell, np.array([[0, 0, 0], [1 / 3, 2 / 3, 0.5]])
