"""What is known of a stored dataset apart from its numbers, from the files beside it and the registries of releases."""

from dataclasses import dataclass
from pathlib import Path

from foundational.data.integrity.hashes import sha256_of
from foundational.data.integrity.store_manifest import ROOT
from foundational.errors import NotFoundError
from foundational.project import STORE, project_of
from foundational.provenance.record import ProvenanceRecord, read_record
from foundational.release.citation.citation_target import CitationTarget, citation_target_of, read_known_release
from foundational.release.citation.works import Citable
from foundational.release.registry.registry import known_registry
from foundational.specs.about import About, read_about


@dataclass(frozen=True)
class Description:
    """What is known of a dataset apart from its numbers; None where it is not known."""

    record: ProvenanceRecord | None = None
    """How it came to be."""
    about: About | None = None
    """Title, licence and authors."""
    version: str | None = None
    """The released version."""
    subject: CitationTarget | None = None
    """What to cite."""


def describe_store(store: Path, version: str | None = None) -> Description:
    """What is known of the dataset in ``store``; nothing of a ``.zarr`` folder or zip that lies alone.

    Parameters
    ----------
    version
        The version that was asked for and found there: several versions can have the same data. None: by default the
        one that was pulled, else the newest.

    Raises
    ------
    InputError
        A file beside it, or the registry, is not what it should be.
    """
    folder = store.parent
    if store.name != STORE:
        return Description()
    about = _about(folder)
    try:
        record = read_record(folder)
    except NotFoundError:
        return Description(about=about)
    project = project_of(store)
    version = version or _version(store, record, project)
    if version is not None:
        try:
            release = read_known_release(record.output.name, version, project)
        except NotFoundError:
            pass
        else:
            dois = known_registry(release.name, project).dois
            citable = Citable.of(release.model_copy(update={"doi": dois.get(version, release.doi)}))
            return Description(release.provenance, release.about, version, citation_target_of(citable, project))
    citable = Citable(record.output.name, about, record, version=version)
    return Description(record, about, version, citation_target_of(citable, project))


def _about(folder: Path) -> About | None:
    return read_about(folder) if (folder / "about.yaml").is_file() else None


def _version(store: Path, record: ProvenanceRecord, project: Path | None) -> str | None:
    """The version whose stored bytes these are: by the registry, else by the record that was pulled with them."""
    root = sha256_of(store / ROOT)
    registry = known_registry(record.output.name, project)
    own = record.output.version
    same = [release.version for release in registry.releases if release.root == root]
    return own if own in same or not same else same[-1]
