import numpy as np
import pytest

from foundational.engines.ani.last_layer import last_layer_features
from foundational.engines.ani.network import layer_widths, layers
from foundational.engines.ani.training import train
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.specs.params import read_params
from foundational.testing.crystals import rattled_crystals


@pytest.mark.parametrize("activation", ["gelu", "celu"])
def test_the_energy_is_linear_in_the_last_layer(checkout, activation):
    """Sixty energies by sixteen numbers: only the right features fit them, with weights of the right signs."""
    batch = rattled_crystals(60, seed=3)
    batch = batch.with_labels(LammpsLabeller(potential_for("Ni", checkout)).label(batch))
    spec = read_params(checkout / "params.yaml").ani.recipe
    network = spec.network.model_copy(update={"hidden": (32, 16), "activation": activation})
    training = spec.training.model_copy(update={"epochs": 3, "least_steps": None})
    spec = spec.model_copy(update={"members": 2, "network": network, "training": training})
    ensemble = train(spec, batch, [np.arange(60)] * 2, seed=1)
    features = last_layer_features(ensemble, batch).reshape(60, 2, 16).astype(np.float64)
    energy = ensemble.predict(batch, forces=False).energy / 32
    widths = layer_widths(ensemble.mean.shape[-1], network.hidden)
    for m in range(2):
        weights, bias = layers(ensemble.parameters[m, 0], widths)[-1]
        expected = (energy[m] - ensemble.self_energies[m, 0]) / ensemble.scale - bias[0]
        solved, *_ = np.linalg.lstsq(features[:, m], expected, rcond=None)
        assert features[:, m] @ solved == pytest.approx(expected, abs=2e-5)
        assert (solved * weights[:, 0] > 0).all(), "each weight times its column's scale, which is positive"
    assert np.sqrt((features**2).mean(axis=0)) == pytest.approx(1.0, abs=1e-4)
