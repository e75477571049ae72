"""The order parameter of multiorder-multithermal sampling: the structure factor at the crystal's own shortest peaks.

O = 1/(G N²) Σ_g |Σ_i exp(i g·r_i)|² over the G shortest reciprocal vectors of the crystal, in [0, 1]: 1 for the
perfect, aligned crystal, about 1/N in the liquid (Jung, Lee, Choi, arXiv 2311.05407). It depends on scaled coordinates
only, so it adds nothing to the virial, and cells of any shape are allowed.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from foundational.errors import InputError
from foundational.science.crystals import Structure, build_crystal

#: A crossing is O going from below the first to above the second, or back.
LIQUID_BELOW: Final = 0.15
CRYSTAL_ABOVE: Final = 0.5
#: Cells of some hundred atoms are sampled; the barrier between solid and liquid grows with the cell's surface.
_MOST_ATOMS: Final = 10_000

# The shortest reciprocal vectors of the conventional cubic cell, one of each ±g pair: {111} of FCC and {110} of BCC.
_SIGNS: Final[dict[str, list[list[int]]]] = {
    "fcc": [[1, 1, 1], [-1, 1, 1], [1, -1, 1], [1, 1, -1]],
    "bcc": [[1, 1, 0], [1, -1, 0], [1, 0, 1], [1, 0, -1], [0, 1, 1], [0, 1, -1]],
}


def shortest_waves(structure: Structure) -> NDArray[np.int64]:
    """(G, 3) entries −1, 0, 1: wave g has the Miller indices n·signs in a supercell of n×n×n conventional cells.

    Raises
    ------
    InputError
        For a crystal without such waves here.
    """
    if structure not in _SIGNS:
        raise InputError(f"expected a structure of {', '.join(_SIGNS)} for the order parameter, got {structure!r}")
    return np.array(_SIGNS[structure], dtype=np.int64)


def check_supercell(structure: Structure, repeats: int) -> None:
    """Refuse a cell in which O does not distinguish crystal and liquid, and one that is too large to sample.

    Parameters
    ----------
    structure
        The crystal.
    repeats
        Conventional cells along each edge.

    Raises
    ------
    InputError
        If the crystal has no order parameter, if the liquid's O, about 1/N, is not far below a crystal's, or if the
        cell holds more than 10,000 atoms.

    Examples
    --------
    >>> check_supercell("bcc", 2)
    Traceback (most recent call last):
    ...
    foundational.errors.InputError: a bcc supercell of 2 holds 16 atoms, too few for an order parameter that \
distinguishes crystal and liquid; expected a supercell of at least 3
    """
    shortest_waves(structure)  # refuses a crystal without an order parameter
    per_cell = len(build_crystal(structure, 1.0, (1, 1, 1)))
    atoms = per_cell * max(repeats, 0) ** 3
    if atoms * LIQUID_BELOW < 3:
        least = next(n for n in range(1, 10) if per_cell * n**3 * LIQUID_BELOW >= 3)
        raise InputError(
            f"a {structure} supercell of {repeats} holds {atoms} atoms, too few for an order parameter that "
            f"distinguishes crystal and liquid; expected a supercell of at least {least}"
        )
    if atoms > _MOST_ATOMS:
        most = max(n for n in range(1, 30) if per_cell * n**3 <= _MOST_ATOMS)
        raise InputError(
            f"a {structure} supercell of {repeats} holds {atoms:,} atoms; expected a supercell of at most {most}, "
            f"or {_MOST_ATOMS:,} atoms: a larger cell does not change between solid and liquid within a run"
        )


def order_parameter(
    scaled: NDArray[np.float64], repeats: int, signs: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """O of one or many configurations, and its gradient with respect to the scaled coordinates.

    Parameters
    ----------
    scaled : (..., N, 3)
        Scaled coordinates; any periodic image will do.
    repeats, signs
        n and the waves of `shortest_waves`.

    Returns
    -------
    value : (...)
        O in [0, 1].
    gradient : (..., N, 3)
        ∂O/∂s. With rows of ``cell`` as lattice vectors, ∂O/∂r = gradient @ inv(cell).T.

    Examples
    --------
    >>> crystal = build_crystal("fcc", 11.0, (2, 2, 2))
    >>> value, gradient = order_parameter(crystal.fractional, 2, shortest_waves("fcc"))
    >>> round(float(value), 12), bool(abs(gradient).max() < 1e-12)
    (1.0, True)
    """
    miller = 2 * np.pi * repeats * signs
    waves = np.exp(1j * (scaled @ miller.T))  # (..., N, G)
    total = waves.sum(axis=-2, keepdims=True)
    norm = len(signs) * scaled.shape[-2] ** 2
    value = (np.abs(total) ** 2).sum(axis=(-2, -1)) / norm
    gradient = 2 / norm * np.real(np.conj(total) * 1j * waves) @ miller
    return value, gradient


def crossings(order: NDArray[np.float64]) -> int:
    """How often a series of O goes from below `LIQUID_BELOW` to above `CRYSTAL_ABOVE` or back.

    >>> crossings(np.array([0.1, 0.3, 0.6, 0.4, 0.55, 0.05]))
    2
    """
    side = np.where(order < LIQUID_BELOW, -1, np.where(order > CRYSTAL_ABOVE, 1, 0))
    side = side[side != 0]
    return int(np.count_nonzero(side[1:] != side[:-1]))
