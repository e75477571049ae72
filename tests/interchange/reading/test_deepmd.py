"""Data of DeePMD-kit that dpdata and DeePMD's own rule wrote: the virial is −σV, types are elements by their names."""

from pathlib import Path

import h5py
import lmdb
import msgpack
import numpy as np
import pytest

from foundational.errors import InputError
from foundational.interchange.importing import ImportChoice, import_files

CELL = np.array([[4.0, 0.0, 0.0], [0.3, 4.1, 0.0], [0.0, 0.2, 4.2]])
POSITIONS = np.array([[[0, 0, 0], [2, 2, 2], [1, 1, 0]]] * 2) + np.arange(2)[:, None, None] * 0.1
STRESS = np.array([[1.0, 0.1, 0.2], [0.1, 2.0, 0.3], [0.2, 0.3, 3.0]]) * 0.01
ENERGY = np.array([-3.5, -3.25])
FORCES = np.arange(18.0).reshape(2, 3, 3) / 7
VIRIAL = np.broadcast_to(-STRESS * np.linalg.det(CELL), (2, 3, 3))


def arrays() -> dict[str, np.ndarray]:
    return {
        "coord": POSITIONS.reshape(2, 9),
        "box": np.broadcast_to(CELL, (2, 3, 3)).reshape(2, 9),
        "energy": ENERGY,
        "force": FORCES.reshape(2, 9),
        "virial": VIRIAL.reshape(2, 9),
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    part = tmp_path / "system" / "set.000"
    part.mkdir(parents=True)
    for name, array in arrays().items():
        np.save(part / f"{name}.npy", array)
    (tmp_path / "system" / "type.raw").write_text("0\n1\n0\n")
    (tmp_path / "system" / "type_map.raw").write_text("Ni\nAl\n")
    return tmp_path / "system"


def require_right(path: Path, choice: ImportChoice | None = None) -> None:
    dataset = import_files([path], choice).dataset
    assert dataset["atomic_numbers"].to_numpy().tolist() == [28, 13, 28] * 2
    assert np.array_equal(dataset["energy"], ENERGY)
    assert np.array_equal(dataset["forces"], FORCES.reshape(6, 3))
    assert np.allclose(dataset["stress"], np.broadcast_to(STRESS, (2, 3, 3)), rtol=1e-12)
    assert np.array_equal(dataset["positions"], POSITIONS.reshape(6, 3).astype(dataset["positions"].dtype))


def test_a_folder_of_npy_files_is_read(folder):
    require_right(folder)
    require_right(folder.parent)  # a folder of systems


def test_types_without_names_need_elements(folder):
    (folder / "type_map.raw").unlink()
    with pytest.raises(InputError, match="'0' is no element; say which it is with --species 0=Ni"):
        import_files([folder])
    require_right(folder, ImportChoice(species={"0": "Ni", "1": "Al"}))


def test_mixed_types_are_those_of_each_frame(folder):
    np.save(folder / "set.000" / "real_atom_types.npy", np.array([[1, 0, -1], [1, 1, 0]]))
    dataset = import_files([folder]).dataset
    assert dataset["atomic_numbers"].to_numpy().tolist() == [13, 28, 13, 13, 28]
    assert dataset["n_atoms"].to_numpy().tolist() == [2, 3]
    assert np.array_equal(dataset["forces"], [*FORCES[0, :2], *FORCES[1]])


def test_a_cluster_has_no_stress(folder):
    (folder / "nopbc").touch()
    dataset = import_files([folder]).dataset
    assert "stress" not in dataset
    assert not dataset["pbc"].to_numpy().any()


def test_files_of_different_length_are_named(folder):
    np.save(folder / "set.000" / "energy.npy", ENERGY[:1])
    with pytest.raises(InputError, match=r"set\.000/energy\.npy has 1 rows, coord\.npy 2"):
        import_files([folder])


def test_hdf5_is_read(tmp_path):
    path = tmp_path / "data.hdf5"
    with h5py.File(path, "w") as file:
        group = file.create_group("sub/AlNi2")
        group["type.raw"] = [0, 1, 0]
        group["type_map.raw"] = np.array(["Ni", "Al"], dtype="S2")
        for name, array in arrays().items():
            group[f"set.000/{name}.npy"] = array
    require_right(path)


def test_lmdb_is_read(tmp_path):
    def encoded(array: np.ndarray) -> dict:
        return {"type": array.dtype.str, "shape": list(array.shape), "data": array.tobytes()}

    path = tmp_path / "data.lmdb"
    with lmdb.open(str(path)) as environment, environment.begin(write=True) as transaction:
        transaction.put(b"__metadata__", msgpack.packb({"nframes": 2, "type_map": ["Ni", "Al"]}))
        for i in range(2):
            frame = {
                "atom_types": encoded(np.array([0, 1, 0])),
                "coords": encoded(POSITIONS[i]),
                "cells": encoded(CELL),
                "energies": encoded(ENERGY[i]),
                "forces": encoded(FORCES[i]),
                "virials": encoded(VIRIAL[i]),
            }
            transaction.put(f"{i:012d}".encode(), msgpack.packb(frame))
    require_right(path)


def test_what_a_system_or_a_database_lacks_is_named(folder, tmp_path):
    (folder / "set.000" / "coord.npy").unlink()
    with pytest.raises(InputError, match=r"system: expected set\.000/coord\.npy"):
        import_files([folder])
    with lmdb.open(str(tmp_path / "other"), map_size=1 << 20) as environment, environment.begin(write=True) as rows:
        rows.put(b"000000000000", b"x")
    with pytest.raises(InputError, match="expected the key __metadata__ of a DeePMD LMDB, found none"):
        import_files([tmp_path / "other"], ImportChoice(format="deepmd-lmdb"))


def test_forces_without_energies_and_energies_of_atoms_are_taken_as_they_are(folder):
    (folder / "set.000" / "energy.npy").unlink()
    np.save(folder / "set.000" / "atom_ener.npy", np.arange(6.0).reshape(2, 3) - 9)
    dataset = import_files([folder]).dataset
    assert "energy" not in dataset
    assert np.array_equal(dataset["forces"], FORCES.reshape(6, 3))
    assert dataset["atomic_energies"].to_numpy().tolist() == [-9, -8, -7, -6, -5, -4]
    (folder / "set.000" / "force.npy").unlink()
    assert "forces" not in import_files([folder]).dataset
