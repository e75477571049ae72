"""``foundational thermo``: read the thermodynamics of a pool; write metrics, curves and a figure."""

from pathlib import Path

from foundational.data.atomic_write import write_whole
from foundational.progress import Progress
from foundational.provenance.record import ProvenanceRecord, write_json
from foundational.stages.thermo.curves import csv_files
from foundational.stages.thermo.stage import PoolFrames, PoolProvenance, ThermoReport, prepare_pool
from foundational.workspace.pools import open_pool, read_run


def read_pool(root: Path, name: str, progress: Progress | None = None) -> PoolFrames:
    """Open the pool ``name``, compare it with its manifest, and determine the phase of every frame.

    Parameters
    ----------
    root
        The project's folder.
    name
        Name of the pool, without ``pools/``.
    progress
        Called with (configurations done, all, message).

    Raises
    ------
    NotFoundError
        If the pool was never sampled, is not on this machine, or came without its bias.
    ChecksumError
        If its bytes differ from its manifest.
    """
    dataset, record = open_pool(root, name)
    run, _ = read_run(root, name)
    provenance = PoolProvenance(
        fingerprint=record.output.fingerprint,
        element=record.element,
        pressure=_pressure(record),
        frame_time=float(record.spec["settings"]["frame_time"]) / 1000,
        crossings=int(record.details["crossings"]),
        shape_stiffness=record.spec["pool"].get("shape_stiffness") or 0.0,
    )
    return prepare_pool(name, dataset, run.bias, provenance, progress)


def _pressure(record: ProvenanceRecord) -> float:
    """The pressure of a pool, bar: its own, or else that of the settings."""
    own = record.spec["pool"].get("pressure")
    return float(record.spec["settings"]["pressure"] if own is None else own)


def write_metrics(root: Path, pool: PoolFrames, report: ThermoReport) -> None:
    """Write metrics/thermo/POOL.json and the CSV files beside it; each whole or not at all."""
    folder = root / "metrics" / "thermo"
    for name, text in csv_files(pool).items():
        write_whole(folder / name, [text.encode()])
    write_json(folder / f"{pool.name}.json", report.model_dump(mode="json"))
