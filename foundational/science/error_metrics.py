"""Errors of predicted energies and forces, in the units in which people quote them."""

import numpy as np
from numpy.typing import NDArray

from foundational.units import MEV


def energy_errors(
    predicted: NDArray[np.floating], reference: NDArray[np.floating], n_atoms: NDArray[np.integer]
) -> dict[str, float]:
    """Errors of the energy per atom of C configurations; energies (C,) in eV.

    ``mae_shifted`` removes the mean signed error first, as the source paper does (arXiv 2311.05407): it is blind to a
    wrong constant. ``p99`` and ``max`` are of the absolute error.

    >>> energy_errors(np.array([1.002, 2.004]), np.array([1.0, 2.0]), np.array([1, 2]))["mae_meV_per_atom"]
    2.0
    """
    error = (np.asarray(predicted, dtype=np.float64) - reference) / n_atoms * MEV
    size = np.abs(error)
    return {
        "mae_meV_per_atom": _rounded(size.mean()),
        "mae_shifted_meV_per_atom": _rounded(np.abs(error - error.mean()).mean()),
        "rmse_meV_per_atom": _rounded(np.sqrt((error**2).mean())),
        "p99_meV_per_atom": _rounded(np.quantile(size, 0.99)),
        "max_meV_per_atom": _rounded(size.max()),
        "mean_error_meV_per_atom": _rounded(error.mean()),
    }


def force_errors(predicted: NDArray[np.floating], reference: NDArray[np.floating]) -> dict[str, float]:
    """Errors over all components of forces (A, 3) in eV/Å."""
    error = (np.asarray(predicted, dtype=np.float64) - reference) * MEV
    return {
        "force_mae_meV_per_A": _rounded(np.abs(error).mean()),
        "force_rmse_meV_per_A": _rounded(np.sqrt((error**2).mean())),
    }


def stress_errors(predicted: NDArray[np.floating], reference: NDArray[np.floating]) -> dict[str, float]:
    """Error over all components of stresses (C, 3, 3) in eV/Å³."""
    error = np.abs(np.asarray(predicted, dtype=np.float64) - reference) * MEV
    return {"stress_mae_meV_per_A3": _rounded(error.mean())}


def _rounded(value: np.floating) -> float:
    """Twelve significant digits: enough for any error, and the last bits of a sum are nobody's business."""
    return float(f"{value:.12g}")
