import gc
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.cluster import Icosahedron
from ase.io import write

from foundational.data.batches import take
from foundational.data.checks import check_dataset
from foundational.data.integrity.storing import exclusive
from foundational.data.store import open_store
from foundational.engines.crystals.references import reference_crystals
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import ConflictError, EngineError, GateError, InputError
from foundational.evaluation.retraining import training_rows
from foundational.inspection.check import check
from foundational.labelling.catalogue import labeller_named
from foundational.labelling.records import labeller_of
from foundational.labelling.session import LabellingChoice
from foundational.provenance.record import read_record
from foundational.specs.parsing import read_yaml
from foundational.stages.relabel.command import RelabelChoice, check_labels, relabel_dataset
from foundational.stages.translate.command import Transfer, journal_path, translate_dataset
from foundational.stages.validate.command import ValidateOptions, validate_dataset
from foundational.testing.project import copy_project, store_set
from foundational.workspace.parents import Permissions
from foundational.workspace.validations import write_validation
from tests.validation_reports import report

COUNT = 20
FAULTY, EMT = "ase:tests.faulty_calculators:Faulty", "ase:ase.calculators.emt:EMT"


@pytest.fixture(scope="module")
def few(distilled_project, tmp_path_factory):
    """The small project with COUNT configurations in ``ni``."""
    root = copy_project(distilled_project, tmp_path_factory.mktemp("few") / "project")
    record = read_record(root / "datasets/ni")
    dataset = take(open_store(root / "datasets/ni/data.zarr"), slice(0, COUNT)).load()
    store_set(root, "ni", dataset, LammpsLabeller(potential_for("Ni", root)), record.parents, "distill")
    return root


@pytest.fixture
def project(few, tmp_path):
    return copy_project(few, tmp_path / "project")


def loaded(root, name):
    return open_store(root / f"datasets/{name}/data.zarr").load()


def volume_of(root, row):
    return float(np.linalg.det(loaded(root, "ni")["cell"][row]))


def test_the_result_has_the_parent_s_configurations_and_other_labels(project):
    record = relabel_dataset(project, "ni", "local/emt", LabellingChoice(EMT, isolated_energy=0.5))
    parent, child = loaded(project, "ni"), loaded(project, "local/emt")
    for name in ("id", "split", "walker", "step"):
        assert np.array_equal(child[name], parent[name])
    assert np.array_equal(child["parent_id"], parent["id"])
    assert np.abs(child["forces"] - parent["forces"]).max() > 0.1
    assert child.attrs["labeller"] == EMT
    assert child.attrs["volume_per_atom"] == parent.attrs["volume_per_atom"]
    assert check("local/emt", project).violations == ()
    assert record.stage == "relabel"
    assert record.inputs[0].fingerprint == read_record(project / "datasets/ni").output.fingerprint
    parameters = record.labeller.parameters
    assert parameters["arguments"] == {}
    assert parameters["energy_reference"] == "free_energy"
    assert parameters["isolated_atom_eV"] == {"Ni": 0.5}
    assert parameters["units"] == {
        "energy": "eV", "forces": "eV/Å", "stress": "eV/Å³", "stress_sign": "tension positive"
    }  # fmt: skip


def test_a_released_set_is_made_as_params_state(project):
    params, where = project / "params.yaml", f"energy < {float(loaded(project, 'ni')['energy'].median())}"
    stated = {"parent": "ni", "labeller": EMT, "where": where}
    params.write_text(json.dumps(read_yaml(params) | {"relabel": {"ni-emt": stated}}))
    with pytest.raises(InputError, match="expected a name that begins with local/"):
        relabel_dataset(project, "ni", "ni-other", LabellingChoice(EMT))
    with pytest.raises(InputError, match=r"params\.yaml states where 'energy < .*' for 'ni-emt'"):
        relabel_dataset(project, "ni", "ni-emt", LabellingChoice(EMT))
    with pytest.raises(InputError, match="states no --crystals and no --keep for 'ni-emt'"):
        relabel_dataset(project, "ni", "ni-emt", LabellingChoice(EMT), chosen=RelabelChoice(where, keep=True))
    record = relabel_dataset(project, "ni", "ni-emt", LabellingChoice(EMT), chosen=RelabelChoice(where))
    assert record.spec["where"] == where
    assert record.output.n_configurations == COUNT // 2


