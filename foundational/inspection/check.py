"""Is a stored dataset sane: its bytes, its layout, its physics, and the record beside it."""

from pathlib import Path
from typing import Any

from foundational.data.checks import check_dataset
from foundational.data.fingerprint import fingerprint
from foundational.data.store import open_store, verify_store
from foundational.errors import ChecksumError
from foundational.inspection.show import imported_path, record_of
from foundational.progress import Progress
from foundational.release.transfer.location import locate


def check(name: str, root: Path | None = None, *, progress: Progress | None = None) -> dict[str, Any]:
    """Every rule that the dataset ``name`` breaks, as ``{"name", "n_configurations", "violations": [sentence]}``.

    Raises
    ------
    NotFoundError
        where there is no such dataset.
    ChecksumError, DatasetError
        where it cannot be opened at all.
    """
    if (file := imported_path(name)) is not None:
        from foundational.interchange.importing import ImportChoice, import_files  # noqa: PLC0415 - ASE, for files alone

        imported = import_files([file], ImportChoice(on_bad="skip"), progress=progress)
        dataset = imported.dataset
        violations = [f"frame: {sentence}" for sentence in imported.report.skipped]
        violations += [f"{v.rule}: {v.message}" for v in check_dataset(dataset, progress=progress)]
        return {"name": name, "n_configurations": dataset.sizes["configuration"], "violations": violations}
    path = locate(name, root)
    violations = []
    dataset = open_store(path)
    try:
        verify_store(path)
        violations += [f"{v.rule}: {v.message}" for v in check_dataset(dataset, progress=progress)]
        record = record_of(name, root)
        if record is not None and record.output.fingerprint != fingerprint(dataset):
            violations.append("provenance: provenance.json records another fingerprint than the data have")
    except ChecksumError as error:
        violations.append(f"bytes: {error}")
    return {"name": name, "n_configurations": dataset.sizes["configuration"], "violations": violations}
