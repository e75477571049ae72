"""Open labelled data by the name that a user gives: a dataset of the project, ``pools/<name>``, or a file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from ase.data import chemical_symbols

from foundational.data.extxyz import labels_in, read_extxyz
from foundational.data.integrity.hashes import sha256_of
from foundational.data.store import open_store
from foundational.errors import InputError
from foundational.project import POOLS, STORE, find_dataset, locate_dataset
from foundational.provenance.record import LabellerRecord, ProvenanceRecord, read_record
from foundational.workspace.pools import open_pool
from foundational.workspace.runner import describe

_LABELS = {"energy", "forces", "stress"}


@dataclass(frozen=True, eq=False)
class LabelledSource:
    """Labelled configurations, and the record that says where they come from."""

    dataset: xr.Dataset
    record: ProvenanceRecord
    """Of a file: the record of its import, with its sha256."""


def is_extxyz(source: str) -> bool:
    """Whether ``source`` names an extended XYZ file rather than a dataset."""
    return source.endswith(("xyz", "extxyz"))


def open_source(root: Path, source: str) -> LabelledSource:
    """Open ``source`` with its record.

    Parameters
    ----------
    root
        The project's folder.
    source
        A dataset of the project, ``pools/<name>``, or the path of an extended XYZ file.

    Raises
    ------
    NotFoundError
        If there is no such dataset, pool or file.
    ChecksumError
        If the bytes of a pool differ from its manifest.
    InputError
        If a file lacks energies, forces or stresses.
    """
    if is_extxyz(source):
        return _imported(Path(source))
    if source.startswith(POOLS):
        return LabelledSource(*open_pool(root, source.removeprefix(POOLS)))
    folder = find_dataset(root, source)
    return LabelledSource(open_store(folder / STORE), read_record(folder))


def open_configurations(source: str, root: Path | None = None) -> xr.Dataset:
    """Open configurations that need no record: an extended XYZ file, a dataset's name, or the path of a store.

    Parameters
    ----------
    source
        What to open.
    root
        The project's folder; None: the project around the working directory.

    Raises
    ------
    NotFoundError
        If there is no such dataset or file.
    InputError
        If the file cannot be read.
    """
    return read_extxyz(Path(source)) if is_extxyz(source) else open_store(locate_dataset(source, root))


def _imported(path: Path) -> LabelledSource:
    """Read a file from elsewhere; its record says so, and holds its sha256."""
    dataset = read_extxyz(path)
    if _LABELS - set(dataset.data_vars):
        missing = ", ".join(sorted(_LABELS - labels_in(path)))
        raise InputError(
            f"{path}: expected energy, forces and stress (REF_ keys or ASE's) everywhere; missing: {missing}"
        )
    numbers = np.unique(dataset["atomic_numbers"].to_numpy())
    element = "".join(chemical_symbols[z] for z in numbers)
    n_atoms = dataset["n_atoms"].to_numpy()
    lowest = int(np.argmin(dataset["energy"].to_numpy() / n_atoms))
    volume = abs(float(np.linalg.det(dataset["cell"].to_numpy()[lowest]))) / int(n_atoms[lowest])
    dataset = dataset.assign_attrs(element=element, volume_per_atom=volume, labeller=f"file:{path.name}")
    digest = sha256_of(path)
    record = ProvenanceRecord(
        stage="import",
        output=describe(path.name, dataset),
        inputs=(),
        element=element,
        labeller=LabellerRecord(id=f"file:{path.name}", version="unknown", sha256=digest),
        spec={"file": path.name, "sha256": digest},
        seed=0,
        software={},
    )
    return LabelledSource(dataset, record)
