import numpy as np

from foundational.data.fingerprint import fingerprint
from foundational.stages.train.stage import train_ensemble
from tests.engines.ani.cases import labelled, settings


def test_an_ensemble_knows_what_it_was_trained_on() -> None:
    configurations = labelled(12)
    seen = []
    ensemble = train_ensemble(
        settings(members=2, epochs=3),
        configurations,
        [np.arange(8), np.arange(4, 12)],
        1,
        progress=lambda done, total, message: seen.append((done, total)),
    )
    assert ensemble.members == 2
    assert ensemble.metadata["training_data"] == fingerprint(configurations)
    assert seen == [(1, 3), (2, 3), (3, 3)]
