"""Errors of predicted energies, forces and stresses, in the units in which people quote them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foundational.units import MEV


@dataclass(frozen=True)
class EnergyErrors:
    """Errors of the energy per atom over C configurations, meV/atom."""

    mae_meV_per_atom: float  # noqa: N815 - the unit's own spelling
    mae_shifted_meV_per_atom: float  # noqa: N815
    """Mean absolute error after the mean signed error is removed, as in arXiv 2311.05407; blind to a wrong constant."""
    rmse_meV_per_atom: float  # noqa: N815
    p99_meV_per_atom: float  # noqa: N815
    """99th percentile of the absolute error."""
    max_meV_per_atom: float  # noqa: N815
    mean_error_meV_per_atom: float  # noqa: N815


@dataclass(frozen=True)
class ForceErrors:
    """Errors over all components of the forces, meV/Å."""

    force_mae_meV_per_A: float  # noqa: N815
    force_rmse_meV_per_A: float  # noqa: N815


def energy_errors(
    predicted: NDArray[np.floating], reference: NDArray[np.floating], n_atoms: NDArray[np.integer]
) -> EnergyErrors:
    """Errors of the energy per atom of C configurations; energies (C,) in eV.

    >>> energy_errors(np.array([1.002, 2.004]), np.array([1.0, 2.0]), np.array([1, 2])).mae_meV_per_atom
    2.0
    """
    error = (np.asarray(predicted, dtype=np.float64) - reference) / n_atoms * MEV
    size = np.abs(error)
    return EnergyErrors(
        mae_meV_per_atom=_rounded(size.mean()),
        mae_shifted_meV_per_atom=_rounded(np.abs(error - error.mean()).mean()),
        rmse_meV_per_atom=_rounded(np.sqrt((error**2).mean())),
        p99_meV_per_atom=_rounded(np.quantile(size, 0.99)),
        max_meV_per_atom=_rounded(size.max()),
        mean_error_meV_per_atom=_rounded(error.mean()),
    )


def force_errors(predicted: NDArray[np.floating], reference: NDArray[np.floating]) -> ForceErrors:
    """Errors over all components of forces (A, 3) in eV/Å."""
    error = (np.asarray(predicted, dtype=np.float64) - reference) * MEV
    return ForceErrors(
        force_mae_meV_per_A=_rounded(np.abs(error).mean()),
        force_rmse_meV_per_A=_rounded(np.sqrt((error**2).mean())),
    )


def stress_error(predicted: NDArray[np.floating], reference: NDArray[np.floating]) -> float:
    """Mean absolute error over all components of stresses (C, 3, 3) in eV/Å³; meV/Å³."""
    error = np.abs(np.asarray(predicted, dtype=np.float64) - reference) * MEV
    return _rounded(error.mean())


def _rounded(value: np.floating) -> float:
    """Twelve significant digits: enough for any error, and the last bits of a sum depend on the machine."""
    return float(f"{value:.12g}")