def test_the_isolated_atom_is_null_where_it_is_unknown_and_computed_for_a_potential(project):
    record = relabel_dataset(project, "ni", "local/emt", LabellingChoice(EMT))
    assert record.labeller.parameters["isolated_atom_eV"] == {"Ni": None}
    record = relabel_dataset(project, "ni", "local/again", LabellingChoice("lammps:NiNb"))
    assert record.labeller.parameters["isolated_atom_eV"]["Ni"] == pytest.approx(0.0, abs=1e-9)
    assert record.output.fingerprint == read_record(project / "datasets/ni").output.fingerprint


def test_a_configuration_that_fails_is_recorded_and_left_out(project):
    arguments = {"fault": "raise", "at": volume_of(project, 17)}
    record = relabel_dataset(project, "ni", "local/emt", LabellingChoice(FAULTY, arguments=arguments))
    parent, child = loaded(project, "ni"), loaded(project, "local/emt")
    assert np.array_equal(child["id"], np.delete(parent["id"].to_numpy(), 17, axis=0))
    assert record.details["filtered"] == [
        {
            "parent_id": bytes(parent["id"].to_numpy()[17]).hex(),
            "reason": f"{FAULTY} failed: RuntimeError: SCF did not converge",
        }
    ]


def test_crystals_may_be_transformed_to_others_before_they_are_labelled(project):
    record = relabel_dataset(project, "ni", "local/emt", LabellingChoice(EMT), chosen=RelabelChoice(crystals=["bcc"]))
    parent, child = loaded(project, "ni"), loaded(project, "local/emt")
    assert record.spec["crystals"] == ["bcc"]
    assert record.details["turned"] == {"bcc": child.sizes["configuration"] - COUNT}
    assert np.array_equal(child["id"][:COUNT], parent["id"])
    assert (child["transformed_to"][COUNT:] == 2).all()
    assert check("local/emt", project).violations == ()
    again = relabel_dataset(project, "local/emt", "local/back", LabellingChoice("lammps:NiNb"))
    assert again.details["turned"] == record.details["turned"]
    assert np.array_equal(loaded(project, "local/back")["transformed_to"], child["transformed_to"])


def test_a_configuration_is_tried_twice(project, tmp_path):
    (tmp_path / "marks").mkdir()
    arguments = {"fault": "first", "marks": str(tmp_path / "marks")}
    record = relabel_dataset(project, "ni", "local/emt", LabellingChoice(FAULTY, arguments=arguments))
    assert record.details["filtered"] == []
    assert len(list((tmp_path / "marks").iterdir())) == 2 * record.output.n_configurations


def test_what_fails_from_the_start_is_given_up(project):
    with pytest.raises(EngineError, match=r"the first 3 configurations all failed.*SCF did not converge"):
        relabel_dataset(project, "ni", "local/emt", LabellingChoice(FAULTY, arguments={"fault": "raise"}))
    assert not (project / "datasets/local/emt/data.zarr").exists()


def test_a_configuration_that_workers_die_of_is_left_out_alone(project, tmp_path):
    """It is tried twice; what another worker is busy with at that moment is not disturbed."""
    (tmp_path / "marks").mkdir()
    fatal = {"fault": "die", "at": volume_of(project, 5), "marks": str(tmp_path / "marks")}
    record = relabel_dataset(project, "ni", "local/emt", LabellingChoice(FAULTY, arguments=fatal, workers=2))
    ((left_out),) = record.details["filtered"]
    parent = open_store(project / "datasets/ni/data.zarr")
    assert left_out["parent_id"] == parent["id"].to_numpy()[5].tobytes().hex()
    assert "the process that labelled it died" in left_out["reason"]
    assert record.output.n_configurations == COUNT - 1
    tries = Counter(path.name.rsplit("-", 2)[0] for path in (tmp_path / "marks").iterdir())
    assert max(tries.values()) == 2


