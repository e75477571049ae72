"""Which holdout of a project tests the networks that were trained on a dataset."""

from pathlib import Path

from foundational.data.named import NamedDataset
from foundational.data.store import open_store
from foundational.errors import ConflictError
from foundational.project import STORE, dataset_folder, find_dataset
from foundational.provenance.record import ProvenanceRecord, read_record
from foundational.specs.params import Params


def holdout_for(root: Path, params: Params, name: str, record: ProvenanceRecord) -> NamedDataset | None:
    """The holdout that params.yaml names for the dataset ``name``, or any of the same element and labeller.

    Raises
    ------
    ConflictError
        where params.yaml names one that is not in this project.
    """
    planned = params.validate_.datasets.get(name)
    every = [*params.holdout, *(params.compounds.holdouts if params.compounds else ())]
    candidates = every if planned is None else [planned.holdout] if planned.holdout else []
    for candidate in candidates:
        folder = dataset_folder(root, candidate)
        if not (folder / STORE).exists():
            if planned is not None:
                raise ConflictError(
                    f"{name!r} is tested on {candidate!r}, which is not in this project; "
                    f"fetch it with: dvc pull datasets/{candidate}/{STORE}"
                )
            continue
        if _method(read_record(folder)) == _method(record):
            return NamedDataset(candidate, open_store(folder / STORE))
    return None


def named_holdout(root: Path, name: str, record: ProvenanceRecord) -> NamedDataset:
    """The dataset ``name``, to test networks that were trained on the dataset of ``record``.

    Raises
    ------
    NotFoundError
        where there is no such dataset.
    ConflictError
        where it is of another element, or labelled by another method.
    """
    folder = find_dataset(root, name)
    other = read_record(folder)
    if _method(other) != _method(record):
        raise ConflictError(
            f"expected a holdout of {record.element} labelled by {record.labeller.id}, "
            f"got {name!r}: {other.element} labelled by {other.labeller.id}"
        )
    return NamedDataset(name, open_store(folder / STORE))


def _method(record: ProvenanceRecord) -> tuple[str, str]:
    return record.element, record.labeller.id
