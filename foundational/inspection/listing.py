"""What datasets there are: those of the project with its pools and local sets, or the releases of the user's folder.

Only the small files beside the data are read, never the data, so that the list comes at once.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from foundational.errors import FoundationalError, InputError
from foundational.project import DATASETS, STORE, index_place, project_or_none, user_store
from foundational.provenance.record import ProvenanceRecord, read_record
from foundational.release.registry.registry import read_registry
from foundational.specs.parsing import parse_json

#: One output of dvc.lock with its size.
_LOCKED = re.compile(r"^ *- path: (?P<path>\S+/data\.zarr)\n(?: +(?!- )\S.*\n)*? +size: (?P<size>\d+)$", re.MULTILINE)
#: Folders below ``datasets/`` that hold datasets, and what these are.
_GROUPS = {".": "dataset", "pools": "pool", "local": "local"}


@dataclass(frozen=True)
class ListedDataset:
    """One dataset; None where something is not known."""

    name: str
    kind: Literal["dataset", "pool", "local", "release"]
    """Kept by git; a pool of candidates; the user's own; a release in the user's folder."""
    version: str | None
    """The released version that the data are."""
    element: str | None
    n_configurations: int | None
    n_atoms: int | None
    """In all configurations."""
    size: int | None
    """Bytes of the data."""
    here: bool
    """Whether the data are on this machine."""
    validated: bool | None
    """Whether these data passed their validation; None where they were not validated."""
    problem: str | None = None
    """Why a record could not be read."""


def count_where(listed: list[ListedDataset], where: str, root: Path | None = None) -> dict[str, int | None]:
    """By name and version how many configurations of each dataset fulfil ``where``; None where its data are not here.

    Raises
    ------
    InputError
        The condition is not of the language.
    """
    from foundational.data.query.index import stored_index  # noqa: PLC0415 - numpy
    from foundational.data.query.language import parse_condition  # noqa: PLC0415
    from foundational.data.query.selection import rows_where  # noqa: PLC0415

    project = project_or_none(root)
    counts: dict[str, int | None] = {}
    for entry in listed:
        base = user_store() / entry.name / str(entry.version) if project is None else project / DATASETS / entry.name
        key = f"{entry.name}@{entry.version}" if project is None else entry.name
        if not entry.here:
            counts[key] = None
            continue
        index = stored_index(*index_place(base / STORE))
        parse_condition(where, dict(index.fields))
        try:
            counts[key] = len(rows_where(where, index))
        except InputError:  # a column that no configuration of this one has
            counts[key] = 0
    return counts


def list_all(root: Path | None = None) -> list[ListedDataset]:
    """Every dataset of the project, or outside of one every release in the user's folder; sorted by kind and name.

    Raises
    ------
    NotFoundError
        A ``root`` was given that is no project.
    """
    project = project_or_none(root)
    if project is None:
        return _releases()
    lock = project / "dvc.lock"
    sizes = (
        {found["path"]: int(found["size"]) for found in _LOCKED.finditer(lock.read_text(encoding="utf-8"))}
        if lock.is_file()
        else {}
    )
    listed = []
    for group, kind in _GROUPS.items():
        for folder in sorted((project / DATASETS / group).glob("*/")):
            if any((folder / name).exists() for name in (STORE, "provenance.json", "manifest.json")):
                listed.append(_in_project(project, folder, kind, sizes))
    return listed


def _in_project(project: Path, folder: Path, kind: Any, sizes: dict[str, int]) -> ListedDataset:
    name = folder.relative_to(project / DATASETS).as_posix()
    here = (folder / STORE).exists()
    size = _size(folder / STORE) if here else sizes.get(f"{DATASETS}/{name}/{STORE}")
    try:
        record = _record(folder)
        version = record.output.version or read_registry(folder).released_as(record.output.fingerprint)
        validated = _validated(project / "metrics" / "validate" / f"{name}.json", record.output.fingerprint)
    except (FoundationalError, ValueError, KeyError, TypeError) as error:
        return ListedDataset(name, kind, None, None, None, None, size, here, None, " ".join(str(error).split()))
    output = record.output
    return ListedDataset(
        name, kind, version, record.element, output.n_configurations, output.n_atoms, size, here, validated
    )


def _record(folder: Path) -> ProvenanceRecord:
    """How a dataset came to be: the record beside its data, or for a pool that in its manifest."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        return read_record(folder)
    content = parse_json(manifest.read_bytes(), str(manifest))["record"]
    return ProvenanceRecord.model_validate(content)


def _validated(report: Path, fingerprint: str) -> bool | None:
    """What a validation report says, where it is of the data with ``fingerprint``."""
    if not report.is_file():
        return None
    content = parse_json(report.read_bytes(), str(report))
    return bool(content["passed"]) if content["fingerprint"] == fingerprint else None


def _releases() -> list[ListedDataset]:
    listed = []
    for path in sorted(user_store().glob(f"*/*/{STORE}")):
        name, version = path.parent.parent.name, path.parent.name
        try:
            content = parse_json((path.parent / "release.json").read_bytes(), str(path.parent / "release.json"))
            validation, element = content["validation"], content["provenance"]["element"]
            counts = content["n_configurations"], content["n_atoms"]
            if not (isinstance(element, str | None) and all(isinstance(count, int) for count in counts)):
                raise TypeError(f"expected an element and two numbers, got {element!r:.40} and {counts!r:.80}")
            passed = None if validation is None else bool(validation["passed"])
            listed.append(ListedDataset(name, "release", version, element, *counts, _size(path), True, passed))
        except (OSError, ValueError, KeyError, TypeError) as error:
            listed.append(
                ListedDataset(
                    name, "release", version, None, None, None, _size(path), True, None, f"release.json: {error}"
                )
            )
    return listed


def _size(store: Path) -> int:
    """Bytes of all files of a store."""
    return sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
