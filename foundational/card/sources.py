"""From a dataset's name to its card: the data, the records beside them, and the metrics of the project."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from foundational.card.build import build_card
from foundational.card.bundle import released_validation
from foundational.card.evidence import Evidence, Subject
from foundational.card.record import CardRecord
from foundational.checks.run import check_all
from foundational.data.fingerprint import fingerprint
from foundational.data.query.choosing import choose
from foundational.data.store import open_store
from foundational.defaults import DEFAULTS
from foundational.errors import FoundationalError
from foundational.evaluation.validation_report import ValidationReport
from foundational.inspection.check import check, limits_for
from foundational.inspection.description import Description, describe_store
from foundational.inspection.show import imported_path
from foundational.progress import Progress
from foundational.project import can_be_name, index_place, project_of, project_or_none
from foundational.provenance.selection import selection_record
from foundational.release.citation.citation_target import read_known_release
from foundational.release.citation.works import read_parents
from foundational.release.record import ReleaseRecord
from foundational.release.registry.registry import known_registry
from foundational.release.registry.version import Version
from foundational.release.transfer.location import locate
from foundational.specs.parsing import parse_json
from foundational.specs.potentials import PotentialRegistry
from foundational.workspace.validations import read_validation

if TYPE_CHECKING:
    import xarray as xr


#: Where tests on whole pools lie in a project.
POOL_TESTS: Final = Path("metrics") / "parity"


@dataclass(frozen=True, eq=False)
class Card:
    """A card with the dataset whose structures its map shows."""

    record: CardRecord
    dataset: "xr.Dataset"


def read_card(
    name: str, root: Path | None = None, *, where: str | None = None, progress: Progress | None = None
) -> Card:
    """The card of a dataset, of a released version, or of a file of another program.

    Parameters
    ----------
    where
        The card of those configurations alone that fulfil this condition; networks were not tested on it.

    Raises
    ------
    NotFoundError
        There is no such dataset.
    ChecksumError, DatasetError, InputError
        It cannot be read, or no configuration fulfils the condition.
    """
    if (file := imported_path(name)) is not None:
        return _of_file(name, file, where, progress)
    store = locate(name, root)
    dataset = choose(open_store(store), where, index_place(store), progress)
    project = project_of(store) or project_or_none(root)
    found = describe_store(store)
    record = found.record
    if where is None:
        findings = check(name, root, progress=progress).findings
    else:
        findings = tuple(check_all(dataset, limits_for(root), progress))
        record = None if record is None else selection_record(record, dataset, where)
    unchanged = record is not None and not any(f.rule == "provenance" and f.status == "defect" for f in findings)
    digest = record.output.fingerprint if record is not None and unchanged else fingerprint(dataset)
    subject = Subject(
        name=record.output.name if record is not None else name,
        fingerprint=digest,
        citable=found.subject.citable if found.subject else None,
        works=found.subject.works if found.subject else (),
        withdrawn=found.subject.yanked if found.subject else None,
        about=found.about,
        record=record,
        remarks=(*_remarks(found.record.details if found.record is not None else {}), *_part(where)),
    )
    evidence = Evidence(
        potentials=PotentialRegistry.read(project or DEFAULTS),
        parents=read_parents(project, record) if project is not None and record is not None else {},
        validation=None if where is not None else _validation(subject, found, project, released="@" in name),
        pool_test=pool_test_of(subject.name, subject.fingerprint, project),
        history=() if where is not None else tuple(_history(subject.name, found.version, project)),
        findings=findings,
    )
    return Card(build_card(dataset, subject, evidence, progress=progress), dataset)


def _part(where: str | None) -> tuple[str, ...]:
    """That a card is of some configurations of a set alone, where it is."""
    return () if where is None else (f"only the configurations with {where}",)


def _of_file(name: str, file: Path, where: str | None, progress: Progress | None) -> Card:
    from foundational.interchange.importing import import_files  # noqa: PLC0415 - ASE, for files alone

    imported = import_files([file])
    dataset = choose(imported.dataset, where)
    remarks = (*_remarks(imported.report.model_dump(mode="json")), *_part(where))
    subject = Subject(file.name, fingerprint(dataset), remarks=remarks)
    findings = check(name, progress=progress).findings if where is None else tuple(check_all(dataset, limits_for(None)))
    evidence = Evidence(PotentialRegistry.read(DEFAULTS), findings=findings)
    return Card(build_card(dataset, subject, evidence, progress=progress), dataset)


def _remarks(details: dict[str, Any]) -> tuple[str, ...]:
    """What an import assumed, and which labels some configurations lack."""
    remarks = [str(text) for text in details.get("remarks") or {}] if isinstance(details.get("remarks"), dict) else []
    without = details.get("without")
    if isinstance(without, dict):
        remarks += [f"{label} is not known of {count:,} configurations" for label, count in without.items() if count]
    return tuple(remarks)


def _validation(
    subject: Subject, found: Description, project: Path | None, *, released: bool
) -> ValidationReport | None:
    """The project's report of these data; of a version that was named the report that it was released with."""
    version = found.version
    stored = None
    if project is not None and can_be_name(subject.name):
        stored = read_validation(project, subject.name)
        stored = stored if stored is not None and stored.fingerprint == subject.fingerprint else None
    if stored is not None and not released:
        return stored
    if version is not None:
        try:
            release = read_known_release(subject.name, version, project)
        except FoundationalError:
            return stored
        return released_validation(release) or stored
    return stored


def pool_test_of(name: str, fingerprint: str, project: Path | None) -> dict[str, Any] | None:
    """The test on a whole pool, ``metrics/parity/<name>.json``, where it is of the data with ``fingerprint``."""
    if project is None:
        return None
    path = project / POOL_TESTS / f"{name}.json"
    if not path.is_file():
        return None
    content: dict[str, Any] = parse_json(path.read_bytes(), str(path))
    return content if content.get("fingerprint") == fingerprint else None


def _history(name: str, version: str | None, project: Path | None) -> Iterator[ReleaseRecord]:
    """Records of the versions up to this one, oldest first; those that are on this machine."""
    if version is None or not can_be_name(name):
        return
    for entry in known_registry(name, project).releases:
        if Version.parse(entry.version) <= Version.parse(version):
            try:
                yield read_known_release(name, entry.version, project)
            except FoundationalError:
                continue
