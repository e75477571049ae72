"""The measure sees what the deviation between networks misses, and does not flag the training data."""

from dataclasses import replace

import numpy as np
import pytest

from foundational.engines.ani.extrapolation import (
    calibrated,
    energy_uncertainty,
    fit_extrapolation,
    posterior_variance,
    uncertainty,
)
from foundational.engines.ani.model_file import load_model, save_model
from foundational.engines.ani.training import train
from foundational.evaluation.errors import evaluate
from foundational.model import Model
from tests.engines.ani.cases import as_atoms, labelled, settings


@pytest.fixture(scope="module")
def data():
    return labelled(40, seed=2)


@pytest.fixture(scope="module")
def ensemble(data):
    found = train(settings(members=2, epochs=10), data, [np.arange(40)] * 2, seed=1)
    return replace(found, extrapolation=fit_extrapolation(found, data))


def test_the_mean_over_training_atoms_is_one(ensemble, data):
    q = posterior_variance(ensemble, data)
    assert q.mean() == pytest.approx(1.0, abs=0.1)
    assert np.sqrt(q).max() < 10


def test_a_compressed_cell_is_flagged_and_training_frames_are_not(ensemble, data):
    packed = replace(data, cell=data.cell * 0.75, positions=data.positions * np.float32(0.75)).take([0, 1, 2])
    assert not energy_uncertainty(ensemble, data)[1].any()
    assert energy_uncertainty(ensemble, packed)[1].all()
    inside, outside = uncertainty(ensemble, data), uncertainty(ensemble, packed)
    assert outside.extrapolation.reshape(3, -1).max(axis=1).min() > 2 * inside.extrapolation.max()
    assert outside.energy.min() > 5 * inside.energy.max()
    assert np.abs(outside.forces).mean() > 5 * np.abs(inside.forces).mean()


def test_the_scale_makes_estimates_of_other_frames_right(ensemble):
    others = labelled(40, seed=9)
    fitted = replace(ensemble, extrapolation=calibrated(ensemble, others))
    predicted = fitted.predict(others)
    error = predicted.energy.mean(axis=0) - others.labels.energy
    assert np.sqrt(np.mean((error / uncertainty(fitted, others, predicted).energy) ** 2)) == pytest.approx(1.0)


def test_a_model_file_and_its_members_keep_the_measure(ensemble, data, tmp_path):
    save_model(ensemble, tmp_path / "model")
    part = data.take([0, 1])
    assert (posterior_variance(load_model(tmp_path / "model"), part) == posterior_variance(ensemble, part)).all()
    each = [posterior_variance(ensemble.member(m), part) for m in range(2)]
    assert np.mean(each, axis=0) == pytest.approx(posterior_variance(ensemble, part))
    assert np.isnan(posterior_variance(replace(ensemble, extrapolation=None), part)).all()


def test_the_calculator_and_evaluate_show_it(ensemble, data):
    atoms = as_atoms(data.take([0]))
    model = Model(ensemble)
    expected = uncertainty(ensemble, data.take([0]))
    assert model.get_property("energy_std", atoms) == pytest.approx(expected.energy[0], rel=1e-3)
    assert model.get_property("forces_std", atoms) == pytest.approx(expected.forces, rel=1e-2, abs=1e-4)
    assert model.get_property("extrapolation", atoms) == pytest.approx(expected.extrapolation, rel=1e-3)
    errors = evaluate(ensemble, data)
    assert errors.outside_of_training_data == 0
    assert errors.estimated_error_meV_per_atom > 0
