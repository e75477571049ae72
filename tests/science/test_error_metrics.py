import numpy as np
import pytest

from foundational.science.error_metrics import energy_errors, force_errors, stress_error


def test_energy_errors_are_per_atom_and_in_mev() -> None:
    errors = energy_errors(np.array([3.0, 5.0]), np.array([2.0, 5.0]), np.array([4, 2]))
    assert errors.mae_meV_per_atom == pytest.approx(125.0)
    assert errors.max_meV_per_atom == pytest.approx(250.0)
    assert errors.mae_shifted_meV_per_atom == pytest.approx(125.0)
    assert errors.mean_error_meV_per_atom == pytest.approx(125.0)


def test_force_and_stress_error_are_over_components() -> None:
    errors = force_errors(np.array([[0.003, 0, 0]]), np.zeros((1, 3)))
    assert errors.force_mae_meV_per_A == pytest.approx(1.0)
    assert errors.force_rmse_meV_per_A == pytest.approx(np.sqrt(3))
    assert stress_error(np.eye(3)[None] * 1e-3, np.zeros((1, 3, 3))) == pytest.approx(1 / 3)
