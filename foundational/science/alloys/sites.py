"""Sites of a cubic supercell, and which atom of a hot configuration is at which of them.

Coordinates of sites are integers, in halves of the edge of a crystal's conventional cell: FCC has those of even sum,
BCC those that are all even or all odd. Positions (N, 3) and cells (3, 3) in Å.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Cubic = Literal["fcc", "bcc"]

#: Sites of one conventional cell, in halves of its edge.
_BASIS: Final[dict[Cubic, list[tuple[int, int, int]]]] = {
    "fcc": [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)],
    "bcc": [(0, 0, 0), (1, 1, 1)],
}
#: Shortest reciprocal vectors of each crystal, in reciprocal vectors of its conventional cell; three that are
#: independent. The lattice is known up to its own translations by the phases of these waves.
_WAVES: Final[dict[Cubic, NDArray[np.float64]]] = {
    "fcc": np.array([(-1.0, 1, 1), (1, -1, 1), (1, 1, -1)]),
    "bcc": np.array([(0.0, 1, 1), (1, 0, 1), (1, 1, 0)]),
}
#: Nearest-neighbour distance, in edges of the conventional cell.
_BOND: Final[dict[Cubic, float]] = {"fcc": 0.5**0.5, "bcc": 0.75**0.5}
#: Least mean amplitude of these waves: below it the atoms are no crystal that lies along the cell.
_AMPLITUDE: Final = 0.3
#: Largest root mean square displacement from the sites, in nearest-neighbour distances. Crystals melt at 0.1 to 0.15
#: (Lindemann's rule); superheated ones reach 0.2.
_DISPLACEMENT: Final = 0.25


@dataclass(frozen=True, eq=False)
class Sites:
    """The sites of a supercell of n³ conventional cubic cells."""

    crystal: Cubic
    repeats: int
    """Conventional cells along each edge, n."""
    coordinates: NDArray[np.int64]
    """(N, 3) in halves of the edge of the conventional cell."""

    @property
    def fractional(self) -> NDArray[np.float64]:
        """(N, 3) in vectors of the supercell."""
        return self.coordinates / (2.0 * self.repeats)


def supercell_sites(n_atoms: int) -> Sites | None:
    """The sites of the cubic supercell with that many atoms; None where 4n³ and 2n³ are other numbers.

    >>> supercell_sites(32).crystal, supercell_sites(54).crystal, supercell_sites(48)
    ('fcc', 'bcc', None)
    """
    for crystal, basis in _BASIS.items():
        repeats = round((n_atoms / len(basis)) ** (1 / 3))
        if repeats and len(basis) * repeats**3 == n_atoms:
            corners = np.stack(np.meshgrid(*[2 * np.arange(repeats)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
            return Sites(crystal, repeats, (corners + np.array(basis)).reshape(-1, 3).astype(np.int64))
    return None


def sites_of_atoms(cell: NDArray[np.float64], positions: NDArray[np.float64], sites: Sites) -> NDArray[np.int64] | None:
    """(N,) the site of each atom; None where the atoms do not lie near these sites.

    The common shift of all atoms is taken from the phases of three waves of the crystal. The assignment minimises the
    sum of squared displacements (H. W. Kuhn, doi 10.1002/nav.3800020109). A homogeneous strain of cell and positions
    changes nothing: a transformed copy has the sites of its original.
    """
    fractional = positions @ np.linalg.inv(cell)
    waves = _WAVES[sites.crystal] * sites.repeats
    amplitudes = np.exp(2j * np.pi * fractional @ waves.T).mean(axis=0)
    if np.abs(amplitudes).mean() < _AMPLITUDE:
        return None
    shift = np.linalg.solve(waves, np.angle(amplitudes) / (2 * np.pi))
    site = _assigned(cell, fractional - shift, sites)[0]
    difference = fractional - sites.fractional[site]
    mean = np.angle(np.exp(2j * np.pi * difference).mean(axis=0)) / (2 * np.pi)
    site, squares = _assigned(cell, fractional - mean, sites)
    edge = float(np.abs(np.linalg.det(cell))) ** (1 / 3) / sites.repeats
    return site if np.sqrt(squares.mean()) < _DISPLACEMENT * _BOND[sites.crystal] * edge else None


def _assigned(
    cell: NDArray[np.float64], fractional: NDArray[np.float64], sites: Sites
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The site of each atom and the square of its displacement, Å²."""
    difference = fractional[:, None] - sites.fractional[None]
    difference -= np.rint(difference)
    squares = np.einsum("asx,asx->as", difference @ cell, difference @ cell)
    site = linear_sum_assignment(squares)[1]
    return site, squares[np.arange(len(site)), site]


def crystal_coordinates(sites: Sites, crystal: Cubic, axis: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Coordinates of the sites as sites of ``crystal``, and the vectors of the supercell in the same units.

    Both crystals are one body-centred tetragonal lattice with other heights (E. C. Bain, Trans. AIME 70, 25 (1924));
    ``axis`` is the one that differs. Where the sites are of ``crystal`` already it has no effect.

    Returns
    -------
    (N, 3), (3, 3)
        In halves of the edge of the conventional cell of ``crystal``.
    """
    period = 2 * sites.repeats * np.eye(3, dtype=np.int64)
    if crystal == sites.crystal:
        return sites.coordinates, period
    first, second = [k for k in range(3) if k != axis]
    turned = np.zeros((3, 3), dtype=np.int64)  # columns: coordinates in the other crystal
    turned[first, first] = turned[second, first] = turned[first, second] = 1
    turned[second, second] = -1
    turned[axis, axis] = 1 if crystal == "bcc" else 2  # halved below
    coordinates, period = sites.coordinates @ turned, period @ turned
    return (coordinates, period) if crystal == "bcc" else (coordinates // 2, period // 2)
