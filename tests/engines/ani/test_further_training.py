"""Networks that are trained further on other labels."""

from dataclasses import replace

import numpy as np
import pytest

from foundational.data.configurations import Configurations
from foundational.engines.ani.further_training import train_further
from foundational.engines.ani.training import train
from foundational.errors import InputError
from foundational.evaluation.errors import evaluate
from tests.engines.ani.cases import crystals, labelled, pair_labels, settings


@pytest.mark.parametrize("pair_potential", [False, True])
def test_networks_that_are_trained_further_need_fewer_labels(pair_potential):
    first = settings(members=2, epochs=30, pair_potential=pair_potential)
    start = train(first, labelled(24), [np.arange(24)] * 2, 0)
    other, tested = crystals(4, 7), crystals(8, 8)

    def shifted(cells: Configurations) -> Configurations:
        labels = pair_labels(cells, 0.55)
        return cells.with_labels(replace(labels, energy=labels.energy + 3.0 * cells.n_atoms))

    few, ten = shifted(other), settings(members=2, learning_rate=1e-3, epochs=10)
    further = train_further(start, ten.training, few, [np.arange(4)] * 2, 1)
    scratch = train(ten, few, [np.arange(4)] * 2, 1)
    errors = [evaluate(model, shifted(tested)).force_mae_meV_per_A for model in (further, scratch)]
    assert errors[0] < 0.5 * errors[1]
    assert abs(further.self_energies - start.self_energies - 3.0).max() < 0.5
    assert further.metadata["started_from"] == start.id
    unknown = replace(few, atomic_numbers=few.atomic_numbers + 1)
    with pytest.raises(InputError, match="expected elements that the model to start from has"):
        train_further(start, ten.training, unknown, [np.arange(4)] * 2, 1)
