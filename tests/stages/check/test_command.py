import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from foundational.data.batches import take
from foundational.data.extxyz import write_extxyz
from foundational.errors import InputError
from foundational.interchange.importing import ImportChoice
from foundational.interchange.label_choice import LabelChoice
from foundational.stages.check.command import deep_findings, stated_of
from foundational.stages.distill.command import distill_pool
from foundational.stages.importing.command import import_dataset
from foundational.workspace.pools import open_pool


@pytest.fixture
def file(project):
    pool = open_pool(project, "ni-momt-32")[0]
    write_extxyz(take(pool, np.arange(6)).drop_vars(["walker", "step"]), project / "few.xyz")
    return project / "few.xyz"


def test_a_set_knows_how_its_file_was_read(project, file):
    choice = ImportChoice(LabelChoice(stress_unit="kbar", forces_unit="eV/A"))
    record, _ = import_dataset(project, [file], "local/x", choice)
    distilled = distill_pool(project, "local/few", source="local/x", changes={"frames": 2, "method": "random"})
    for found in (stated_of(record), stated_of(distilled)):
        assert found.imported
        assert found.labels.stress_unit == "kbar"
    older = record.model_copy(
        update={
            "spec": {
                "files": [{"format": "pymatgen-json"}],
                "labels": LabelChoice().model_dump(exclude={"forces_unit"}),
            }
        }
    )
    assert stated_of(older).labels.stress_order == "vasp"
    for spec in ({"labels": 3}, {"labels": {"forces_unit": 3}}, {"labels": {}, "files": []}):
        with pytest.raises(InputError, match="how an import read the labels"):
            stated_of(record.model_copy(update={"spec": spec}))


def test_labels_without_a_record_were_not_imported():
    assert not stated_of(None).imported


def test_files_and_datasets_are_opened_outside_and_inside_a_project(project, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert {f.status for f in deep_findings(str(file))} == {"not applicable"}
    import_dataset(project, [file], "local/x", ImportChoice())
    assert {f.status for f in deep_findings("local/x", project)} == {"not applicable"}


def test_isolated_atoms_alone_have_no_lengths_to_train_with(tmp_path):
    write(tmp_path / "atoms.xyz", [Atoms("Ni", cell=[20.0 + i] * 3, pbc=True) for i in range(2)])
    (finding,) = deep_findings(str(tmp_path / "atoms.xyz"))
    assert finding.status == "not applicable"
    assert "no configurations of two or more atoms, from which lengths follow" in finding.message
