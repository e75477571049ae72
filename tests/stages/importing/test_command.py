"""A file becomes a dataset of the project, with a record that says from which bytes, or nothing is stored."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import write

from foundational.data.conversion import to_configurations
from foundational.data.store import open_store
from foundational.errors import ConflictError, InputError
from foundational.interchange.importing import ImportChoice, sha256_of_source
from foundational.interchange.label_choice import LabelChoice
from foundational.project import STORE
from foundational.provenance.record import read_record
from foundational.stages.importing.command import import_dataset
from foundational.testing.project import copy_project


@pytest.fixture
def project(distilled_project, tmp_path):
    return copy_project(distilled_project, tmp_path / "project")


@pytest.fixture
def frames() -> list[Atoms]:
    found = []
    for i in range(4):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.05, seed=i)
        atoms.calc = EMT()
        atoms.info["config_type"] = "rattled"
        atoms.get_stress()
        found.append(atoms)
    return found


def test_several_files_become_one_set_with_a_record_of_each(project, frames, tmp_path):
    paths = [tmp_path / "a.xyz", tmp_path / "b.extxyz"]
    write(paths[0], frames[:3], format="extxyz")
    write(paths[1], frames[3:], format="extxyz")
    choice = ImportChoice(method={"code": "ASE", "functional": "EMT"})
    record, imported = import_dataset(project, paths, "local/cu", choice)
    dataset = open_store(project / "datasets/local/cu" / STORE)
    batch = to_configurations(dataset)
    assert np.allclose(batch.labels.energy, [atoms.get_potential_energy() for atoms in frames], atol=1e-12)
    assert np.allclose(batch.labels.stress, [atoms.get_stress(voigt=False) for atoms in frames], atol=1e-12)
    assert record == read_record(project / "datasets/local/cu")
    assert (record.stage, record.inputs, record.element) == ("import", (), "Cu")
    assert [file["sha256"] for file in record.spec["files"]] == [sha256_of_source(path) for path in paths]
    assert record.details["labels"][1] == {"label": "energy", "key": "free_energy", "unit": "eV", "configurations": 4}
    assert dataset.attrs["methods"][0]["id"] == "ase-emt"
    assert imported.report.fields["config_type"] == "not stated"
    assert str(tmp_path) not in record.model_dump_json()


def test_a_set_is_replaced_only_by_force_and_a_bad_file_stores_nothing(project, frames, tmp_path):
    path = tmp_path / "a.xyz"
    write(path, frames, format="extxyz")
    import_dataset(project, [path], "local/cu", ImportChoice())
    with pytest.raises(ConflictError, match="exists already"):
        import_dataset(project, [path], "local/cu", ImportChoice())
    import_dataset(project, [path], "local/cu", ImportChoice(LabelChoice(stress_sign="compression")), force=True)
    path.write_text(path.read_text().replace("energy=", "energy=None other=", 1))
    with pytest.raises(InputError, match=r"a\.xyz, frame 0: energy"):
        import_dataset(project, [path], "local/bad", ImportChoice())
    assert not (project / "datasets/local/bad" / STORE).exists()
    with pytest.raises(InputError, match="begins with local/"):
        import_dataset(project, [path], "cu", ImportChoice())
