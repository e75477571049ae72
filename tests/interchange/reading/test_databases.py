"""Rows of ASE's databases come back with their labels and key-value pairs."""

import ase.db
import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

from foundational.errors import InputError
from foundational.interchange.importing import import_files


@pytest.mark.parametrize(("name", "kind"), [("a.db", "db"), ("a.aselmdb", "aselmdb")])
def test_rows_keep_labels_and_fields(tmp_path, name, kind):
    path = tmp_path / name
    frames = [bulk("Cu", cubic=True) for _ in range(3)]
    database = ase.db.connect(path, type=kind)
    for i, atoms in enumerate(frames):
        atoms.rattle(0.05, seed=i)
        atoms.calc = EMT()
        atoms.get_stress()
        database.write(atoms, campaign="x", number=i)
    if kind == "aselmdb":
        database.close()
    imported = import_files([path])
    dataset = imported.dataset
    assert imported.files[0].format == "ase-db"
    assert np.allclose(dataset["energy"], [atoms.get_potential_energy() for atoms in frames], atol=1e-12)
    assert np.allclose(dataset["forces"], np.concatenate([atoms.get_forces() for atoms in frames]), atol=1e-12)
    assert np.allclose(dataset["stress"], [atoms.get_stress(voigt=False) for atoms in frames], atol=1e-12)
    assert dataset["number"].to_numpy().tolist() == [0, 1, 2]
    assert dataset["campaign"].attrs["values"] == ["x"]


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "a.db").write_bytes(b"SQLite format 3\0" + b"x" * 100)
    with pytest.raises(InputError, match=r"a\.db: expected a database of ASE"):
        import_files([tmp_path / "a.db"])


def test_a_folder_of_lmdb_files_is_one_source_in_the_order_of_names(tmp_path):
    frames = [bulk("Cu", cubic=True), bulk("Al", cubic=True), bulk("Ni", cubic=True)]
    for number, (part, atoms) in enumerate(zip(["train", "train", "val"], frames, strict=True)):
        (tmp_path / part).mkdir(exist_ok=True)
        atoms.calc = SinglePointCalculator(atoms, energy=-1.0 - number, forces=np.zeros((4, 3)))
        with ase.db.connect(str(tmp_path / part / f"data.{number:04d}.aselmdb"), type="aselmdb") as database:
            database.write(atoms, key_value_pairs={"config_type": part})
    imported = import_files([tmp_path])
    assert imported.dataset["energy"].to_numpy().tolist() == [-1.0, -2.0, -3.0]
    assert imported.files[0].format == "ase-db"
    assert "config_type" in imported.dataset
