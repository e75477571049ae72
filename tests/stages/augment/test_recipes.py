from itertools import permutations, product

import numpy as np
import pytest

from foundational.data.configurations import Configurations
from foundational.data.distances import shortest_distances
from foundational.stages.augment.building import Material
from foundational.stages.augment.recipes import RECIPES

CUBIC_GROUP = [
    np.eye(3)[list(order)] * np.array(signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)
]


def metal(structure):
    return Material(13, 16.5, structure, 1.5, Configurations.build([], [], []), True)


def symmetries(configuration):
    """How many operations of a cube about the vacancy map the cell and its atoms onto themselves."""
    cell, positions = configuration.cell[0], configuration.positions.astype(float)
    # Opposite the vacancy, half a cell away in all directions, lies no atom or an atom that does not move.
    count = 0
    for operation in CUBIC_GROUP:
        if not np.allclose(operation.T @ cell @ operation, cell, atol=1e-6):
            continue
        fractional = (positions @ operation) @ np.linalg.inv(cell)
        difference = fractional[:, None] - (positions @ np.linalg.inv(cell))[None]
        distance = np.abs(difference - np.rint(difference)).max(axis=2).min(axis=1)
        count += bool((distance < 1e-4).all())
    return count


@pytest.mark.parametrize(("structure", "atoms"), [("fcc", 31), ("bcc", 15)])
def test_atoms_around_a_symmetric_vacancy_move_and_keep_its_point_group(structure, atoms):
    made = RECIPES["symmetric-vacancies"](metal(structure), 4, np.random.default_rng(0))
    assert made.n_atoms.tolist() == [atoms] * 4
    assert [symmetries(made.take([c])) for c in range(4)] == [48, 16, 48, 16]
    ideal = {"fcc": 0.5**0.5, "bcc": 0.75**0.5}[structure]
    edge = np.linalg.det(made.cell) ** (1 / 3) / 2
    assert (np.abs(shortest_distances(made) / (ideal * edge) - 1) > 1e-3).all()


def test_hcp_ratios_are_not_the_ideal_one_and_keep_the_point_group():
    made = RECIPES["hcp-ratios"](metal("fcc"), 12, np.random.default_rng(0))
    a, c = np.linalg.norm(made.cell, axis=2)[:, [0, 2]].T
    change = c / a / (8 / 3) ** 0.5 - 1
    assert made.n_atoms.tolist() == [2] * 12
    assert 0.015 < np.abs(change).min() < np.abs(change).max() < 0.14
    assert change.min() < 0 < change.max()
    assert np.allclose(np.linalg.norm(made.cell, axis=2)[:, 0], np.linalg.norm(made.cell, axis=2)[:, 1])
