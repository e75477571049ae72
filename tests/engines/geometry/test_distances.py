import numpy as np
import pytest

from foundational.data import distances
from foundational.data.configurations import Configurations
from foundational.engines.geometry.distances import shortest_distances
from foundational.science.crystals import STRUCTURES, build_crystal, nearest_neighbour


def test_distances_are_the_shortest_among_all_images_in_cells_of_any_shape():
    random = np.random.default_rng(8)
    cells, positions = [], []
    for n in (1, 2, 3, 5, 8):
        for _ in range(12):
            cell = random.normal(size=(3, 3)) + np.diag([5.0, 6.0, 7.0])
            cell[1] += random.integers(-2, 3) * cell[0]
            cells.append(cell)
            positions.append(random.random((n, 3)) @ cell + random.integers(-2, 3, size=(n, 3)) @ cell)
    batch = Configurations.build(cells, positions, [np.full(len(p), 28) for p in positions])
    steps = np.stack(np.meshgrid(*[np.arange(-14, 15)] * 3), axis=-1).reshape(-1, 3)
    expected = []
    for i in range(len(batch)):
        x = batch.take([i]).positions.astype(np.float64)
        apart = np.linalg.norm(x[:, None, None] - x[None, :, None] + steps @ batch.cell[i], axis=-1)
        expected.append(apart[apart > 1e-9].min())
    assert shortest_distances(batch) == pytest.approx(np.array(expected), abs=1e-9)


def test_the_compiled_distances_are_those_of_the_data_layer():
    random = np.random.default_rng(1)
    crystal = build_crystal("fcc", 11.0)
    cells = crystal.cell @ (np.eye(3) + random.normal(scale=0.05, size=(40, 3, 3)))
    positions = crystal.fractional @ cells + random.normal(scale=0.2, size=(40, 32, 3))
    batch = Configurations.build(cells, positions, [np.full(32, 28)] * 40)
    assert shortest_distances(batch) == pytest.approx(distances.shortest_distances(batch), abs=1e-9)


def test_a_lone_atom_is_nearest_to_its_own_image():
    batch = Configurations.build([np.diag([4.0, 2.5, 3.0])], [np.zeros((1, 3))], [np.array([28])])
    assert shortest_distances(batch)[0] == pytest.approx(2.5)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_perfect_crystals_have_their_nearest_neighbour_distance(structure):
    crystal = build_crystal(structure, 13.0)
    batch = Configurations.build([crystal.cell], [crystal.positions], [np.full(len(crystal), 28)])
    assert shortest_distances(batch)[0] == pytest.approx(nearest_neighbour(structure, 13.0), abs=1e-5)
