import numpy as np
import pytest

from foundational.science.error_metrics import ErrorSums, energy_errors


def test_energy_errors_are_per_atom_and_in_mev() -> None:
    errors = energy_errors(np.array([3.0, 5.0]), np.array([2.0, 5.0]), np.array([4, 2]))
    assert errors.mae_meV_per_atom == pytest.approx(125.0)
    assert errors.max_meV_per_atom == pytest.approx(250.0)
    assert errors.mae_shifted_meV_per_atom == pytest.approx(125.0)
    assert errors.mean_error_meV_per_atom == pytest.approx(125.0)


def test_errors_of_components_do_not_depend_on_batches() -> None:
    sums = ErrorSums()
    sums.add(np.array([[0.003, 0, 0]]), np.zeros((1, 3)))
    sums.add(np.array([[0, 0.003, 0], [0, 0, 0.003]]), np.zeros((2, 3)))
    assert sums.count == 9
    assert sums.of_forces().force_mae_meV_per_A == pytest.approx(1.0)
    assert sums.root_mean_square == pytest.approx(np.sqrt(3))
