import numpy as np
import pytest

from foundational.science.cells import fractional_coordinates, heights, lower_triangular


@pytest.fixture
def cells() -> np.ndarray:
    random = np.random.default_rng(5)
    skewed = random.normal(size=(200, 3, 3)) * 3
    skewed[:50, 1] += 7 * skewed[:50, 0]
    return np.concatenate([skewed, np.eye(3)[None] * 7.1])


def test_the_lower_triangular_cell_spans_the_same_lattice(cells: np.ndarray):
    lower, rotation = lower_triangular(cells)
    # Old vectors in units of the new ones, both in the new orientation, must be integers of determinant ±1.
    change = np.swapaxes(rotation @ np.swapaxes(cells, 1, 2), 1, 2) @ np.linalg.inv(lower)
    assert np.abs(change - np.rint(change)).max() < 1e-7
    assert np.abs(np.abs(np.linalg.det(change)) - 1).max() < 1e-7


def test_it_is_lower_triangular_with_a_positive_diagonal_and_short_tilts(cells: np.ndarray):
    lower, rotation = lower_triangular(cells)
    assert (np.triu(lower, 1) == 0).all()
    assert (np.diagonal(lower, axis1=1, axis2=2) > 0).all()
    for row, earlier in ((1, 0), (2, 0), (2, 1)):
        assert (np.abs(lower[:, row, earlier]) <= lower[:, earlier, earlier] * (0.5 + 1e-12)).all()
    assert np.abs(rotation @ np.swapaxes(rotation, 1, 2) - np.eye(3)).max() < 1e-12


def test_an_orthogonal_cell_is_left_as_it_is():
    lower, rotation = lower_triangular(np.diag([3.0, 4.0, 5.0])[None])
    assert np.array_equal(lower[0], np.diag([3.0, 4.0, 5.0]))
    assert np.array_equal(rotation[0], np.eye(3))


def test_fractional_coordinates_lead_back_to_the_positions(cells: np.ndarray):
    lower, rotation = lower_triangular(cells)
    owner = np.repeat(np.arange(len(cells)), 4)
    positions = np.random.default_rng(1).normal(size=(len(owner), 3)) * 5
    fractional = fractional_coordinates(lower, rotation, positions, owner)
    back = np.einsum("ai,aij,ajk->ak", fractional, lower[owner], rotation[owner])
    assert np.abs(back - positions).max() < 1e-9


def test_heights_times_face_area_is_the_volume(cells: np.ndarray):
    area = np.linalg.norm(np.cross(cells[:, 1], cells[:, 2]), axis=1)
    assert np.allclose(heights(cells)[:, 0] * area, np.abs(np.linalg.det(cells)))
