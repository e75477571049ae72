"""The records beside a dataset, about.yaml and provenance.json, compared with those that were released with it."""

from collections.abc import Iterator

from foundational.provenance.record import DatasetRecord, ProvenanceRecord
from foundational.release.record import ReleaseRecord
from foundational.specs.about import About


def record_differences(
    about: About | None, provenance: ProvenanceRecord | None, released: ReleaseRecord
) -> Iterator[tuple[str, str]]:
    """(file, fields that differ) of each record that says something else than was released.

    Nothing is said of a record that is None. Versions are filled in at release, so that a record without them says the
    same as one with them.
    """
    if about is not None and about != released.about:
        yield "about.yaml", _fields(about.model_dump(), released.about.model_dump())
    if provenance is not None:
        filled = _with_versions(provenance, released.provenance)
        if filled != released.provenance:
            yield "provenance.json", _fields(filled.model_dump(), released.provenance.model_dump())


def _fields(now: dict[str, object], then: dict[str, object]) -> str:
    return ", ".join(name for name in then if now.get(name) != then[name])


def _with_versions(record: ProvenanceRecord, released: ProvenanceRecord) -> ProvenanceRecord:
    """The record with the versions of the released one wherever it has none."""
    inputs, parents = record.inputs, record.parents
    if len(inputs) == len(released.inputs):
        inputs = tuple(map(_with_version, inputs, released.inputs))
    if len(parents) == len(released.parents):
        parents = tuple(map(_with_versions, parents, released.parents))
    output = _with_version(record.output, released.output)
    return record.model_copy(update={"output": output, "inputs": inputs, "parents": parents})


def _with_version(dataset: DatasetRecord, released: DatasetRecord) -> DatasetRecord:
    return dataset if dataset.version is not None else dataset.model_copy(update={"version": released.version})
