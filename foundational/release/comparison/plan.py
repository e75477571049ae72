"""What the next release of a dataset would be: its version, because of what changed, and what its records say."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from foundational.data.fingerprint import hexadecimal
from foundational.errors import ConflictError, InputError
from foundational.project import DATASETS, POOLS, can_be_name
from foundational.provenance.record import DatasetRecord, ProvenanceRecord, is_imported, read_record
from foundational.release.comparison.compared_dataset import open_compared
from foundational.release.comparison.difference import ComparedDataset, Difference, difference
from foundational.release.record import Removal
from foundational.release.registry.registry import read_registry
from foundational.release.registry.version import FIRST, Version


@dataclass(frozen=True)
class ReleasePlan:
    """The next version, and why it is that one."""

    version: Version
    previous: Version | None
    difference: Difference | None
    """None for the first version."""
    changes: tuple[str, ...]
    removed: tuple[Removal, ...]
    provenance: ProvenanceRecord
    """Of the dataset, with its version and those under which its parents were released."""


def plan_release(root: Path, name: str, *, version: Version | None, reason: str | None) -> ReleasePlan | None:
    """The next release of the dataset ``name`` as it lies in the project; None where nothing changed since the last.

    Parameters
    ----------
    version
        A higher version than follows from the difference.
    reason
        Why something that was released changes; required for a major version, which breaks what users have.

    Raises
    ------
    InputError
        The wanted version is too low, or a reason is missing.
    NotFoundError, ChecksumError
        The previous version's data are not on this machine and cannot be fetched, or are damaged.
    ConflictError
        A parent was never released as it was used.
    """
    folder = root / DATASETS / name
    registry = read_registry(folder)
    if not registry.releases:
        chosen = _at_least(version, FIRST, "the first")
        provenance = _released_provenance(root, read_record(folder), chosen)
        return ReleasePlan(chosen, None, None, ("First release.",), (), provenance)
    previous = Version.parse(registry.releases[-1].version)
    with open_compared(f"{name}@{previous}", root) as before, open_compared(name, root) as now:
        found = difference(before, now)
        if found.bump is None:
            return None
        removed = tuple(_removals(before, found, now.provenance, reason))
    if found.bump == "major" and reason is None and not _explained(found, removed):
        first = next(change.message for change in found.changes if change.bump == "major")
        raise InputError(f"expected --reason TEXT, since something that was released changes ({first})")
    changes = [change.message + _size(found, change.kind) for change in found.changes]
    changes += [f"Reason: {reason}"] if reason else []
    chosen = _at_least(version, previous.after(found.bump), f"a {found.bump} change")
    provenance = _released_provenance(root, read_record(folder), chosen)
    return ReleasePlan(chosen, previous, found, tuple(changes), removed, provenance)


def _released_provenance(root: Path, record: ProvenanceRecord, version: Version) -> ProvenanceRecord:
    """The record with the version of the dataset and of its released parents. Pools are never released."""
    filled = _with_parents(root, record)
    return filled.model_copy(update={"output": filled.output.model_copy(update={"version": str(version)})})


def _with_parents(root: Path, record: ProvenanceRecord) -> ProvenanceRecord:
    # Of a choice of configurations, that from which it was chosen is released.
    exempt = {p.output.fingerprint for p in record.parents if is_imported(p) or p.stage == "select"}

    def released(source: DatasetRecord) -> DatasetRecord:
        return _released(root, source, record.output.name, needed=source.fingerprint not in exempt)

    inputs = tuple(released(source) for source in record.inputs)
    parents = tuple(
        _with_parents(root, parent).model_copy(update={"output": released(parent.output)}) for parent in record.parents
    )
    return record.model_copy(update={"inputs": inputs, "parents": parents})


def _released(root: Path, source: DatasetRecord, child: str, *, needed: bool) -> DatasetRecord:
    """The source with its version; as it is where it is a pool, or where no release of it is ``needed``."""
    if source.name.startswith(POOLS):
        return source
    version = None
    if can_be_name(source.name) and not source.name.startswith("local/"):
        version = read_registry(root / DATASETS / source.name).released_as(source.fingerprint)
    if version is None and not needed:
        return source
    if version is None:
        raise ConflictError(
            f"{child!r} was made from {source.name!r} ({source.fingerprint[:12]}…), which was never released; "
            f"release {source.name!r} first"
        )
    return source.model_copy(update={"version": version})


def _at_least(wanted: Version | None, lowest: Version, why: str) -> Version:
    if wanted is not None and wanted < lowest:
        raise InputError(f"expected a version of at least {lowest}, which {why} needs, got {wanted}")
    return wanted or lowest


def _removals(
    before: ComparedDataset, found: Difference, provenance: ProvenanceRecord | None, reason: str | None
) -> Iterator[Removal]:
    """Each removed configuration and why: the stage's own reason where it filtered it, else the given one."""
    entries = [] if provenance is None else provenance.details.get("filtered", [])
    filtered = {entry["parent_id"]: entry["reason"] for entry in entries}
    parents: dict[str, str] = {}
    if filtered and found.ids.removed and "parent_id" in before.dataset:
        ids, parent_ids = (hexadecimal(before.dataset[name].to_numpy()) for name in ("id", "parent_id"))
        parents = dict(zip(ids, parent_ids, strict=True))
    for removed in found.ids.removed:
        why = filtered.get(parents.get(removed, ""), reason)
        yield Removal(id=removed, reason=why or "no reason was given")


def _explained(found: Difference, removed: tuple[Removal, ...]) -> bool:
    """Whether nothing but removals is major, and the stage gave a reason for each of them."""
    major = [change for change in found.changes if change.bump == "major"]
    only_removals = len(major) == 1 and found.removed > 0 and major[0].kind == "configurations"
    return only_removals and all(removal.reason != "no reason was given" for removal in removed)


def _size(found: Difference, kind: str) -> str:
    """How far the labels moved, for the end of the sentence that says that they did."""
    if kind != "labels":
        return ""
    sizes = [
        f"{name} by up to {change.largest:.3g} {change.unit}"
        for name, change in found.label_changes.items()
        if change.largest is not None
    ]
    return f" ({', '.join(sizes)})" if sizes else ""
