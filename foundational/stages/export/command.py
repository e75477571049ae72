"""``foundational export``: a dataset in the files of a trainer, with their proof."""

from pathlib import Path
from typing import Any

from foundational.data.fingerprint import fingerprint
from foundational.data.integrity.stored_array import open_table
from foundational.data.query.choosing import choose
from foundational.errors import FoundationalError, InputError, NotFoundError
from foundational.inspection.description import Description, describe_store
from foundational.interchange.reading.formats import is_file_of_frames
from foundational.interchange.writing.exporting import ExportOptions, export_dataset
from foundational.interchange.writing.report import ExportReport, Origin
from foundational.interchange.writing.targets import target_named
from foundational.progress import Progress
from foundational.project import index_place
from foundational.provenance.record import ProvenanceRecord
from foundational.provenance.selection import selection_record
from foundational.release.citation.formats import CitationFormat, format_citation
from foundational.release.registry.version import is_version
from foundational.release.transfer.location import locate


def export(
    name: str,
    trainer: str,
    out: Path,
    root: Path | None = None,
    *,
    options: ExportOptions | None = None,
    where: str | None = None,
    progress: Progress | None = None,
) -> ExportReport:
    """Write the dataset ``name`` for ``trainer`` into the folder ``out``.

    Parameters
    ----------
    name
        A dataset, a released version, the path of a store, or a file that can be imported.
    options
        Which labels, whether a head for each method, and whether a folder that exists is replaced.
    where
        A condition that the configurations fulfil; None: all of them.

    Raises
    ------
    NotFoundError
        There is no such dataset or trainer.
    ConflictError
        The folder exists.
    InputError
        Nothing is left to write, or ``out`` is no place for an export.
    DatasetError
        The proof does not hold; nothing was written.
    """
    target = target_named(trainer)
    chosen = options or ExportOptions()
    _require_place(out, chosen.replace)
    if is_file_of_frames(name):
        from foundational.workspace.sources import opened_file  # noqa: PLC0415 - xarray, which a store does not need

        source = opened_file(Path(name))
        dataset, description = choose(source.dataset, where), Description(record=source.record)
    else:
        store = locate(name, root)
        dataset = choose(open_table(store), where, index_place(store))
        if where is not None:  # the rows of a selection lie apart: they are read once
            dataset = dataset.load()
        asked = name.partition("@")[2]
        description = describe_store(store, asked if is_version(asked) and not Path(name).exists() else None)
    record = description.record
    if where is not None and record is not None:
        record = selection_record(record, dataset, where)
    origin = Origin(
        name=name.partition("@")[0] if record is None else record.output.name,
        version=description.version,
        fingerprint=fingerprint(dataset),
        record=None if record is None else record.model_dump(mode="json"),
        licence=None if description.about is None else description.about.licence,
        citation=_citation(description),
        isolated={} if record is None else stated_isolated_atoms(record),
    )
    return export_dataset(dataset, origin, target, out, chosen, progress)


def stated_isolated_atoms(record: ProvenanceRecord) -> dict[str, float]:
    """Energies of isolated atoms, eV by element, that the labeller's record states."""
    stated: Any = record.labeller.parameters.get("isolated_atom_eV") or {}
    if not isinstance(stated, dict):
        return {}
    return {str(element): float(energy) for element, energy in stated.items() if isinstance(energy, int | float)}


def _require_place(out: Path, force: bool) -> None:
    """Refuse a file, and a folder that no export wrote, before anything is read."""
    if out.exists() and not out.is_dir():
        raise InputError(f"-o: expected a folder to write, got the file {out}")
    if force and out.is_dir() and any(out.iterdir()) and not (out / "proof.json").is_file():
        raise InputError(f"{out} holds files, but no export (proof.json is missing); choose another folder")
    if out.exists() and not force:
        raise InputError(f"{out} exists already; choose another folder, or replace it with --force")


def _citation(description: Description) -> str | None:
    if description.subject is None:
        return None
    try:
        return format_citation(description.subject, CitationFormat.TEXT)
    except (FoundationalError, NotFoundError):
        return None
