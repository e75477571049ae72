import numpy as np

from foundational.data.configurations import Configurations, concatenate
from foundational.science.alloys.decoration import Mixture
from foundational.stages.decorate.decorations import Source, decorated, shares_of
from foundational.testing.crystals import rattled_crystals

MIXTURE = Mixture({"random": 1.0}, 0.2, 4, 9)


def test_single_atoms_are_of_each_element_in_turn_and_compositions_are_even():
    alone = Configurations.build([20 * np.eye(3)], [np.zeros((1, 3))], [np.array([28])])
    batch = concatenate([rattled_crystals(60, 1), alone])
    repeats = np.array([2] * 60 + [2])
    made = decorated(Source(batch, (None,) * 61), MIXTURE, ("Al", "Ni"), repeats, 1, "test")
    shares = shares_of(made.configurations, ("Al", "Ni"))
    assert shares[made.rows == 60].tolist() == [[1, 0], [0, 1]]
    alloys = np.sort(shares[(made.rows < 60) & (shares[:, 0] > 0) & (shares[:, 0] < 1), 0])
    assert np.abs(alloys - np.linspace(1 / 32, 31 / 32, len(alloys))).max() < 0.05
    assert 22 <= np.isin(shares[:, 0], [0, 1]).sum() - 2 <= 25


def test_a_decoration_does_not_depend_on_the_other_configurations_given_its_composition():
    mixture = Mixture({"random": 1.0}, 0.0, 4, 9, compositions=((0.25, 0.75),))
    batch = rattled_crystals(4, 1)
    few, many = (
        decorated(Source(batch.take(np.arange(n)), (None,) * n), mixture, ("Al", "Ni"), np.ones(n, int), 1, "test")
        for n in (2, 4)
    )
    size = few.configurations.offsets[-1]
    assert np.array_equal(few.configurations.atomic_numbers, many.configurations.atomic_numbers[:size])
