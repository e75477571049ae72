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


class ErrorSums:
    """Sums over errors that come batch by batch."""

    def __init__(self) -> None:
        self.count = 0
        """Numbers that were compared."""
        self._sizes = self._squares = 0.0

    def add(self, predicted: NDArray[np.floating], reference: NDArray[np.floating]) -> None:
        """Compare arrays of one shape, in eV and Å."""
        error = (np.asarray(predicted, dtype=np.float64) - reference) * MEV
        self.count += error.size
        self._sizes += float(np.abs(error).sum())
        self._squares += float((error**2).sum())

    @property
    def mean(self) -> float:
        """Mean absolute error, in meV."""
        return _rounded(self._sizes / self.count)

    @property
    def root_mean_square(self) -> float:
        """Root mean square of the errors, in meV."""
        return _rounded(np.sqrt(self._squares / self.count))

    def of_forces(self) -> ForceErrors:
        """As errors of forces."""
        return ForceErrors(self.mean, self.root_mean_square)


def _rounded(value: np.floating | float) -> float:
    """Twelve significant digits: enough for any error, and the last bits of a sum depend on the machine."""
    return float(f"{value:.12g}")
