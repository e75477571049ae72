"""What scripts rely on: keys, statuses, streams, and how soon --help answers."""

import json
import pickle
import subprocess
import sys

import pytest

from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.testing.crystals import labelled_dataset, rattled_crystals
from foundational.testing.project import copy_project, store_set


def test_show_has_the_promised_keys(foundational, distilled_project):
    shown = json.loads(foundational("show", "ni", "--json", cwd=distilled_project).out)
    assert {"name", "element", "version", "fingerprint", "n_configurations", "n_atoms", "labeller", "parent"} <= set(
        shown
    )
    assert shown["version"] is None
    assert (shown["n_configurations"], shown["n_atoms"]) == (40, 1280)


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


def test_check_of_a_sound_dataset_is_silent_on_stderr_and_ok(foundational, distilled_project):
    outcome = foundational("check", "ni", cwd=distilled_project)
    assert outcome.status == 0
    assert outcome.out == "ni: 40 configurations, every rule holds\n"


def test_potentials_computes_crystals_and_types_none_in(foundational, distilled_project):
    listed = json.loads(
        foundational("potentials", "--element", "Nb", "--crystals", "--json", cwd=distilled_project).out
    )
    (entry,) = listed["potentials"]
    assert entry["id"] == "NiNb"
    assert entry["doi"] == "10.1063/1.4968212"
    crystals = entry["crystals"]["Nb"]
    assert crystals["bcc"]["energy_per_atom"] == pytest.approx(-7.3469, abs=2e-4)
    assert crystals["bcc"]["lattice_constant"] == pytest.approx(3.3024, abs=1e-3)


def test_a_pool_of_another_specification_is_not_replaced_unasked(foundational, distilled_project):
    outcome = foundational("sample", "ni-momt-32", cwd=distilled_project)
    assert outcome.status == 1
    assert "'ni-momt-32' was sampled with another specification" in outcome.err
    assert "sample the pool again with --force" in outcome.err


def test_a_model_file_is_trained_and_evaluated_on_the_holdout(foundational, distilled_project, tmp_path):
    model = tmp_path / "ni.safetensors"
    arguments = ("train", "ni", "--frames", "20", "--seed", "3", "-o", str(model))
    assert foundational(*arguments, cwd=distilled_project).status == 0
    first = model.read_bytes()
    assert foundational(*arguments, cwd=distilled_project).status == 0
    assert model.read_bytes() == first
    errors = json.loads(foundational("evaluate", str(model), "ni-holdout", "--json", cwd=distilled_project).out)
    assert errors["mae_shifted_meV_per_atom"] <= errors["rmse_meV_per_atom"]
    assert errors["mae_meV_per_atom"] <= errors["p99_meV_per_atom"] <= errors["max_meV_per_atom"]
    assert errors["force_mae_meV_per_A"] > 0
    arguments = ("evaluate", str(model), "ni-holdout", "--device", "cpu:0", "--json")
    by_torch = json.loads(foundational(*arguments, cwd=distilled_project).out)
    assert by_torch == pytest.approx(errors, rel=1e-3, abs=1e-3)  # both are exact to 1e-6 eV/atom


def test_a_pickle_is_no_model_file(foundational, distilled_project, tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(pickle.dumps({"weights": [1.0]}))
    outcome = foundational("evaluate", str(path), "ni", cwd=distilled_project)
    assert outcome.status == 1
    assert "pickle" in outcome.err


def test_help_imports_nothing_heavy(tmp_path):
    """0.3 s is promised; what costs time is heavy imports, and those a test can see on any machine."""
    code = (
        "import sys; sys.argv = ['foundational', '--help']\n"
        "from foundational.cli.main import run\n"
        "try: run()\nexcept SystemExit: pass\n"
        "heavy = {'numpy', 'torch', 'xarray', 'zarr', 'ase', 'lammps', 'numba', 'dvc', 'pydantic', 'rich.console'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Usage: foundational" in done.stdout
    assert done.stderr.strip() == "[]"


def test_a_holdout_may_be_named_and_must_hold_other_frames(foundational, distilled_project, tmp_path):
    root = copy_project(distilled_project, tmp_path / "project")
    labeller = LammpsLabeller(potential_for("Ni", root))
    store_set(root, "local/test", labelled_dataset(rattled_crystals(5, seed=99), labeller, "Ni"), labeller)
    outcome = foundational("validate", "ni", "--seeds", "1", "--holdout", "local/test", "--json", cwd=root)
    assert json.loads(outcome.out)["holdout"] == "local/test"
    outcome = foundational("validate", "ni", "--holdout", "ni", cwd=root)
    assert outcome.status != 0
    assert "which shares 40 ids with it" in outcome.err
