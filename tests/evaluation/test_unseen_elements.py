"""Sets whose configurations have at most two of three elements."""

from dataclasses import dataclass

import numpy as np
import pytest

from foundational.data.configurations import Configurations, Labels, concatenate
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.terms.pair_potential import PairPotential, fit_pair_potential
from foundational.engines.ani.training import train
from foundational.evaluation.retraining import retrain
from foundational.evaluation.unseen_elements import composed, composed_configurations, unseen_groups
from tests.engines.ani.alloys import ELEMENTS, alloy, error
from tests.engines.ani.cases import settings


@dataclass(frozen=True)
class Pairs:
    """A model whose energy is one of pairs."""

    potential: PairPotential
    id: str = "pairs"

    def label(self, configurations: Configurations) -> Labels:
        return self.potential.labels(configurations, ELEMENTS)


@pytest.fixture(scope="module")
def binaries() -> Configurations:
    return alloy(60, 2, 1)


@pytest.fixture(scope="module")
def model(binaries) -> Ensemble:
    return retrain(binaries, settings(epochs=16), 1, 3)


def test_labels_are_composed_exactly_where_the_energy_is_one_of_pairs(binaries):
    loss = settings().training.loss
    pairs = Pairs(fit_pair_potential(binaries, ELEMENTS, 6.0, np.ones(len(binaries)), loss))
    triples = alloy(4, 3, 5)
    found, truth = composed(triples, np.tile(ELEMENTS, (4, 1)), pairs), pairs.label(triples)
    assert np.allclose(found.energy, truth.energy, atol=1e-9)
    assert np.allclose(found.forces, truth.forces, atol=1e-5)
    assert np.allclose(found.stress, truth.stress, atol=1e-9)


def test_networks_of_pairs_of_elements_predict_configurations_of_three(model):
    assert error(model, alloy(12, 3, 3)) < 2.5 * error(model, alloy(12, 2, 2))
    assert model.metadata["composed_configurations"] == "15"
    assert model.metadata["training_configurations"] == "[60]"


def test_sets_that_lack_no_neighbours_are_trained_once():
    spec = settings(epochs=1)
    for cells in (alloy(8, 3, 4), alloy(8, 2, 4).take([0, 1])):
        assert unseen_groups(cells) == []
        once = train(spec, cells, [np.arange(len(cells))], 3)
        assert np.array_equal(retrain(cells, spec, 1, 3).parameters, once.parameters)


def test_only_elements_of_which_each_two_were_together_are_composed(binaries):
    assert unseen_groups(binaries) == [ELEMENTS]
    numbers = binaries.atomic_numbers.reshape(len(binaries), -1)
    apart = binaries.take(np.flatnonzero(~((numbers == 28).any(axis=1) & (numbers == 29).any(axis=1))))
    assert len(np.unique(apart.atomic_numbers)) == 3
    assert unseen_groups(apart) == []
    assert unseen_groups(concatenate([binaries, alloy(1, 3, 4)])) == []


def test_composed_configurations_have_the_sum_of_the_volumes_and_the_same_seed_gives_them_again(binaries, model):
    one, again = (composed_configurations(binaries.take(range(24)), [ELEMENTS], model, 4) for _ in range(2))
    assert np.array_equal(one.positions, again.positions)
    assert np.array_equal(one.labels.energy, again.labels.energy)
    per_atom = binaries.volume / binaries.n_atoms  # all elements have the same volume here
    assert per_atom.min() * 0.98 < (one.volume / one.n_atoms).min()
    assert (one.volume / one.n_atoms).max() < per_atom.max() * 1.02