def test_labels_of_an_interrupted_run_are_not_mixed_with_others(project):
    with pytest.raises(EngineError, match=r"the first 3 configurations all failed.*the process that labelled it died"):
        relabel_dataset(project, "ni", "local/emt", LabellingChoice(FAULTY, arguments={"fault": "die"}, workers=2))
    with pytest.raises(ConflictError, match=r"holds labels of an interrupted run by.*with other settings"):
        relabel_dataset(project, "ni", "local/emt", LabellingChoice(FAULTY, arguments={"fault": ""}))


def test_a_killed_run_goes_on_where_it_was(project, tmp_path):
    """SIGKILL in mid-run and a torn last line: nothing finished is computed again, and the result is the same."""
    arguments = {"fault": "slow", "marks": str(tmp_path / "marks")}
    (tmp_path / "marks").mkdir()
    command = [sys.executable, "-m", "foundational.cli.main", "relabel", "ni", "--labeller", FAULTY]
    command += ["--labeller-args", json.dumps(arguments), "--name", "local/emt", "--workers", "1"]
    checkout = str(Path(__file__).resolve().parents[3])
    process = subprocess.Popen(command, cwd=project, env=os.environ | {"PYTHONPATH": checkout}, start_new_session=True)
    journal, deadline = journal_path(project, "local/emt"), time.monotonic() + 60
    while time.monotonic() < deadline and not (journal.exists() and len(journal.read_bytes().splitlines()) > 8):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    whole = journal.read_bytes()
    finished = [line for line in whole.splitlines(keepends=True)[1:] if line.endswith(b"\n")]
    assert 8 <= len(finished) < COUNT
    journal.write_bytes(whole + finished[0][:100])
    before = len(list((tmp_path / "marks").iterdir()))
    record = relabel_dataset(project, "ni", "local/emt", LabellingChoice(FAULTY, arguments=arguments))
    assert len(list((tmp_path / "marks").iterdir())) - before == COUNT - len(finished)
    assert not journal.exists()
    straight = relabel_dataset(project, "ni", "local/straight", LabellingChoice(EMT))
    assert record.output.fingerprint == straight.output.fingerprint


@pytest.mark.parametrize("name", ["local", "parsl", "dask"])
def test_labels_do_not_depend_on_the_executor(project, name):
    if name != "local":
        pytest.importorskip({"parsl": "parsl", "dask": "distributed"}[name])
    here = relabel_dataset(project, "ni", "local/here", LabellingChoice(EMT))
    with warnings.catch_warnings(category=ResourceWarning, action="ignore"):  # Parsl leaves files for the collector
        choice = LabellingChoice(EMT, executor=name, workers=2 if name == "local" else 1)
        there = relabel_dataset(project, "ni", "local/there", choice)
        gc.collect()
    assert there.output.fingerprint == here.output.fingerprint


def test_an_unknown_executor_is_refused(project):
    with pytest.raises(InputError, match="expected an executor among local, parsl and dask, got 'slurm'"):
        relabel_dataset(project, "ni", "local/emt", LabellingChoice(EMT, executor="slurm"))


def test_stored_labels_are_computed_again_and_compared(project):
    found = check_labels(project, "ni", 12)
    assert found.ok
    assert (found.configurations, found.labeller, found.forces_eV_per_A) == (12, "lammps:NiNb", 0.0)


def test_code_that_a_record_names_is_not_run_unasked(project):
    relabel_dataset(project, "ni", "local/emt", LabellingChoice(FAULTY, arguments={"fault": ""}))
    with pytest.raises(InputError, match="if you trust that, name it with --labeller"):
        check_labels(project, "local/emt", 3)
    with pytest.raises(ConflictError, match="not by"):
        check_labels(project, "local/emt", 3, LabellingChoice(FAULTY, arguments={"fault": "nan"}))
    assert check_labels(project, "local/emt", 3, LabellingChoice(FAULTY, arguments={"fault": ""})).ok


def failed_report(root, **changes):
    fingerprint = read_record(root / "datasets/ni").output.fingerprint
    message = "1 of 2 networks reproduce the reference energy ranking"
    write_validation(root, report(**({"fingerprint": fingerprint, "passed": False, "message": message} | changes)))


