"""Files on which the library of their format crashes or never ends are refused; others are read."""

import h5py
import lmdb
import numpy as np
import pytest

from foundational.errors import InputError
from foundational.interchange.importing import import_files
from foundational.interchange.reading import isolated
from foundational.interchange.reading.databases import require_whole


def test_a_text_that_the_library_never_ends_to_read_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(isolated, "_SECONDS", 1)
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["Ni1/species"], file["Ni1/coordinates"], file["Ni1/energies"] = ["Ni"], np.zeros((1, 1, 3)), np.zeros(1)
    assert import_files([path]).dataset.sizes["atom"] == 1
    content = bytearray(path.read_bytes())
    free = content.index(b"GCOL") + 48  # how much is free behind the texts
    content[free] = 0x80
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.h5: expected HDF5; its library crashes or never ends"):
        import_files([path])


def test_a_value_that_leads_out_of_its_file_is_refused(tmp_path):
    path = tmp_path / "a.aselmdb"
    with (
        lmdb.open(str(path), subdir=False, map_size=2**20) as environment,
        environment.begin(write=True) as transaction,
    ):
        transaction.put(b"key", b"value")
    require_whole(path, path.name, subdir=False)
    content = bytearray(path.read_bytes())
    node = content.index(b"keyvalue") - 8
    content[node + 4] ^= 1  # the value is said to be the number of a page
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.aselmdb: expected LMDB; its library crashes or never ends"):
        require_whole(path, path.name, subdir=False)
