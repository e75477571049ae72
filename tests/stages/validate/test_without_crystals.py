"""A set from a file is tested on its own part, and the report says what was not tested."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from foundational.data.configurations import Configurations
from foundational.data.conversion import to_dataset
from foundational.data.fingerprint import fingerprint
from foundational.data.named import NamedDataset
from foundational.data.store import open_store
from foundational.errors import InputError
from foundational.evaluation.validation_report import ValidationReport
from foundational.science.crystals import build_crystal
from foundational.specs.ani import AniSpec
from foundational.specs.params import Params, read_params
from foundational.specs.validate import GateSpec
from foundational.stages.validate import without_crystals
from foundational.stages.validate.without_crystals import validate_without_crystals
from tests.exact_networks import FCC, Exact, Networks


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


# ------------------------------------------------------------------------ networks whose errors are exactly known


def stretched(
    sizes: list[float], *, nickel: Sequence[int] = (), split: list[int] | None = None, **labels: object
) -> xr.Dataset:
    """FCC crystals of −4 + 4 x² eV/atom for each x of ``sizes``; ``nickel`` of 32 atoms, else all; others are Al."""
    cells = [build_crystal("fcc", 11.0 * (1 + x)) for x in sizes]
    numbers = [np.where(np.arange(FCC) < n, 28, 13) for n in nickel or [FCC] * len(sizes)]
    batch = Configurations.build([c.cell for c in cells], [c.positions for c in cells], numbers)
    data = to_dataset(batch.with_labels(Exact({FCC: -4.0}).label(batch)), attrs={"element": "Ni"})
    data = data.assign({name: (data[name].dims, np.asarray(values)) for name, values in labels.items()})
    return data if split is None else data.assign(split=("configuration", np.array(split, np.uint8)))


def exactly(monkeypatch, params, subject, *errors, holdout=None, mae=None) -> ValidationReport:
    """Validate networks that err by ``errors``, meV/atom, on every configuration."""
    networks = Networks(tuple(Exact({FCC: -4.0 + error / 1000}) for error in errors))
    monkeypatch.setattr(without_crystals, "retrain", lambda *_, **__: networks)
    gates = GateSpec(rank=True, ground_state=False, mae=mae, crystal_error=0.02)
    spec = params.validate_.model_copy(update={"members": len(errors), "gates": gates})
    return validate_without_crystals(NamedDataset("mine", subject), holdout, spec, params.ani.recipe, 1, "no method")


SIZES, PARTS = [0.1, 0.0, 0.2, 0.1, 0.3], [0, 1, 0, 1, 0]
#: Mean absolute error of the mean energy of the training part, 4 (0.1² + 0.2² + 0.3²)/3, on the others, meV/atom.
SPREAD = 1000 * ((0.56 / 3 - 0.0) + (0.56 / 3 - 0.04)) / 2


@pytest.mark.parametrize(("excess", "ok"), [(-0.01, True), (0.01, False)])
def test_networks_pass_with_at_most_half_the_error_of_the_mean_energy(monkeypatch, params, excess, ok):
    error = SPREAD / 2 + excess
    subject = stretched(SIZES, split=PARTS)
    report = exactly(monkeypatch, params, subject, error - 1, error + 1, mae=error / 1000 + 1e-6)
    gates = {gate.name: gate for gate in report.gates}
    assert {name: gate.ok for name, gate in gates.items()} == {
        "rank": None,
        "crystal_error": None,
        "mae": True,
        "training": ok,
    }
    assert report.passed is ok
    assert (
        f"is {error:.2f} meV/atom; the mean energy in place of networks has {SPREAD:.2f}" in gates["training"].message
    )
    assert "within the gate" in gates["mae"].message
    assert [m.mae_meV_per_atom for m in report.members] == pytest.approx([error - 1, error + 1])
    assert [m.member for m in report.members] == [0, 1]
    assert report.mae_meV_per_atom == pytest.approx(error)
    assert (report.training_configurations, report.holdout) == (3, "validation part of mine")
    assert report.fingerprint == fingerprint(subject)
    above = exactly(monkeypatch, params, subject, error, mae=error / 1000 - 1e-6)
    assert {gate.name: gate.ok for gate in above.gates}["mae"] is False
    assert above.passed is False


def test_a_holdout_takes_the_place_of_the_other_part(monkeypatch, params):
    other = NamedDataset("tested", stretched([0.4, 0.5]))
    report = exactly(monkeypatch, params, stretched(SIZES, split=PARTS), 5.0, holdout=other)
    assert (report.holdout, report.training_configurations) == ("tested", 3)
    spread = 1000 * ((0.64 + 1.0) / 2 - 0.56 / 3)
    assert f"has {spread:.2f}" in report.gates[-1].message
    whole = exactly(monkeypatch, params, stretched(SIZES), 5.0, holdout=other)
    assert whole.training_configurations == 5
    with pytest.raises(InputError, match="shares 1 ids"):
        exactly(monkeypatch, params, stretched(SIZES), 5.0, holdout=NamedDataset("tested", stretched([0.3, 0.5])))


def test_a_tenth_of_a_set_without_a_split_is_tested_and_a_split_of_its_own_stays(monkeypatch, params):
    many = [0.01 * k for k in range(40)]
    for subject in (stretched(many), stretched(many, split=[0] * 40)):
        report = exactly(monkeypatch, params, subject, 1.0)
        assert 30 <= report.training_configurations < 40
        assert report.holdout == "validation part of mine"
    own = exactly(monkeypatch, params, stretched(many, split=[1] + [0] * 39), 1.0)
    assert own.training_configurations == 39
    two = [exactly(monkeypatch, params, stretched([0.1] * count), 1.0).training_configurations for count in (1, 2)]
    assert two[0] == 1
    assert "too few configurations" in exactly(monkeypatch, params, stretched([0.1]), 1.0).gates[-1].message


def test_one_energy_for_each_element_is_what_networks_of_alloys_must_beat(monkeypatch, params):
    """Ni −4 eV and Al 0 fit the training part; the tested configurations are 0.5 and 0.1 eV/atom away."""
    energy = FCC * np.array([-1.0, -2.5, -3.0, np.nan, np.nan, -0.9])
    energy[4] = np.nan
    subject = stretched([0.1] * 6, nickel=[8, 16, 24, 8, 8, 8], split=[0, 1, 0, 0, 1, 1], energy=energy)
    gate = exactly(monkeypatch, params, subject, 1.0).gates[-1]
    assert "one energy for all atoms of an element in place of networks has 300.00" in gate.message
    constant = subject.assign(energy=subject["energy"].copy(data=FCC * np.array([-1.0, -2, -3, -1, -1, -1])))
    assert exactly(monkeypatch, params, constant, 1.0).gates[-1].ok is False


@pytest.mark.parametrize("unknown", [[0, 2, 4], [1, 3]])
def test_energies_that_are_unknown_in_one_part_test_nothing(monkeypatch, params, unknown):
    energy = stretched(SIZES)["energy"].to_numpy().copy()
    energy[unknown] = np.nan
    gate = exactly(monkeypatch, params, stretched(SIZES, split=PARTS, energy=energy), 1.0).gates[-1]
    assert (gate.name, gate.ok) == ("training", None)
