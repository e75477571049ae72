"""Sampling as a command: a pool of params.yaml or of any element, new, resumed, extended, or under another's bias."""

import shutil
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from foundational.data.atomic_write import previous, whole_folder
from foundational.data.fingerprint import fingerprint
from foundational.data.store import open_store, verify_store, write_dataset
from foundational.data.storing import exclusive
from foundational.engines.crystals.references import reference_crystals
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import ResolvedPotential, potential_for
from foundational.engines.momt.run import Run
from foundational.errors import ChecksumError, ConflictError, FoundationalError, InputError, NotFoundError, did_you_mean
from foundational.labelling.executors import process_pool
from foundational.labelling.records import labeller_record
from foundational.progress import Progress
from foundational.project import STORE, dataset_folder
from foundational.provenance.record import ProvenanceRecord, read_record, software_versions, write_record
from foundational.provenance.runlog import logged_run
from foundational.seeds import derive
from foundational.specs.params import Params, read_params
from foundational.specs.sample import PoolSpec
from foundational.stages.sample.stage import (
    Stored,
    bias_digest,
    details_of,
    differences,
    load_run,
    load_surplus,
    sample,
    save_run,
    specification,
)
from foundational.workspace.pools import BIAS, MANIFEST, PoolManifest, open_pool, write_manifest
from foundational.workspace.runner import StageOutput, record_of


@dataclass(frozen=True)
class SampledPool:
    """What sampling stored, and where it began."""

    name: str
    manifest: PoolManifest
    resumed: bool
    """Whether an interrupted run was taken up."""
    stored_frames: int
    """Frames of a shorter pool from which the run went on."""


def sample_pool(
    root: Path,
    name: str,
    *,
    frames: int | None = None,
    bias_from: str | None = None,
    workers: int = 1,
    force: bool = False,
    progress: Progress | None = None,
) -> SampledPool:
    """Sample the pool ``name`` of params.yaml; an interrupted run goes on where it was, a shorter pool from its end.

    Parameters
    ----------
    frames
        in place of those of params.yaml
    bias_from
        a pool of the same crystal whose bias is used, in place of learning one

    Raises
    ------
    ConflictError
        where the pool is whole already, or was begun with other parameters.
    """
    params = read_params(root / "params.yaml")
    if name not in params.sample.pools:
        raise NotFoundError(f"no pool {name!r} in params.yaml; {did_you_mean(name, params.sample.pools)}")
    spec = params.sample.pools[name]
    if frames is not None:
        spec = spec.model_copy(update={"frames": frames})
    return store_pool(root, params, name, spec, bias_from=bias_from, workers=workers, force=force, progress=progress)


def store_pool(
    root: Path,
    params: Params,
    name: str,
    spec: PoolSpec,
    *,
    bias_from: str | None = None,
    found: dict[str, Any] | None = None,
    workers: int = 1,
    force: bool = False,
    progress: Progress | None = None,
) -> SampledPool:
    """Sample ``spec`` and store it as the pool ``name``, whole or not at all; ``found`` is told in its record.

    Raises
    ------
    ConflictError
        where the pool is whole already, or was begun with other parameters.
    """
    potential = potential_for(spec.element, root, spec.potential)
    labeller = LammpsLabeller(potential)
    folder = dataset_folder(root, f"pools/{name}")
    workdir = work_folder(root, name)
    seed = derive(params.seed, "sample", name)
    taught, parents = _taught(root, bias_from, spec, potential)
    work = specification(params.sample.settings, spec, potential, seed, taught)
    stored_spec = {"settings": params.sample.settings.model_dump(mode="json"), "pool": spec.model_dump(mode="json")}
    with exclusive(root, f"pools/{name}"):
        stored = None if force else _stored(root, name, work, spec.frames)
        with logged_run(root, "sample", f"pools/{name}") as log:
            with process_pool(workers) if workers > 1 else nullcontext() as executor:
                made = sample(
                    params.sample.settings,
                    spec,
                    potential,
                    seed,
                    workdir,
                    stored=stored,
                    taught=taught,
                    executor=executor,
                    progress=progress,
                )
            volume = reference_crystals(labeller, spec.element).ground_volume
            dataset = made.dataset.assign_attrs(volume_per_atom=volume)
            method = labeller_record(labeller, spec.element)
            whole = StageOutput(dataset, spec.element, method, made.details | (found or {}))
            record = record_of(f"pools/{name}", "sample", stored_spec, params.seed, parents, whole)
            with whole_folder(folder, replace=True) as partial:
                write_dataset(dataset, partial / STORE)
                save_run(partial / BIAS, made.run, made.surplus)
                write_record(partial, record)
                manifest = write_manifest(partial, record)
            count = record.output.n_configurations
            log |= {"configurations": count, "resumed": made.resumed, "stored_frames": made.stored_frames}
        shutil.rmtree(workdir)
    return SampledPool(name, manifest, made.resumed, made.stored_frames)


