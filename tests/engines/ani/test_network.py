"""Networks that were trained on at most two elements of a configuration, on configurations of three."""

from dataclasses import replace

import numpy as np
import pytest

from foundational.data.configurations import Configurations
from foundational.engines.ani.aev import compute_aevs, species_of
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.further_training import train_further
from foundational.engines.ani.network import replace_unseen
from foundational.engines.ani.training import train
from tests.engines.ani.alloys import ELEMENTS, alloy, error
from tests.engines.ani.cases import settings, untrained


@pytest.fixture(scope="module")
def binaries() -> Configurations:
    return alloy(60, 2, 1)


@pytest.fixture(scope="module")
def model(binaries) -> Ensemble:
    return train(settings(epochs=30), binaries, [np.arange(60)], 3)


def test_a_third_element_gives_no_arbitrary_energies(model):
    pairs, triples = alloy(12, 2, 2), alloy(12, 3, 3)
    assert error(model, triples) < 8 * error(model, pairs)


def test_weights_of_unseen_neighbours_follow_to_first_order_and_seen_ones_are_kept(binaries):
    ensemble = untrained(elements=ELEMENTS)
    ensemble = replace(ensemble, mean=np.zeros_like(ensemble.mean))  # as it is of features that are always zero
    before = ensemble.predict(binaries, forces=False).energy
    aevs, species = compute_aevs(binaries, ensemble.aev, ELEMENTS), species_of(binaries.atomic_numbers, ELEMENTS)
    weights = ensemble.parameters.copy()
    widths = ensemble.kernel_model().widths
    replace_unseen(ensemble.parameters, widths, ensemble.deviation, ensemble.aev, aevs, species)
    assert np.array_equal(ensemble.predict(binaries, forces=False).energy, before)
    changed = (ensemble.parameters != weights).any(axis=0)
    n_angular, width = ensemble.aev.angular.shifts * ensemble.aev.angular.sections, ensemble.network.hidden[0]
    assert (changed.sum(axis=1) == n_angular * width).all()
    alone = untrained(elements=ELEMENTS)
    nickel = species == 0
    replace_unseen(alone.parameters, widths, alone.deviation, alone.aev, aevs[nickel], species[nickel])
    assert np.array_equal(alone.parameters[:, 1:], weights[:, 1:])  # elements without an atom


def test_networks_that_are_trained_further_keep_what_the_first_data_had(binaries):
    start = train(settings(epochs=1), alloy(20, 3, 4), [np.arange(20)], 3)
    further = train_further(start, settings(epochs=1, learning_rate=1e-9).training, binaries, [np.arange(60)], 4)
    assert np.abs(further.parameters - start.parameters).max() < 1e-6
