"""The documents that describe a release, each in the standard of the people who look for it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from foundational.data.atomic_write import write_whole
from foundational.data.integrity.hashes import sha256_of
from foundational.data.store import open_store
from foundational.errors import NotFoundError
from foundational.provenance.record import write_json
from foundational.release.citation.bibtex import to_bibtex
from foundational.release.citation.cff import to_cff
from foundational.release.citation.croissant import croissant_document
from foundational.release.citation.datacite import datacite_document
from foundational.release.citation.prov_json import prov_document
from foundational.release.citation.ro_crate import METADATA, ro_crate_document
from foundational.release.citation.table import TABLE, table_columns, write_table
from foundational.release.citation.works import Citable, works_to_cite
from foundational.release.record import ReleasedFile, ReleaseRecord
from foundational.specs.about import About
from foundational.specs.potentials import PotentialRegistry

#: What `write_documents` writes, and of which media type each is.
DOCUMENTS: Final = {
    "CITATION.cff": "application/yaml",
    "citation.bib": "application/x-bibtex",
    TABLE: "text/csv",
    "croissant.json": "application/ld+json",
    "datacite.json": "application/vnd.datacite.datacite+json",
    "prov.json": "application/json",
    METADATA: "application/ld+json",
}


def write_documents(
    folder: Path,
    release: ReleaseRecord,
    registry: PotentialRegistry,
    parents: Mapping[str, About] | None = None,
    *,
    others: Mapping[str, str] | None = None,
) -> None:
    """Describe the release whose files lie in ``folder``; the same release gives the same bytes.

    Parameters
    ----------
    folder
        Holds ``release.files``, a zip of the zarr store among them.
    registry
        Where the potentials' references stand.
    parents
        about.yaml of parent datasets, by name (`foundational.release.citation.works.read_parents`).
    others
        Media types of further files of the bundle that describe it, such as its card, by their path.

    Raises
    ------
    NotFoundError
        No zip of a zarr store is among the files.
    """
    subject = Citable.of(release)
    works = works_to_cite(subject, registry, parents)
    write_whole(folder / "CITATION.cff", [to_cff(subject, works).encode()])
    write_whole(folder / "citation.bib", [to_bibtex(works).encode()])
    with open_store(folder / _store(release)) as dataset:
        columns = table_columns(dataset)
        write_table(dataset, folder / TABLE)
    table = describe_file(folder, TABLE)
    write_json(folder / "croissant.json", croissant_document(subject, works[0], release.files, table, columns))
    document = datacite_document(subject, works, year=release.date.year, files=release.files)
    write_json(folder / "datacite.json", document)
    write_json(folder / "prov.json", prov_document(subject))
    described = {file.path: file for file in release.files}
    described |= {name: describe_file(folder, name) for name in DOCUMENTS if name != METADATA}
    described |= {name: describe_file(folder, name, media_type) for name, media_type in (others or {}).items()}
    write_json(folder / METADATA, ro_crate_document(subject, works, [described[path] for path in sorted(described)]))


def describe_file(folder: Path, path: str, media_type: str | None = None) -> ReleasedFile:
    """Size and sha256 of a file; the media type of one of the documents is known."""
    file = folder / path
    kind = media_type or DOCUMENTS[path]
    return ReleasedFile(path=path, size=file.stat().st_size, sha256=sha256_of(file), media_type=kind)


def _store(release: ReleaseRecord) -> str:
    """The zip of the zarr store."""
    for file in release.files:
        if file.path.endswith(".zarr.zip"):
            return file.path
    raise NotFoundError(f"{release.name}@{release.version}: expected a .zarr.zip among its files, found none")