def work_folder(root: Path, name: str) -> Path:
    """Where the run of the pool ``name`` is saved as it goes."""
    return root / "build" / "work" / f"sample-{name}"


def _stored(root: Path, name: str, work: dict[str, Any], frames: int) -> Stored | None:
    """The shorter pool of the same specification that is there, checked; None where there is nothing to go on from.

    Its manifest may be gone: ``dvc repro`` removes an outdated one before it runs the stage. The record beside the data
    then says what they are, and a pool of anything else is replaced.
    """
    folder = dataset_folder(root, f"pools/{name}")
    if not folder.exists() and previous(folder).exists():
        previous(folder).rename(folder)
    claimed = (folder / MANIFEST).exists()
    if not (folder / "provenance.json").exists():
        if claimed:
            raise ConflictError(f"the pool {name!r} is there already, with its manifest; sample it anew with --force")
        return None
    record = read_record(folder)
    has = record.output.n_configurations
    theirs, mine = _work_of(folder, name, record), work
    if frames > has:  # the new frames would follow the old ones: they must come from the same programs
        ours = software_versions("sample")
        theirs, mine = theirs | {"software": record.software}, work | {"software": ours}
    found = differences(theirs, mine)
    if claimed and found:
        raise ConflictError(
            f"the pool {name!r} was made by another specification ({found}); restore it, or sample anew with --force"
        )
    if claimed and frames <= has:
        raise ConflictError(
            f"the pool {name!r} is there already, with {has:,} frames and its manifest; "
            "ask for more frames, or sample it anew with --force"
        )
    if found or frames <= has:
        return None
    try:
        return _read(root, name, record, claimed)
    except (FoundationalError, OSError, BadZipFile):
        if claimed:
            raise
        return None


def _read(root: Path, name: str, record: ProvenanceRecord, claimed: bool) -> Stored:
    """A stored pool and the run that made it; ChecksumError where they are not those of the record."""
    folder = dataset_folder(root, f"pools/{name}")
    if claimed:
        open_pool(root, name)
    else:
        verify_store(folder / STORE)
    dataset, run = open_store(folder / STORE), load_run(folder / BIAS)
    if fingerprint(dataset) != record.output.fingerprint or any(
        record.details.get(key) != value for key, value in details_of(run).items()
    ):
        raise ChecksumError(f"the pool {name!r} and its run are not those of its record; sample it anew with --force")
    return Stored(dataset.load(), run, load_surplus(folder / BIAS))


def _work_of(folder: Path, name: str, record: ProvenanceRecord) -> dict[str, Any]:
    """What `specification` gave when the pool was made."""
    pool = {key: value for key, value in record.spec.get("pool", {}).items() if key not in ("frames", "potential")}
    work = {
        "seed": derive(record.seed, "sample", name),
        "potential": record.labeller.sha256,
        "settings": record.spec.get("settings", {}),
        "pool": pool,
    }
    return work | bias_digest(load_run(folder / BIAS)) if record.parents else work


def _taught(
    root: Path, bias_from: str | None, spec: PoolSpec, potential: ResolvedPotential
) -> tuple[Run | None, tuple[ProvenanceRecord, ...]]:
    """The run of the pool whose bias is to be used, and its record; InputError where it does not fit."""
    if bias_from is None:
        return None, ()
    _, record = open_pool(root, bias_from)
    keys = ("method", "element", "structure", "supercell", "cell", "shape_stiffness", "temperature")
    mine = spec.model_dump(mode="json")
    found = differences(
        {"potential": record.labeller.sha256} | {key: record.spec["pool"].get(key) for key in keys},
        {"potential": potential.spec.sha256} | {key: mine.get(key) for key in keys},
    )
    if found:
        raise InputError(f"the bias of {bias_from!r} is for another pool ({found}); learn one, without --bias-from")
    return load_run(dataset_folder(root, f"pools/{bias_from}") / BIAS), (record,)
