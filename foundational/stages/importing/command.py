"""``foundational import``: files of other programs as a dataset of the project."""

from collections.abc import Sequence
from pathlib import Path

from foundational.data.integrity.storing import exclusive, settle
from foundational.errors import ConflictError, InputError
from foundational.interchange.importing import ImportChoice, Imported
from foundational.progress import Progress
from foundational.project import STORE, dataset_folder
from foundational.provenance.record import ProvenanceRecord
from foundational.workspace.runner import StageOutput, produce
from foundational.workspace.sources import import_sources


def import_dataset(
    root: Path,
    sources: Sequence[Path],
    name: str,
    choice: ImportChoice,
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> tuple[ProvenanceRecord, Imported]:
    """Store the configurations of ``sources`` as the dataset ``name``, which begins with ``local/``.

    Returns
    -------
    tuple
        The record, which names each file with its sha256, and what was read.

    Raises
    ------
    InputError
        If the name does not begin with ``local/``, or a file cannot be read or holds bad frames.
    NotFoundError
        If a file is absent.
    ConflictError
        If the dataset exists and ``force`` is false.
    MissingDependencyError
        If a package that a format needs is not installed.
    """
    if not name.startswith("local/"):
        raise InputError(f"expected a name that begins with local/, such as local/{name}; got {name!r}")
    folder = dataset_folder(root, name)
    with exclusive(root, name):
        settle(root, folder)
    if (folder / STORE).exists() and not force:
        raise ConflictError(f"the dataset {name!r} exists already; choose another --name, or replace it with --force")
    source, imported = import_sources(list(sources), name, choice, progress=progress)
    record = source.record

    def build() -> StageOutput:
        return StageOutput(source.dataset, record.element, record.labeller, record.details)

    return produce(root, name, "import", record.spec, record.seed, (), build, force=force), imported
