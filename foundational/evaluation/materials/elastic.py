"""Elastic constants of cubic crystals, GPa, from stresses under small strains."""

from typing import Final

import numpy as np

from foundational.data.configurations import Configurations
from foundational.evaluation.materials.engine import Engine, Metal
from foundational.science.crystals import build_crystal, primitive_cell
from foundational.units import GPA

#: Strain of the central differences; the elastic constants of an EAM change by 0.1 % from 1e-3 to 1e-2.
_STRAIN: Final = 5e-3


def elastic_constants(engine: Engine, metal: Metal) -> dict[str, float]:
    """C11, C12 and C44, GPa, at the engine's own volume; of FCC and BCC, where no atom moves under a strain.

    C11 = ∂σ_xx/∂ε_xx, C12 = ∂σ_yy/∂ε_xx, C44 = ∂σ_xy/∂γ_xy with γ = 2 ε_xy.
    """
    if metal.smallest:
        cell, fractional = primitive_cell(metal.structure, metal.volume)
    else:
        crystal = build_crystal(metal.structure, metal.volume, (2, 2, 2))
        cell, fractional = crystal.cell, crystal.fractional
    strains = np.zeros((4, 3, 3))
    strains[0, 0, 0], strains[1, 0, 0] = _STRAIN, -_STRAIN
    strains[2, 0, 1] = strains[2, 1, 0] = _STRAIN / 2
    strains[3] = -strains[2]
    cells = [cell @ (np.eye(3) + strain) for strain in strains]
    numbers = [np.full(len(fractional), metal.number)] * len(cells)
    stress = engine.stresses(Configurations.build(cells, [fractional @ strained for strained in cells], numbers))
    normal, shear = (stress[0] - stress[1]) / (2 * _STRAIN), (stress[2] - stress[3]) / (2 * _STRAIN)
    c11, c12, c44 = float(normal[0, 0]), float(normal[1, 1] + normal[2, 2]) / 2, float(shear[0, 1])
    return {"C11": c11 * GPA, "C12": c12 * GPA, "C44": c44 * GPA}
