"""``foundational check --deep``: the tests that train networks, of a dataset or a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from foundational.checks.report import Finding, not_applicable
from foundational.data.store import open_store
from foundational.defaults import DEFAULTS
from foundational.errors import InputError
from foundational.inspection.show import imported_path, record_of
from foundational.interchange.importing import ImportChoice, import_files
from foundational.interchange.label_choice import LabelChoice
from foundational.interchange.reading.formats import readers
from foundational.progress import Progress
from foundational.project import project_or_none
from foundational.provenance.record import ProvenanceRecord
from foundational.release.transfer.location import locate
from foundational.specs.params import read_params
from foundational.stages.check.findings import Stated
from foundational.stages.check.stage import check_deep

#: Stages whose labels are those of what they read.
_KEEP_LABELS = {"distill", "holdout", "adopt"}


def deep_findings(name: str, root: Path | None = None, *, progress: Progress | None = None) -> list[Finding]:
    """What networks find in the dataset ``name`` or in a file.

    Raises
    ------
    NotFoundError
        If there is no such dataset.
    ChecksumError, DatasetError, InputError
        If it cannot be read.
    MissingDependencyError
        If the extra ``ani`` is not installed.
    """
    dataset, stated = _opened(name, root)
    params = read_params((project_or_none(root) or DEFAULTS) / "params.yaml")
    volume = dataset.attrs.get("volume_per_atom")
    if volume is None:
        return [not_applicable("networks", "no configurations of two or more atoms, from which lengths follow")]
    return check_deep(dataset, params.ani.scaled("recipe", float(volume)), params.seed, stated, progress=progress)


def _opened(name: str, root: Path | None) -> tuple[xr.Dataset, Stated]:
    if (file := imported_path(name)) is not None:
        imported = import_files([file], ImportChoice(on_bad="skip"))
        return imported.dataset, Stated(imported.labels, imported=True)
    return open_store(locate(name, root)), stated_of(record_of(name, root))


def stated_of(record: ProvenanceRecord | None) -> Stated:
    """How the labels of the dataset of ``record`` were read, by the import that it comes from.

    Raises
    ------
    InputError
        The record is not one that an import writes.
    """
    while record is not None and record.stage in _KEEP_LABELS and record.parents:
        record = record.parents[0]
    if record is None or record.stage != "import" or "labels" not in record.spec:
        return Stated(LabelChoice(), imported=False)
    try:
        return Stated(_recorded(record.spec), imported=True)
    except (KeyError, IndexError, TypeError, ValueError):
        raise InputError(
            "provenance.json: expected in spec how an import read the labels and the format of its files, got others"
        ) from None


def _recorded(spec: Mapping[str, Any]) -> LabelChoice:
    """How labels were read, by the record of an import."""
    recorded = dict(spec["labels"])
    if "forces_unit" in recorded:
        return LabelChoice.model_validate(recorded)
    # Until version 1 of this key, records had what users stated, without what the format of the file says.
    plain = LabelChoice().model_dump(mode="json")
    choice = LabelChoice.model_validate({key: value for key, value in recorded.items() if value != plain.get(key)})
    formats = {reader.name: reader for reader in readers()}
    format_name = spec["files"][0]["format"]
    defaults = formats[format_name].defaults if format_name in formats else {}
    return choice.with_defaults(defaults)
