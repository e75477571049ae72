"""What sampling may continue or use: a stored pool of the same specification, and the bias of another pool."""

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from foundational.data.atomic_write import previous
from foundational.data.fingerprint import fingerprint
from foundational.data.store import open_store, verify_store
from foundational.engines.lammps.potentials import ResolvedPotential
from foundational.engines.momt.run import Run
from foundational.engines.momt.saved_run import StoredPool
from foundational.errors import ChecksumError, ConflictError, FoundationalError, InputError
from foundational.project import STORE, pool_folder
from foundational.provenance.record import ProvenanceRecord, read_record, software_versions
from foundational.seeds import derive
from foundational.specs.parsing import parse_json
from foundational.specs.sample import PoolSpec
from foundational.workspace.pools import MANIFEST, open_pool, read_run
from foundational.workspace.run_folder import differences, work_folder


def stored_pool(root: Path, name: str, specification: dict[str, Any], frames: int) -> StoredPool | None:
    """The stored pool of the same specification that is shorter, checked; None if there is nothing to continue.

    Its manifest may be missing: ``dvc repro`` removes an outdated one before it runs the stage. The record beside the
    data then says what they are, and a pool of another specification is replaced.

    Parameters
    ----------
    root
        The project's folder.
    name
        Name of the pool.
    specification
        Everything but the number of frames that decides the pool.
    frames
        The frames that are wanted.

    Raises
    ------
    ConflictError
        If the stored pool has a manifest and is of another specification, or not shorter.
    ChecksumError
        If the stored pool has a manifest and its bytes differ from it.
    """
    folder = pool_folder(root, name)
    if not folder.exists() and previous(folder).exists():
        previous(folder).rename(folder)
    claimed = (folder / MANIFEST).exists()
    if not (folder / "provenance.json").exists():
        if claimed:
            raise ConflictError(
                f"the pool {name!r} exists already, with its manifest but without its record; "
                "sample it again with --force"
            )
        return None
    record = read_record(folder)
    n_stored = record.output.n_configurations
    before, after = _specification_of(root, name, record), specification
    if frames > n_stored:  # the new frames follow the old ones: they must come from the same programs
        before, after = before | {"software": record.software}, after | {"software": software_versions("sample")}
    changed = differences(before, after)
    if claimed and changed:
        raise ConflictError(
            f"the pool {name!r} was sampled with another specification ({changed}); "
            "restore it, or sample the pool again with --force"
        )
    if claimed and frames <= n_stored:
        raise ConflictError(
            f"the pool {name!r} exists already, with {n_stored:,} frames and its manifest; "
            "ask for more frames, or sample it again with --force"
        )
    if changed or frames <= n_stored:
        return None
    try:
        return _read(root, name, record, claimed)
    except (FoundationalError, OSError, BadZipFile):
        if claimed:
            raise
        return None


def _read(root: Path, name: str, record: ProvenanceRecord, claimed: bool) -> StoredPool:
    """A stored pool and the run that recorded it; ChecksumError if they differ from the record."""
    folder = pool_folder(root, name)
    if claimed:
        open_pool(root, name)
    else:
        verify_store(folder / STORE)
    dataset, (run, surplus) = open_store(folder / STORE), read_run(root, name)
    if fingerprint(dataset) != record.output.fingerprint or any(
        record.details.get(key) != value for key, value in run.details.items()
    ):
        raise ChecksumError(f"the pool {name!r} and its run differ from its record; sample it again with --force")
    return StoredPool(dataset.load(), run, surplus)


def _specification_of(root: Path, name: str, record: ProvenanceRecord) -> dict[str, Any]:
    """The specification with which the stored pool was sampled."""
    pool = {key: value for key, value in record.spec.get("pool", {}).items() if key not in ("frames", "potential")}
    specification = {
        "seed": derive(record.seed, "sample", name),
        "potential": record.labeller.sha256,
        "settings": record.spec.get("settings", {}),
        "pool": pool,
    }
    return specification | read_run(root, name)[0].digest if record.parents else specification


def bias_source(
    root: Path, name: str | None, spec: PoolSpec, potential: ResolvedPotential
) -> tuple[Run | None, tuple[ProvenanceRecord, ...]]:
    """The run of the pool whose bias is used, and the record of that pool; nothing for the name None.

    Parameters
    ----------
    root
        The project's folder.
    name
        Name of the pool whose bias is used.
    spec, potential
        Of the pool that uses it.

    Raises
    ------
    NotFoundError
        If there is no such pool.
    InputError
        If its bias does not fit.
    """
    if name is None:
        return None, ()
    _, record = open_pool(root, name)
    keys = ("method", "element", "structure", "supercell", "cell", "shape_stiffness", "temperature", "pressure")
    wanted = spec.model_dump(mode="json")
    changed = differences(
        {"potential": record.labeller.sha256} | {key: record.spec["pool"].get(key) for key in keys},
        {"potential": potential.spec.sha256} | {key: wanted.get(key) for key in keys},
    )
    if changed:
        raise InputError(f"the bias of {name!r} is for another pool ({changed}); learn one, without --bias-from")
    return read_run(root, name)[0], (record,)


def stored_specification(root: Path, name: str) -> dict[str, Any]:
    """The keys of `MomtPool` of the pool ``name``, stored or started, and its ``melting``; empty if there is none."""
    folder, started = pool_folder(root, name), work_folder(root, name) / "specification.json"
    if (folder / "provenance.json").exists():
        record = read_record(folder)
        return {**record.spec["pool"], **{key: record.details[key] for key in ("melting",) if key in record.details}}
    if started.exists():
        return dict(parse_json(started.read_bytes(), str(started))["pool"])
    return {}
