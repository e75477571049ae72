"""``foundational label collect``: outputs of programs that ran elsewhere, as a dataset."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from foundational.data.batches import take, to_configurations
from foundational.data.fingerprint import hexadecimal
from foundational.data.integrity.storing import exclusive, settle
from foundational.data.store import open_store
from foundational.errors import ConflictError, InputError
from foundational.interchange.jobs.codes import code_named
from foundational.interchange.jobs.manifest import JobManifest, read_manifest
from foundational.interchange.jobs.writing import STORE as JOBS_STORE
from foundational.interchange.returned.output import Output
from foundational.interchange.returned.readers import READERS, outputs_below
from foundational.labelling.theories import beside, methods_of
from foundational.progress import Progress
from foundational.project import STORE, dataset_folder
from foundational.provenance.method import MethodRecord
from foundational.provenance.record import (
    LabellerRecord,
    ProvenanceRecord,
    read_record,
)
from foundational.stages.collect.dataset import labelled, labels_of
from foundational.stages.collect.stage import TAKEN, Collected, Verdict, Waiting, collect
from foundational.workspace.runner import StageOutput, produce, record_of

#: Å; how far an atom of an output may lie from the configuration that it is of: more than programs round.
TOLERANCE: Final = 1e-3


@dataclass(frozen=True)
class CollectedSet:
    """What `collect_labels` found and stored."""

    record: ProvenanceRecord | None
    """Of the dataset; None where none was asked for."""
    collected: Collected
    manifest: JobManifest
    files: int
    """Outputs that were found."""
    labelled: int
    """Configurations with a label now, those of earlier collections among them."""
    kept: int
    """Of these, those whose label was collected before and whose output is gone or refused now."""
    refused: int
    """Configurations all of whose outputs were refused."""
    waiting: int
    """Configurations without any output."""
    unchanged: bool = False
    """Whether the stored dataset was the same already."""

    def document(self) -> dict[str, Any]:
        """For ``--json``."""
        found = self.collected
        return {
            "name": None if self.record is None else self.record.output.name,
            "fingerprint": None if self.record is None else self.record.output.fingerprint,
            "unchanged": self.unchanged,
            "code": self.manifest.code,
            "configurations": {
                "asked_for": len(self.manifest.jobs),
                "labelled": self.labelled,
                "kept_from_before": self.kept,
                "refused": self.refused,
                "without_output": self.waiting,
            },
            "outputs": {"files": self.files, **found.counts},
            "moved": _moved(found.verdicts),
            "refused": [vars(verdict) for verdict in found.verdicts if verdict.outcome != TAKEN],
            "settings": dict(found.settings),
            "k_points": list(found.k_points),
            "versions": list(found.versions),
            "remarks": list(found.remarks),
        }


def collect_labels(
    root: Path,
    folder: Path,
    name: str | None = None,
    *,
    keep: bool = False,
    tolerance: float = TOLERANCE,
    force: bool = False,
    progress: Progress | None = None,
) -> CollectedSet:
    """Read all outputs below ``folder`` and store the labels that can be trusted as the dataset ``name``.

    A dataset that was collected from the same jobs before is brought up to date; labels that it has stay, unless a new
    output gives them again or contradicts them.

    Parameters
    ----------
    name
        ``local/<name>``; None: nothing is stored.
    keep
        Keep the labels that the configurations had before, as those of another method.
    tolerance
        Å; how far an atom of an output may lie from the configuration that it is of.

    Raises
    ------
    NotFoundError
        The folder was not made by ``foundational label write``.
    InputError
        No output can be used, or the name does not begin with ``local/``.
    ConflictError
        The dataset exists and is of something else, or has labels by other settings.
    """
    if name is not None and not name.startswith("local/"):
        raise InputError(f"expected a name that begins with local/, such as local/{name}; got {name!r}")
    manifest = read_manifest(folder)
    jobs, parent = open_store(folder / JOBS_STORE).load(), read_record(folder)
    waiting = _waiting(manifest, jobs)
    spec = {
        "code": manifest.code,
        "dataset": manifest.dataset,
        "template_sha256": manifest.template_sha256,
        "tolerance": tolerance,
        "keep": keep,
    }
    before, earlier = (None, None) if name is None else _before(root, name, spec, force)
    outputs = _outputs(folder, manifest, frozenset(waiting.ids), progress)
    settings = {} if earlier is None else earlier.details["settings"]
    collected = collect(waiting, outputs, tolerance, settings)
    labels = dict(collected.labels)
    doubted = {verdict.id for verdict in collected.verdicts if verdict.outcome == "contradictory"}
    row_of = {identity: row for row, identity in enumerate(waiting.ids)}
    old = {} if before is None else labels_of(before)
    kept = [row_of[i] for i in old if i in row_of and row_of[i] not in labels and i not in doubted]
    labels |= {row: old[waiting.ids[row]] for row in kept}
    seen = {verdict.id for verdict in collected.verdicts if verdict.id is not None}
    without = [row for row in range(len(waiting.ids)) if row not in labels]
    found = CollectedSet(
        None,
        collected,
        manifest,
        len(outputs),
        len(labels),
        len(kept),
        sum(waiting.ids[row] in seen for row in without),
        sum(waiting.ids[row] not in seen for row in without),
    )
    if name is None:
        return found
    if not labels:
        counts = ", ".join(f"{count:,} × {outcome}" for outcome, count in collected.counts.items())
        raise InputError(f"no output below {folder} can be used: {counts or 'there is none'}; nothing was stored")
    method = _method(manifest, collected, earlier)
    output = _stage_output(jobs, parent, labels, method, found, keep=keep)
    record = record_of(name, "collect", spec, 0, (parent,), output)
    if earlier is not None and record == earlier:
        return CollectedSet(**{**vars(found), "record": earlier, "unchanged": True})
    record = produce(root, name, "collect", spec, 0, (parent,), lambda: output, force=force or earlier is not None)
    return CollectedSet(**{**vars(found), "record": record})


def _waiting(manifest: JobManifest, jobs: xr.Dataset) -> Waiting:
    ids = hexadecimal(jobs["id"].to_numpy())
    settings = {job.id: job.settings for job in manifest.jobs}
    return Waiting(ids, to_configurations(jobs).with_labels(None), [settings.get(name, {}) for name in ids])


def _outputs(folder: Path, manifest: JobManifest, ids: frozenset[str], progress: Progress | None) -> list[Output]:
    reader = READERS[manifest.code]
    outputs = []
    for path, around in outputs_below(folder, reader, ids):
        outputs.append(reader.read(path, folder, around))
        if progress is not None and len(outputs) % 20 == 0:
            progress(len(outputs), max(len(ids), len(outputs)), "reading outputs")
    return outputs


def _before(
    root: Path, name: str, spec: dict[str, Any], force: bool
) -> tuple[xr.Dataset | None, ProvenanceRecord | None]:
    """The dataset that an earlier collection of the same jobs stored, with its record; None where there is none."""
    folder = dataset_folder(root, name)
    with exclusive(root, name):
        settle(root, folder)
    if not (folder / STORE).exists() or force:
        return None, None
    record = read_record(folder)
    if record.stage != "collect" or record.spec != spec:
        raise ConflictError(
            f"the dataset {name!r} exists already and was not collected from these jobs in this way; "
            "choose another --name, or replace it with --force"
        )
    dataset = open_store(folder / STORE).load()
    if "method" in dataset:  # the first ones are those of the parent
        rows = np.flatnonzero(dataset["method"].to_numpy() == len(dataset.attrs["methods"]) - 1)
        dataset = take(dataset, rows)
    return dataset, record


def _method(manifest: JobManifest, collected: Collected, earlier: ProvenanceRecord | None) -> MethodRecord:
    """The method, as far as the outputs state it."""
    settings = dict(collected.settings)
    code = code_named(manifest.code)
    before = {} if earlier is None else earlier.details
    versions = sorted({*collected.versions, *before.get("versions", ())})
    meshes = sorted({*collected.k_points, *before.get("k_points", ())})
    functional = settings.pop("functional", None)
    return MethodRecord(
        id="-".join([manifest.code, *([] if functional is None else [str(functional).lower().replace(" ", "-")])]),
        code=code.program,
        version=", ".join(versions) or None,
        functional=functional,
        pseudopotentials=tuple(str(settings.pop(key)) for key in sorted(settings) if key.startswith("pseudopotential "))
        or None,
        cutoff_eV=settings.pop("cutoff_eV", None),
        k_points=None if not meshes else meshes[0] if len(meshes) == 1 else f"by cell, {len(meshes)} meshes",
        spin=settings.pop("spin", None),
        energy_kind=READERS[manifest.code].energy_kind,
        stated={**settings, "template_sha256": manifest.template_sha256},
    )


def _stage_output(
    jobs: xr.Dataset,
    parent: ProvenanceRecord,
    labels: dict[int, Any],
    method: MethodRecord,
    found: CollectedSet,
    *,
    keep: bool,
) -> StageOutput:
    identity = f"file:{method.id}"
    attributes = {"element": parent.element, "labeller": identity, "methods": [method.model_dump(mode="json")]}
    dataset = labelled(jobs, labels, attributes)
    if keep:
        dataset = beside(jobs, dataset, (*methods_of(parent, jobs), method))
    collected = found.collected
    meshes = method.k_points
    details = {
        "configurations": {
            "asked_for": len(found.manifest.jobs),
            "labelled": found.labelled,
            "refused": found.refused,
            "without_output": found.waiting,
        },
        "outputs": _totals(collected.verdicts),
        "settings": dict(collected.settings),
        "k_points": list(collected.k_points) if meshes else [],
        "versions": list(collected.versions),
        "moved": _moved(collected.verdicts),
        "refused": [
            {"file": verdict.file, "id": verdict.id, "reason": verdict.outcome, "detail": verdict.detail}
            for verdict in collected.verdicts
            if verdict.outcome not in {TAKEN}
        ],
    }
    labeller = LabellerRecord(
        id=identity,
        version=f"{method.code} {method.version}" if method.version else "unknown",
        sha256=None,
        parameters={"methods": dataset.attrs["methods"]},
    )
    return StageOutput(dataset, parent.element, labeller, details)


def _totals(verdicts: Sequence[Verdict]) -> dict[str, int]:
    return dict(sorted(Counter(verdict.outcome for verdict in verdicts).items()))


def _moved(verdicts: Sequence[Verdict]) -> list[dict[str, str]]:
    """Outputs that lay in the folder of a configuration that they are not of."""
    return [
        {"file": verdict.file, "id": str(verdict.id), "lay_in": verdict.lay_in}
        for verdict in verdicts
        if verdict.lay_in is not None
    ]
