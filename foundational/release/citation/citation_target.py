"""Which dataset a name means to somebody who wants to cite it, and what its parents and potentials are."""

from dataclasses import dataclass
from pathlib import Path

from foundational.defaults import DEFAULTS
from foundational.errors import NotFoundError, did_you_mean
from foundational.project import DATASETS, dataset_folder, project_or_none, user_store
from foundational.provenance.record import read_record
from foundational.release.citation.printed_reference import Work
from foundational.release.citation.works import Citable, ancestors, read_parents, works_to_cite
from foundational.release.record import RECORD, ReleaseRecord, read_release
from foundational.release.registry.registry import RELEASES, Registry, known_registry
from foundational.release.registry.version import DatasetVersion
from foundational.specs.about import About, read_about
from foundational.specs.potentials import PotentialRegistry


@dataclass(frozen=True)
class CitationTarget:
    """A dataset to cite, with everything one owes a citation to."""

    citable: Citable
    works: tuple[Work, ...]
    yanked: str | None
    """Why the version was withdrawn."""


def find_citation_target(reference: DatasetVersion, root: Path | None = None) -> CitationTarget:
    """The dataset that a name means: the version that is named, or what lies in the project, released or not.

    Its records, which git keeps, are enough; its numbers may be missing.

    Raises
    ------
    NotFoundError
        There is no such dataset or version.
    InputError
        A record or the registry does not parse, or was edited.
    """
    project = project_or_none(root)
    return citation_target_of(_citable(reference, known_registry(reference.name, project), project), project)


def citation_target_of(citable: Citable, project: Path | None) -> CitationTarget:
    """``citable`` with everything one owes a citation to.

    Outside of a project the potentials are those that come with the package, and titles of parents are not known.
    """
    potentials = PotentialRegistry.read(DEFAULTS if project is None else project)
    parents = {} if project is None else read_parents(project, citable.provenance)
    dois = {
        f"{parent.output.name}@{version}": doi
        for parent in ancestors(citable.provenance)
        for version, doi in known_registry(parent.output.name, project).dois.items()
    }
    yanked = known_registry(citable.name, project).yanked.get(citable.version or "")
    return CitationTarget(citable, works_to_cite(citable, potentials, parents, dois), yanked)


def _citable(reference: DatasetVersion, registry: Registry, project: Path | None) -> Citable:
    if project is not None and reference.version is None:
        folder = dataset_folder(project, reference.name)
        if not (folder / "provenance.json").is_file():
            raise NotFoundError(
                f"expected a dataset with a provenance.json, which says what to cite, got {reference.name!r}; "
                + did_you_mean(reference.name, _recorded(project / DATASETS))
            )
        record = read_record(folder)
        version = registry.released_as(record.output.fingerprint)
        if version is None:
            return Citable(reference.name, _about(folder), record)
    else:
        version = registry.find(reference.version).version
    release = read_known_release(reference.name, version, project)
    return Citable.of(release.model_copy(update={"doi": registry.dois.get(version, release.doi)}))


def read_known_release(name: str, version: str, project: Path | None) -> ReleaseRecord:
    """The record of a version, which git keeps in a project and `pull` in the user's store.

    Raises
    ------
    NotFoundError
        It is in neither.
    """
    places = [user_store() / name / version / RECORD]
    if project is not None:
        places.insert(0, project / DATASETS / name / RELEASES / version / RECORD)
    for place in places:
        if place.is_file():
            return read_release(place)
    raise NotFoundError(
        f"the record of {name}@{version} is not on this machine; fetch it with: foundational pull {name}@{version}"
    )


def _recorded(datasets: Path) -> list[str]:
    """Names of the datasets that have a record, with data or without."""
    records = [*datasets.glob("*/provenance.json"), *datasets.glob("local/*/provenance.json")]
    return [record.parent.relative_to(datasets).as_posix() for record in records]


def _about(folder: Path) -> About | None:
    return read_about(folder) if (folder / "about.yaml").is_file() else None
