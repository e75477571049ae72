"""The virial of the restraint of a flexible cell's shape, compiled; ``science.cell_shape`` defines the restraint."""

from typing import Any

from foundational.engines.compilation import compiled


@compiled
def add_shape_virial(stiffness: float, inverse: Any, virial: Any) -> None:
    """Add −∂U/∂ε_ij = −2κ V^(−⅔) (hᵀh − δ_ij Σ h²/3)_ij to ``virial`` (6: xx yy zz xy xz yz), eV.

    ``stiffness`` is κ in eV, and ``inverse`` that of the lower triangular cell h in Å, as the kernel keeps it.
    """
    lx, ly, lz = 1 / inverse[0, 0], 1 / inverse[1, 1], 1 / inverse[2, 2]
    xy, yz = -inverse[1, 0] * lx * ly, -inverse[2, 1] * ly * lz
    xz = (xy * yz - inverse[2, 0] * lx * ly * lz) / ly
    xx, yy, zz = lx * lx + xy * xy + xz * xz, ly * ly + yz * yz, lz * lz
    mean = (xx + yy + zz) / 3
    scale = -2 * stiffness / (lx * ly * lz) ** (2 / 3)
    virial[0] += scale * (xx - mean)
    virial[1] += scale * (yy - mean)
    virial[2] += scale * (zz - mean)
    virial[3] += scale * (xy * ly + xz * yz)
    virial[4] += scale * xz * lz
    virial[5] += scale * yz * lz
