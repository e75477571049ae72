"""Forces for dynamics are those of the ensemble, however atoms and cell moved since the neighbours were found."""

import numpy as np
import pytest

from foundational.data.configurations import Configurations
from foundational.engines.ani.dynamics import ForceField
from foundational.engines.ani.ensemble import Ensemble
from foundational.errors import EngineError, InputError
from tests.engines.ani.cases import alloyed, untrained

VOIGT = ([0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1])


def assert_equal(ensemble: Ensemble, field: ForceField, c: Configurations) -> None:
    expected = ensemble.predict(c)
    found = field.step(c.positions.astype(np.float64), c.cell[0])
    n = len(c.positions)
    assert found.energy == pytest.approx(expected.energy.mean(), abs=2e-6 * n)
    assert np.abs(found.atomic_energies - expected.atomic_energies).max() < 2e-5
    forces = expected.forces.mean(axis=0)
    assert np.abs(found.forces - forces).max() < 2e-5 * max(1, np.abs(forces).max())
    strain = expected.stress.mean(axis=0)[0] * c.volume[0]
    assert np.abs(found.strain_derivative - strain[VOIGT]).max() < 2e-5 * max(1, np.abs(strain).max())


@pytest.mark.parametrize("name", ["cubic", "triclinic", "tiny", "large"])
@pytest.mark.parametrize("elements", [(28,), (28, 41)])
def test_energies_forces_and_virials_are_those_of_the_ensemble(cells, name, elements):
    c = cells[name].take([0]).with_labels(None)
    c = alloyed(c) if len(elements) == 2 else c
    ensemble = untrained(elements=elements)
    assert_equal(ensemble, ForceField(ensemble, c.atomic_numbers, c.pbc[0]), c)


def test_the_list_of_neighbours_follows_moving_atoms_and_cells(cells):
    c = cells["cubic"].take([0]).with_labels(None)
    ensemble = untrained()
    field = ForceField(ensemble, c.atomic_numbers, c.pbc[0])
    random = np.random.default_rng(5)
    cell, positions = c.cell, c.positions
    for scale in (0.001, 0.05, 0.05, 0.3, 0.05):
        strain = np.eye(3) + random.normal(scale=scale / 10, size=(3, 3))
        cell = cell @ strain
        positions = (positions @ strain + random.normal(scale=scale, size=positions.shape)).astype(np.float32)
        assert_equal(ensemble, field, Configurations(c.n_atoms, cell, c.pbc, c.atomic_numbers, positions))


def test_atoms_that_cross_the_boundary_change_nothing(cells):
    c = cells["triclinic"].take([0]).with_labels(None)
    ensemble = untrained()
    field = ForceField(ensemble, c.atomic_numbers, c.pbc[0])
    positions = c.positions.astype(np.float64)
    before = field.step(positions, c.cell[0])
    after = field.step(positions + np.where(np.arange(len(positions))[:, None] % 3 == 0, c.cell[0, 1], 0), c.cell[0])
    assert np.abs(after.forces - before.forces).max() < 1e-5


def test_no_result_depends_on_the_number_of_threads(cells):
    c = cells["cubic"].take([0])
    field = ForceField(untrained(), c.atomic_numbers, c.pbc[0])
    one, two = (field.step(c.positions.astype(np.float64), c.cell[0], threads=threads) for threads in (1, 2))
    assert np.array_equal(one.forces, two.forces)


def test_a_cluster_has_no_images():
    c = untrained()
    positions = np.array([[0.0, 0, 0], [2.4, 0, 0], [0, 2.4, 0]])
    near = ForceField(c, np.full(3, 28), np.zeros(3, bool)).step(positions, np.zeros((3, 3)))
    boxed = ForceField(c, np.full(3, 28), np.ones(3, bool)).step(positions, np.eye(3) * 40)
    assert np.allclose(near.forces, boxed.forces, atol=1e-6)


def test_an_unknown_element_and_lost_atoms_are_refused_in_one_line():
    with pytest.raises(InputError, match="got also"):
        ForceField(untrained(), np.array([29]), np.ones(3, bool))
    field = ForceField(untrained(), np.array([28, 28]), np.ones(3, bool))
    with pytest.raises(EngineError, match="finite positions"):
        field.step(np.array([[0, 0, 0], [np.nan, 0, 0]]), np.eye(3) * 9)
