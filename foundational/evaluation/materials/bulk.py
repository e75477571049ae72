"""Lattice constant and bulk modulus, by a fit to energies of crystals near the minimum in volume."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foundational.errors import EngineError
from foundational.evaluation.materials.energies import crystal_at
from foundational.evaluation.materials.engine import Engine, Metal
from foundational.science.crystals import Structure
from foundational.units import GPA

#: Lengths of the crystals over those at the start.
LENGTHS: Final = np.array([0.97, 0.985, 1.0, 1.015, 1.03])
#: How often the five volumes are moved until the lowest energy is among the inner ones.
_MOVES: Final = 6


@dataclass(frozen=True)
class BulkFit:
    """An equation of state near its minimum."""

    volume: float
    """Å³/atom of the minimum."""
    energy: float
    """eV/atom there."""
    bulk_modulus: float
    """eV/Å³ there."""


def birch_murnaghan(volumes: NDArray[np.float64], energies: NDArray[np.float64]) -> BulkFit:
    """The equation of state of third order (Phys. Rev. 71, 809): a cubic polynomial in V^(-2/3).

    Parameters
    ----------
    volumes, energies
        (n,) Å³ and eV, n ≥ 4.

    Raises
    ------
    EngineError
        If the polynomial has no minimum between the volumes.

    >>> v = np.linspace(15, 18, 7)
    >>> fit = birch_murnaghan(v, (v ** (-2 / 3) - 16.5 ** (-2 / 3)) ** 2)
    >>> round(fit.volume, 6)
    16.5
    """
    x = volumes ** (-2 / 3)
    middle, scale = x.mean(), np.ptp(x)
    curve = np.polynomial.Polynomial.fit((x - middle) / scale, energies, 3)
    c, b, a = (*curve.deriv().convert().coef, 0.0, 0.0)[:3]  # of the slope, c + b t + a t²
    square = b * b - 4 * a * c
    # Where the slope rises it is √square; this form of the root loses no digits where the cubic term is small.
    at = -2 * c / (b + np.sqrt(square)) if square > 0 and b > 0 else np.nan
    found = at * scale + middle
    volume = float(found**-1.5) if found > 0 else np.nan
    if not volumes.min() <= volume <= volumes.max():
        raise EngineError(
            f"expected a minimum of the energy between {volumes.min():.3g} and {volumes.max():.3g} Å³/atom, found none"
        )
    second = float(np.sqrt(square)) / float(scale) ** 2  # in V^(-2/3); its square of dV is 4/9 V^(-10/3)
    return BulkFit(volume, float(curve(at)), second * 4 / 9 * volume ** (-10 / 3) * volume)


def relax_by_fit(engine: Engine, metal: Metal, structure: Structure, volume: float) -> BulkFit:
    """The minimum of the energy of ``structure`` in volume from five labels, or some times five where it is far.

    Parameters
    ----------
    volume
        Å³/atom, where to start.

    Raises
    ------
    EngineError
        If there is no minimum near the start.
    """
    for _ in range(_MOVES):
        volumes = volume * LENGTHS**3
        cells = [crystal_at(metal, structure, v) for v in volumes.tolist()]
        energies = engine.energies(cells) / [len(cell) for cell in cells]
        lowest = int(np.argmin(energies))
        if 0 < lowest < len(volumes) - 1:
            return birch_murnaghan(volumes, energies)
        volume = float(volumes[lowest])
    raise EngineError(
        f"{engine.model.id}: expected a minimum of the energy of {structure} {metal.element} near {volume:.3g} "
        "Å³/atom, found none; start nearer to it"
    )


def bulk_modulus(engine: Engine, metal: Metal) -> float:
    """GPa, of the ground state."""
    return relax_by_fit(engine, metal, metal.structure, metal.volume).bulk_modulus * GPA