def test_a_parent_that_failed_its_validation_is_refused(project):
    failed_report(project)
    for run in (
        lambda **more: translate_dataset(project, "ni", "Nb", **more),
        lambda **more: relabel_dataset(project, "ni", "local/emt", LabellingChoice(EMT), **more),
    ):
        with pytest.raises(GateError, match=r"'ni' failed its own validation.*1 of 2.*--force-parent"):
            run()
        run(permissions=Permissions(failed_parent=True))


@pytest.mark.parametrize("changes", [{"passed": True}, {"fingerprint": "of other data"}])
def test_a_parent_is_judged_by_its_own_report(project, changes):
    failed_report(project, **changes)
    assert translate_dataset(project, "ni", "Nb", transfer=Transfer(crystals=[])).output.n_configurations == COUNT


def test_two_processes_do_not_label_into_one_dataset(project):
    with exclusive(project, "local/emt"), pytest.raises(ConflictError, match="another process is writing"):
        relabel_dataset(project, "ni", "local/emt", LabellingChoice(EMT))


def test_a_relabelled_set_is_validated_against_its_own_labeller(project):
    relabel_dataset(project, "ni", "local/emt", LabellingChoice(EMT))
    with pytest.raises(InputError, match="if you trust that, name it with --labeller"):
        validate_dataset(project, "local/emt", ValidateOptions(members=1))
    emt = labeller_of(read_record(project / "datasets/local/emt").labeller, project, labeller_named(EMT, project))
    reference = reference_crystals(emt, "Ni")
    assert reference.isotropic["fcc"].bond == pytest.approx(2.49, abs=0.03)  # EMT's nickel: 3.49 to 3.52 Å
    assert reference.isotropic["fcc"].energy_per_atom == pytest.approx(0.0, abs=0.05)  # EMT's zero


def test_what_code_of_one_s_own_labelled_is_no_parent_of_translations(project):
    relabel_dataset(project, "ni", "local/emt", LabellingChoice(EMT))
    with pytest.raises(InputError, match=r"'local/emt' was labelled by ase:.*translate a set that"):
        translate_dataset(project, "local/emt", "Cu")


def test_clusters_slabs_and_isolated_atoms_of_a_file_are_labelled(project, tmp_path):
    """By a calculator, and by a potential of two elements; what has no volume has no stress."""
    random = np.random.default_rng(0)
    cluster = Icosahedron("Ni", 2)
    slab = fcc111("Al", (2, 2, 3), vacuum=None)
    alloy = bulk("Ni", cubic=True) * (2, 1, 1)
    alloy.symbols[::2] = "Al"
    frames = [cluster, slab, alloy, Atoms("Ni"), Atoms("Al")]
    for atoms in frames[:3]:
        atoms.info.clear()
        atoms.rattle(0.05, rng=random)
    write(tmp_path / "any.extxyz", frames)
    for name, choice in {"emt": LabellingChoice(EMT), "eam": LabellingChoice(potential="NiAlH_jea.eam.alloy")}.items():
        relabel_dataset(project, str(tmp_path / "any.extxyz"), f"local/{name}", choice)
        data = loaded(project, f"local/{name}")
        assert data.attrs["elements"] == ["Al", "Ni"]
        assert np.isfinite(data["energy"]).all()
        assert np.isfinite(data["stress"]).all(axis=(1, 2)).to_numpy().tolist() == [False, False, True, False, False]
        assert data["role"].to_numpy().tolist() == [0, 0, 0, 1, 1]


def test_earlier_labels_may_be_kept_beside_the_new_ones(project):
    """One set of ids, two theories: each configuration once for each method, and no training on the mixture."""
    relabel_dataset(project, "ni", "local/both", LabellingChoice(EMT), chosen=RelabelChoice(keep=True))
    both, parent = loaded(project, "local/both"), loaded(project, "ni")
    assert both["method"].to_numpy().tolist() == [0] * COUNT + [1] * COUNT
    assert [method["id"] for method in both.attrs["methods"]] == ["lammps:NiNb", EMT]
    np.testing.assert_array_equal(both["id"][:COUNT], both["id"][COUNT:])
    np.testing.assert_array_equal(both["energy"][:COUNT], parent["energy"])
    assert not check_dataset(both)
    assert check_labels(project, "local/both", 3, LabellingChoice(EMT)).ok
    with pytest.raises(InputError, match="labels of one method to train on, got several"):
        training_rows(both)
