"""TorchANI's files: Hartree, species by name or number, and a virial of zeros that was not computed."""

import h5py
import numpy as np
import pytest

from foundational.errors import InputError
from foundational.interchange.importing import ImportChoice, import_files

HARTREE = 27.211386245988
POSITIONS = np.arange(24.0).reshape(2, 4, 3) ** 1.5 / 3


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "train.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("Ni4")
        group["species"] = np.array([b"C", b"C", b"C", b"C"])
        group["coordinates"] = POSITIONS
        group["energies"] = [-1.0, -2.0]
        group["forces"] = np.ones((2, 4, 3))
        group["cell"] = np.broadcast_to(np.eye(3) * 9, (2, 3, 3))
        group["virial"] = np.zeros((2, 6))
    return path


def test_hartree_become_eV_and_species_are_what_the_user_says(path):  # noqa: N802 - the unit's own spelling
    imported = import_files([path], ImportChoice(species={"C": "Ni"}))
    dataset = imported.dataset
    assert set(dataset["atomic_numbers"].to_numpy().tolist()) == {28}
    assert dataset["energy"].to_numpy().tolist() == [-HARTREE, -2 * HARTREE]
    assert np.allclose(dataset["forces"], HARTREE)
    assert dataset["pbc"].to_numpy().all()
    assert "stress" not in dataset
    assert any("exactly zero" in remark for remark in imported.report.remarks)
    assert [label.unit for label in imported.report.labels] == ["Hartree", "Hartree/Å"]


def test_numbers_of_each_conformer_and_fillings(tmp_path):
    path = tmp_path / "b.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("004")
        group["species"] = np.array([[6, 6, 1, -1], [6, 6, 6, 6]])
        group["coordinates"] = POSITIONS
        group["energies"] = [-1.0, -2.0]
    dataset = import_files([path], ImportChoice(species={"C": "Ni"})).dataset
    assert dataset["n_atoms"].to_numpy().tolist() == [3, 4]
    assert dataset["atomic_numbers"].to_numpy().tolist() == [28, 28, 1, 28, 28, 28, 28]


def test_a_name_that_is_no_element_is_named(path):
    with h5py.File(path, "a") as file:
        del file["Ni4/species"]
        file["Ni4/species"] = np.array([b"Xx"] * 4)
    with pytest.raises(InputError, match="'Xx' is no element; say which it is with --species Xx=Ni"):
        import_files([path])


def test_conformers_without_species_are_refused_with_what_is_there(path):
    with h5py.File(path, "a") as file:
        del file["Ni4/species"]
    with pytest.raises(InputError, match="/Ni4: expected a dataset species, found cell, coordinates, energies, forces"):
        import_files([path], ImportChoice(format="torchani"))
