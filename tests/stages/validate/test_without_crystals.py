"""A set from a file is tested on its own part, and the report says what was not tested."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from foundational.data.named import NamedDataset
from foundational.data.store import open_store
from foundational.evaluation.validation_report import ValidationReport
from foundational.specs.ani import AniSpec
from foundational.specs.params import Params, read_params
from foundational.stages.validate.without_crystals import validate_without_crystals


@pytest.fixture(scope="module")
def params(tiny_project: Path) -> Params:
    return read_params(tiny_project / "params.yaml")


@pytest.fixture(scope="module")
def settings(params: Params) -> AniSpec:
    recipe = params.ani.recipe
    return recipe.model_copy(update={"training": recipe.training.model_copy(update={"epochs": 2, "least_steps": 300})})


@pytest.fixture(scope="module")
def pool(tiny_project: Path) -> NamedDataset:
    return NamedDataset("mine", open_store(tiny_project / "datasets" / "pools" / "ni-momt-32" / "data.zarr").load())


def run(subject: NamedDataset, holdout: NamedDataset | None, params: Params, settings: AniSpec) -> ValidationReport:
    return validate_without_crystals(subject, holdout, params.validate_, settings, 1, "labels from a file")


def test_a_set_without_a_split_is_split_and_nothing_is_said_of_crystals(pool, params, settings):
    report = run(pool, None, params, settings)
    assert report.holdout == "validation part of mine"
    assert 0 < report.training_configurations < pool.dataset.sizes["configuration"]
    gates = {gate.name: gate for gate in report.gates}
    assert [gates[name].ok for name in ("rank", "ground_state")] == [None, None]
    assert "not tested (labels from a file)" in gates["rank"].message
    assert gates["mae"].ok is False, "the gate of the small project is 1e-6 eV"
    assert gates["training"].ok is True
    assert (report.rank_ok, report.ground_state_ok) == (None, None)
    assert "structure" not in "\n".join(report.lines())
    assert ValidationReport.model_validate(report.model_dump(mode="json")) == report


def test_labels_that_have_nothing_to_do_with_the_structures_do_not_pass(pool, params, settings):
    energy = np.random.default_rng(0).permutation(pool.dataset["energy"].to_numpy())
    scrambled = replace(pool, dataset=pool.dataset.assign(energy=pool.dataset["energy"].copy(data=energy)))
    gate = next(gate for gate in run(scrambled, None, params, settings).gates if gate.name == "training")
    assert gate.ok is False
    assert re.search(r"the mean energy in place of networks has \d", gate.message)


def test_what_is_too_small_to_test_is_not_tested(pool, params, settings):
    one = replace(pool, dataset=pool.dataset.isel(configuration=[0], atom=slice(0, 32)))
    gate = run(one, None, params, settings).gates[-1]
    assert (gate.name, gate.ok) == ("training", None)


def test_a_set_of_partial_labels_and_without_stress_is_validated(pool, params, settings):
    energy, forces = pool.dataset["energy"].to_numpy().copy(), pool.dataset["forces"].to_numpy().copy()
    energy[::4] = np.nan
    forces[: 3 * int(pool.dataset["n_atoms"][0])] = np.nan
    data = pool.dataset.drop_vars("stress")
    data = data.assign(energy=data["energy"].copy(data=energy), forces=data["forces"].copy(data=forces))
    report = run(replace(pool, dataset=data), None, params, settings)
    assert {gate.name: gate.ok for gate in report.gates}["training"] is True
    assert report.mae_meV_per_atom is not None


def test_a_set_of_forces_alone_is_reported_without_errors_of_energies(pool, params, settings):
    report = run(replace(pool, dataset=pool.dataset.drop_vars(["energy", "stress"])), None, params, settings)
    assert report.mae_meV_per_atom is None
    assert report.force_mae_meV_per_A is not None
    assert all(gate.ok is None for gate in report.gates)
    assert "no known energies to test on" in report.gates[-1].message
    assert list(report.lines())
