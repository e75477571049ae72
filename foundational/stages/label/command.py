"""``foundational label write``: inputs for programs that run elsewhere."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import take, to_configurations
from foundational.data.fingerprint import fingerprint, hexadecimal
from foundational.data.integrity.storing import exclusive
from foundational.data.store import open_store, write_dataset
from foundational.errors import InputError
from foundational.interchange.jobs.codes import Code, code_named
from foundational.interchange.jobs.structure import structures_of
from foundational.interchange.jobs.template import read_template
from foundational.interchange.jobs.writing import STORE, JobPlan, WrittenJobs, write_jobs
from foundational.labelling.theories import beside
from foundational.progress import Progress
from foundational.provenance.record import ProvenanceRecord, write_record
from foundational.workspace.sources import open_source


@dataclass(frozen=True)
class Wanted:
    """Which configurations of a dataset are to be labelled."""

    limit: int | None = None
    """At most this many, the first."""
    frames: str | None = None
    """Places from 0, such as ``0:40`` or ``3,7,9``; None: all."""


def write_label_jobs(
    root: Path,
    source: str,
    code_name: str,
    folder: Path,
    template: Path,
    *,
    wanted: Wanted | None = None,
    progress: Progress | None = None,
) -> tuple[WrittenJobs, dict[str, int]]:
    """Write inputs of a program for configurations of ``source``, one folder each, into ``folder``.

    What is there stays; what is missing is written, so that more configurations can be added later.

    Returns
    -------
    tuple
        What was written, and how many configurations were excluded, by reason.

    Raises
    ------
    InputError
        There is no such program, or the template does not suit it or a configuration.
    NotFoundError
        There is no such dataset or template.
    ConflictError
        The folder holds something else.
    """
    code = code_named(code_name)
    chosen = read_template(template)
    opened = open_source(root, source, labelled=False)
    rows, excluded = _rows(opened.dataset, wanted or Wanted(), code)
    few = take(opened.dataset, rows)
    configurations = to_configurations(few).with_labels(None)
    ids = hexadecimal(few["id"].to_numpy())
    rows_once = np.array(sorted({name: row for row, name in reversed(list(enumerate(ids)))}.values()), dtype=np.int64)
    if len(rows_once) < len(ids):
        excluded["the configuration is there again, by another method"] = len(ids) - len(rows_once)
        few, configurations = take(few, rows_once), configurations.take(rows_once)
        ids = [ids[row] for row in rows_once.tolist()]
    plan = JobPlan(
        code,
        chosen,
        opened.record.output.name,
        fingerprint(opened.dataset),
        ids,
        structures_of(configurations),
    )
    place = sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    with exclusive(root, f"jobs/{place}", f"the jobs in {folder}"):
        written = write_jobs(folder, plan, progress)
        _store_configurations(folder, few, opened.record)
    return written, excluded


def _rows(dataset: xr.Dataset, wanted: Wanted, code: Code) -> tuple[NDArray[np.int64], dict[str, int]]:
    total = dataset.sizes["configuration"]
    rows = np.arange(total) if wanted.frames is None else _places(wanted.frames, total)
    excluded: dict[str, int] = {}
    if code.periodic:
        periodic = dataset["pbc"].to_numpy()[rows].all(axis=1)
        if not periodic.all():
            excluded[f"not periodic along three vectors, which {code.program} needs"] = int((~periodic).sum())
        rows = rows[periodic]
    rows = rows[: wanted.limit]
    if not len(rows):
        raise InputError(f"expected configurations to write, got none of {total:,}")
    return rows, excluded


def _places(text: str, total: int) -> NDArray[np.int64]:
    """The places in ``0:40`` or ``3,7,9``."""
    first, colon, last = text.partition(":")
    try:
        if colon:
            return np.arange(total)[int(first) if first else None : int(last) if last else None]
        places = np.array([int(word) for word in text.split(",")], dtype=np.int64)
    except ValueError:
        raise InputError(f"--frames: expected places such as 0:40 or 3,7,9, got {text!r}") from None
    if places.min() < 0 or places.max() >= total:
        raise InputError(f"--frames: expected places from 0 to {total - 1}, got {text!r}")
    return np.unique(places)


def _store_configurations(folder: Path, few: xr.Dataset, record: ProvenanceRecord) -> None:
    """Keep the configurations beside their jobs, those of earlier calls first, and the record of their dataset."""
    path = folder / STORE
    if not path.exists():
        write_dataset(few.load(), path)
    else:
        before = open_store(path).load()
        known = set(hexadecimal(before["id"].to_numpy()))
        new = [row for row, name in enumerate(hexadecimal(few["id"].to_numpy())) if name not in known]
        if new:
            write_dataset(beside(before, take(few, np.array(new)).load(), ()), path, replace=True)
    write_record(folder, record)
