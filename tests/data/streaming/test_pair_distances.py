"""Distances of all pairs, by shifts."""

import numpy as np
import pytest

from foundational.data.configurations import Configurations
from foundational.data.streaming.pair_distances import NearestDistances, pair_squares, visit_pairs

RNG = np.random.default_rng(5)


def _cells(count: int, n: int, pbc: tuple[bool, bool, bool], skew: float) -> tuple[np.ndarray, ...]:
    cells = 6 * np.eye(3) + skew * RNG.normal(size=(count, 3, 3))
    return RNG.uniform(-9, 9, (count, n, 3)), cells, np.tile(pbc, (count, 1))


@pytest.mark.parametrize("n", [1, 2, 5, 6])
@pytest.mark.parametrize("pbc", [(True, True, True), (True, False, True), (False, False, False)])
@pytest.mark.parametrize("skew", [0.0, 0.4])
def test_every_pair_comes_once_with_its_distance(n: int, pbc: tuple[bool, bool, bool], skew: float) -> None:
    positions, cells, periodic = _cells(3, n, pbc, skew)
    fractional = positions @ np.linalg.inv(cells)
    difference = fractional[:, :, None] - fractional[:, None]
    difference -= np.where(periodic[:, None, None], np.rint(difference), 0)
    expected = ((difference @ cells[:, None]) ** 2).sum(axis=-1)
    seen = np.zeros((n, n), dtype=int)
    for shift, squares in pair_squares(positions, cells, periodic):
        for i, row in enumerate(squares):
            j = (i + shift) % n
            seen[min(i, j), max(i, j)] += 1
            assert row == pytest.approx(expected[:, i, j], rel=1e-12)
    assert (seen == np.triu(np.ones((n, n), int), k=1)).all()
    expected[:, np.arange(n), np.arange(n)] = np.inf
    nearest = np.sort(np.concatenate([expected, np.full((3, n, 3), np.inf)], axis=2), axis=2)[:, :, :3]
    numbers = np.tile(np.array([[28], [13], [28]], np.uint8), n)
    sizes = np.full(3, n, np.int32)
    batch = Configurations(sizes, cells, periodic, numbers.reshape(-1), positions.reshape(-1, 3))
    for kept in (1, 3):
        visitor = NearestDistances(np.array([True, True, False]), kept)
        visit_pairs(batch, np.arange(3), [visitor])
        rows = np.concatenate([rows for rows, _ in visitor.found])
        squares = np.concatenate([squares for _, squares in visitor.found], axis=2)
        assert sorted(rows.tolist()) == [0, 1]
        np.testing.assert_allclose(squares.transpose(2, 1, 0), nearest[rows][:, :, :kept], rtol=1e-12)
