"""HDF5 on which its library never ends is refused, and text of any length is read."""

import h5py
import numpy as np
import pytest

from foundational.errors import InputError
from foundational.interchange.importing import import_files
from foundational.interchange.reading import hdf5


def test_a_text_that_the_library_never_ends_to_read_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "_SECONDS", 1)
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["Ni1/species"], file["Ni1/coordinates"], file["Ni1/energies"] = ["Ni"], np.zeros((1, 1, 3)), np.zeros(1)
    assert import_files([path]).dataset.sizes["atom"] == 1
    content = bytearray(path.read_bytes())
    free = content.index(b"GCOL") + 48  # how much is free behind the texts
    content[free] = 0x80
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.h5: expected HDF5; the library crashes or never ends"):
        import_files([path])
