"""What this package wrote as extended XYZ comes back as the same dataset, by the reader of all files."""

import numpy as np

from foundational.data.extxyz import read_extxyz, write_extxyz
from foundational.data.fingerprint import fingerprint
from foundational.data.store import open_store
from foundational.interchange.importing import import_files


def test_a_file_of_this_package_is_read_as_the_set_that_was_written(distilled_project, tmp_path):
    dataset = open_store(distilled_project / "datasets/ni/data.zarr").load()
    path = tmp_path / "ni.xyz"
    write_extxyz(dataset, path)
    back = import_files([path]).dataset
    assert fingerprint(back) == fingerprint(dataset) == fingerprint(read_extxyz(path))
    for name in dataset.data_vars:
        assert np.array_equal(back[name], dataset[name], equal_nan=dataset[name].dtype.kind == "f"), name
        assert back[name].dtype == dataset[name].dtype
