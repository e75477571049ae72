"""The record of a catalogue: one entry a release, and the same for search engines and for programs."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

from foundational.card.record import CardRecord
from foundational.provenance.record import Sha256
from foundational.release.citation.datacite import licence_url
from foundational.specs.base import Spec

#: Of OPTIMADE (optimade.org), whose layout of a response the index has.
_API: str = "1.2.0"
_PREFIX = "_foundational"


class Entry(Spec):
    """One released version."""

    name: str
    version: str
    newest: bool
    """Whether no later version was released that stands."""
    date: date
    doi: str | None
    withdrawn: str | None
    title: str
    description: str
    licence: str
    creators: tuple[str, ...]
    keywords: tuple[str, ...]
    elements: tuple[str, ...]
    configurations: int
    atoms: int
    labels: dict[str, str]
    """Unit by label; empty where the data could not be read here."""
    methods: tuple[str, ...]
    validated: bool | None
    """Null for a holdout, on which nothing is trained."""
    fingerprint: Sha256
    page: str | None
    """Address of the card below the site; null where the data could not be fetched."""
    data: str | None
    """Address of the folder with the release's files; null where the site has no data."""

    @property
    def key(self) -> str:
        """``ni@1.0.0``."""
        return f"{self.name}@{self.version}"


class Catalogue(Spec):
    """``catalogue.json``: everything that the table shows."""

    schema_version: Literal[1] = 1
    title: str
    entries: tuple[Entry, ...]


def index_document(catalogue: Catalogue) -> dict[str, Any]:
    """The catalogue in the layout of an OPTIMADE response, for programs."""
    data = [
        {
            "type": f"{_PREFIX}_datasets",
            "id": entry.key,
            "attributes": {
                "elements": sorted(entry.elements),
                "nelements": len(entry.elements),
                "last_modified": f"{entry.date.isoformat()}T00:00:00Z",
                f"{_PREFIX}_title": entry.title,
                f"{_PREFIX}_version": entry.version,
                f"{_PREFIX}_newest": entry.newest,
                f"{_PREFIX}_licence": entry.licence,
                f"{_PREFIX}_doi": entry.doi,
                f"{_PREFIX}_n_configurations": entry.configurations,
                f"{_PREFIX}_n_atoms": entry.atoms,
                f"{_PREFIX}_labels": entry.labels,
                f"{_PREFIX}_methods": list(entry.methods),
                f"{_PREFIX}_validated": entry.validated,
                f"{_PREFIX}_withdrawn": entry.withdrawn,
                f"{_PREFIX}_fingerprint": entry.fingerprint,
            },
            "links": {"self": entry.page},
        }
        for entry in catalogue.entries
    ]
    meta = {
        "api_version": _API,
        "query": {"representation": "/"},
        "more_data_available": False,
        "data_returned": len(data),
        "data_available": len(data),
        "provider": {"name": catalogue.title, "description": "Releases of a project", "prefix": "foundational"},
    }
    return {"data": data, "meta": meta, "links": {"next": None}}


def catalogue_jsonld(catalogue: Catalogue, url: str | None) -> dict[str, Any]:
    """The catalogue as schema.org/DataCatalog."""
    return _known(
        {
            "@context": "https://schema.org/",
            "@type": "DataCatalog",
            "name": catalogue.title,
            "url": url,
            "dataset": [
                _known({"@type": "Dataset", "name": f"{e.title} ({e.key})", "description": e.description,
                        "license": licence_url(e.licence), "url": _address(url, e.page)})
                for e in catalogue.entries if e.withdrawn is None
            ],
        }
    )  # fmt: skip


def dataset_jsonld(card: CardRecord, entry: Entry, url: str | None, files: Sequence[str] = ()) -> dict[str, Any]:
    """One release as schema.org/Dataset, as search engines for data read it.

    Parameters
    ----------
    files
        Addresses of the data below the site.
    """
    return _known(
        {
            "@context": "https://schema.org/",
            "@type": "Dataset",
            "name": entry.title,
            "alternateName": entry.key,
            "description": entry.description,
            "version": entry.version,
            "datePublished": entry.date.isoformat(),
            "license": licence_url(entry.licence),
            "url": _address(url, entry.page),
            "identifier": [
                *([f"https://doi.org/{entry.doi}"] if entry.doi else []),
                f"sha256:{entry.fingerprint}",
            ],
            "creator": [
                {"@type": "Person" if "," in name else "Organization", "name": name} for name in entry.creators
            ],
            "keywords": [*entry.keywords, *entry.elements],
            "isAccessibleForFree": True,
            "measurementTechnique": list(entry.methods),
            "variableMeasured": [
                {"@type": "PropertyValue", "name": label.name, "unitText": label.unit, "description": label.description}
                for label in card.contents.labels
            ],
            "citation": [f"https://doi.org/{work.doi}" if work.doi else work.text for work in card.references[1:]],
            "distribution": [
                {"@type": "DataDownload", "contentUrl": _address(url, file), "name": file.rpartition("/")[2]}
                for file in files
            ],
        }
    )


def _address(url: str | None, path: str | None) -> str | None:
    """An address below the site; relative where the site's own is not known."""
    if path is None:
        return None
    return path if url is None else f"{url.rstrip('/')}/{path}"


def _known(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value is not None and value != []}
