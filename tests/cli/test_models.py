"""Commands that train networks: validate, train, evaluate."""

import json
import pickle

import numpy as np
import pytest

from foundational.data.batches import take
from foundational.data.fingerprint import fingerprint
from foundational.data.store import open_store
from foundational.engines.ani.model_file import load_model
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.testing.crystals import labelled_dataset, rattled_crystals
from foundational.testing.project import copy_project, store_set


def test_validate_prints_one_object_of_numbers_and_nulls(foundational, distilled_project):
    outcome = foundational("validate", "ni", "--seeds", "1", "--json", cwd=distilled_project)
    report = json.loads(outcome.out, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert {"dataset", "rank_ok", "kendall_tau", "mae_meV_per_atom", "mae_shifted_meV_per_atom"} <= set(report)
    assert report["force_mae_meV_per_A"] > 0
    assert len(report["seeds"]) == 1
    seed = report["seeds"][0]
    assert {"seed", "rank_ok", "structures"} <= set(seed)
    for structure in ("fcc", "bcc", "hcp"):
        found = seed["structures"][structure]
        assert {"energy_per_atom", "reference_energy_per_atom", "error_meV", "bond", "reference_bond", "full"} <= set(
            found
        )
    assert seed["structures"]["fcc"]["reference_energy_per_atom"] == pytest.approx(-4.8763, abs=2e-4)


def test_a_model_file_is_trained_and_evaluated_on_the_holdout(foundational, distilled_project, tmp_path):
    model = tmp_path / "ni.safetensors"
    arguments = ("train", "ni", "--frames", "20", "--seed", "3", "-o", str(model))
    assert foundational(*arguments, cwd=distilled_project).status == 0
    first = model.read_bytes()
    assert foundational(*arguments, cwd=distilled_project).status == 0
    assert model.read_bytes() == first
    dataset = open_store(distilled_project / "datasets" / "ni" / "data.zarr")
    rows = np.flatnonzero(dataset["split"].to_numpy() == 0)
    earliest = rows[np.argsort(dataset["selection_round"].to_numpy()[rows], kind="stable")][:20]
    assert load_model(model).metadata["fingerprint"] == fingerprint(take(dataset, np.sort(earliest)))
    further = ("--random", "--short-range", "none", "--start-from", str(tmp_path / "first.safetensors"))
    (tmp_path / "first.safetensors").write_bytes(first)
    assert foundational(*arguments, *further, cwd=distilled_project).status == 0
    assert load_model(model).metadata["fingerprint"] != fingerprint(take(dataset, np.sort(earliest)))
    model.write_bytes(first)
    drawn = tmp_path / "errors.svg"
    arguments = ("evaluate", str(model), "ni-holdout", "--plot", str(drawn), "--json")
    errors = json.loads(foundational(*arguments, cwd=distilled_project).out)
    assert f"mean error {errors['mae_meV_per_atom']:.3g} meV/atom" in drawn.read_text(encoding="utf-8")
    assert errors["mae_shifted_meV_per_atom"] <= errors["rmse_meV_per_atom"]
    assert errors["mae_meV_per_atom"] <= errors["p99_meV_per_atom"] <= errors["max_meV_per_atom"]
    assert errors["force_mae_meV_per_A"] > 0
    arguments = ("evaluate", str(model), "ni-holdout", "--device", "cpu:0", "--json")
    by_torch = json.loads(foundational(*arguments, cwd=distilled_project).out)
    estimates = {"estimated_error_meV_per_atom", "outside_of_training_data"}  # of the compiled kernels alone
    assert errors.keys() - by_torch.keys() == estimates
    errors = {name: value for name, value in errors.items() if name not in estimates}
    assert by_torch == pytest.approx(errors, rel=1e-3, abs=1e-3)  # both are exact to 1e-6 eV/atom


def test_a_pickle_is_no_model_file(foundational, distilled_project, tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(pickle.dumps({"weights": [1.0]}))
    outcome = foundational("evaluate", str(path), "ni", cwd=distilled_project)
    assert outcome.status == 1
    assert "pickle" in outcome.err


def test_a_holdout_may_be_named_and_must_hold_other_frames(foundational, distilled_project, tmp_path):
    root = copy_project(distilled_project, tmp_path / "project")
    labeller = LammpsLabeller(potential_for("Ni", root))
    store_set(root, "local/test", labelled_dataset(rattled_crystals(5, seed=99), labeller, "Ni"), labeller)
    arguments = ("--seeds", "1", "--holdout", "local/test", "--labeller", "lammps:NiNb", "--write", "--json")
    drawn = tmp_path / "ni.svg"
    report = json.loads(foundational("validate", "ni", *arguments, "--plot", str(drawn), cwd=root).out)
    assert report["holdout"] == "local/test"
    assert report == json.loads((root / "metrics" / "validate" / "ni.json").read_text(encoding="utf-8"))
    assert "validation failed" in drawn.read_text(encoding="utf-8")
    outcome = foundational("validate", "ni", "--holdout", "ni", cwd=root)
    assert outcome.status != 0
    assert "which shares 40 ids with it" in outcome.err
