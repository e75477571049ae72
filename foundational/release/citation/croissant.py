"""Croissant 1.1, MLCommons' format for datasets of machine learning (docs.mlcommons.org/croissant).

Its readers know tables, not zarr: the records are the lines of ``configurations.csv``; the arrays are named as files.
"""

from collections.abc import Sequence
from typing import Any, Final

from foundational.data.layout import Variable
from foundational.elements import symbols_in
from foundational.release.citation.bibtex import to_bibtex
from foundational.release.citation.datacite import licence_url, publisher
from foundational.release.citation.printed_reference import Author, Work
from foundational.release.citation.works import Citable
from foundational.release.record import ReleasedFile

#: The context that the specification prints; a reader warns at any other.
CONTEXT: Final[dict[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    **{
        term: f"cr:{term}"
        for term in (
            "arrayShape",
            "citeAs",
            "column",
            "equivalentProperty",
            "extract",
            "field",
            "fileObject",
            "fileProperty",
            "fileSet",
            "format",
            "includes",
            "isArray",
            "isLiveDataset",
            "jsonPath",
            "key",
            "md5",
            "parentField",
            "path",
            "recordSet",
            "references",
            "regex",
            "repeated",
            "replace",
            "samplingRate",
            "separator",
            "source",
            "subField",
            "transform",
        )
    },
}
_TYPES = {
    "int8": "cr:Int8",
    "int32": "cr:Int32",
    "int64": "cr:Int64",
    "float32": "cr:Float32",
    "float64": "cr:Float64",
}
#: Croissant's own names of the parts of a dataset.
_SPLITS = {"train": "cr:TrainingSplit", "validation": "cr:ValidationSplit"}


def croissant_document(
    subject: Citable,
    dataset: Work,
    files: Sequence[ReleasedFile],
    table: ReleasedFile,
    columns: Sequence[Variable],
) -> dict[str, Any]:
    """Croissant of a release: every file with its sha256, every configuration as a record.

    Parameters
    ----------
    dataset
        The dataset as a work to cite.
    files
        Of the release, the table among them or not.
    table
        The file of `foundational.release.citation.table`.
    columns
        Its columns.
    """
    about, details = subject.about, subject.provenance
    distribution = {file.path: file for file in (*files, table)}
    document = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": subject.name.replace("/", "-"),
        "alternateName": subject.title,
        "description": about.description if about else subject.title,
        "version": subject.version,
        "datePublished": subject.released.isoformat() if subject.released else None,
        "license": licence_url(about.licence) if about else None,
        "url": f"https://doi.org/{subject.doi}" if subject.doi else None,
        "keywords": sorted({*(about.keywords if about else ()), details.element, *symbols_in(details.element)}),
        "creator": [_agent(author) for author in subject.authors],
        "publisher": [{"@type": "sc:Organization", "name": publisher(subject)}],
        "citeAs": to_bibtex([dataset]),
        "rai:dataCollection": f"Stage {details.stage} of foundational; see provenance.json",
        "rai:dataAnnotationProtocol": f"{details.labeller.id}, {details.labeller.version}",
        "rai:dataLimitations": list(about.caveats) if about else [],
        "distribution": [_file(file) for _, file in sorted(distribution.items())],
        "recordSet": [
            *([_splits()] if any(c.name == "split" for c in columns) else []),
            {
                "@type": "cr:RecordSet",
                "@id": "configurations",
                "name": "configurations",
                "description": "One record for each periodic cell; its atoms are in the zarr and extended XYZ files.",
                "key": {"@id": "configurations/id"},
                "field": [_field(column, table) for column in columns],
            },
        ],
    }
    return {key: value for key, value in document.items() if value is not None and value != []}


def _file(file: ReleasedFile) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "contentUrl": file.path,
        "contentSize": f"{file.size} B",
        "encodingFormat": file.media_type,
        "sha256": file.sha256,
    }


def _field(column: Variable, table: ReleasedFile) -> dict[str, Any]:
    text = column.meanings or column.dtype == "uint8"
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"configurations/{column.name}",
        "name": column.name,
        "description": column.description + ("" if column.unit == "1" else f"; {column.unit}"),
        "dataType": "sc:Text" if text else _TYPES[column.dtype],
        "source": {"fileObject": {"@id": table.path}, "extract": {"column": column.name}},
    }
    if column.name == "split":
        field["references"] = {"field": {"@id": "splits/name"}}
    return field


def _splits() -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [
            {"@type": "cr:Field", "@id": "splits/name", "name": "name", "dataType": "sc:Text"},
            {"@type": "cr:Field", "@id": "splits/url", "name": "url", "dataType": ["sc:URL", "wd:Q3985153"]},
        ],
        "data": [{"splits/name": name, "splits/url": url} for name, url in _SPLITS.items()],
    }


def _agent(author: Author) -> dict[str, str]:
    agent = {"@type": "sc:Person" if author.given else "sc:Organization", "name": author.full}
    if author.orcid:
        agent["url"] = f"https://orcid.org/{author.orcid}"
    return agent
