"""A pool as sampling stores it, without dynamics: frames, a drawn run, and the record that belongs to them."""

from pathlib import Path

import numpy as np
import xarray as xr

from foundational.data.layout import VARIABLES
from foundational.data.store import open_store
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.engines.momt.run import Run
from foundational.engines.momt.saved_run import run_to_bytes
from foundational.labelling.records import labeller_record
from foundational.provenance.record import ProvenanceRecord
from foundational.seeds import derive
from foundational.specs.params import read_params
from foundational.workspace.pools import BIAS, write_manifest
from foundational.workspace.runner import StageOutput, produce

NAME = "ni-momt-32"


def frames(root: Path, run: Run) -> xr.Dataset:
    """The configurations of the pool, with an enthalpy within the window and an order parameter each."""
    pool = open_store(root / "datasets" / "pools" / NAME / "data.zarr").load()
    count = pool.sizes["configuration"]
    low, high = run.bias.knots_h[[0, -1]]
    columns = {
        "enthalpy": np.linspace(low, high, count + 2)[1:-1],
        "order_parameter": np.tile([0.05, 0.9], count)[:count],
        "volume": np.abs(np.linalg.det(pool["cell"].to_numpy())),
    }
    return pool.assign(
        {name: ("configuration", column, VARIABLES[name].attributes()) for name, column in columns.items()}
    )


def specification(root: Path) -> dict[str, object]:
    """Everything but the number of frames that decides the pool."""
    params = read_params(root / "params.yaml")
    return {
        "seed": derive(params.seed, "sample", NAME),
        "potential": potential_for("Ni", root).spec.sha256,
        "settings": params.sample.settings.model_dump(mode="json"),
        "pool": params.sample.pools[NAME].model_dump(mode="json", exclude={"frames", "potential"}),
    }


def store_sampled(root: Path, run: Run, surplus: np.ndarray | None = None) -> ProvenanceRecord:
    """Store the pool with the run that recorded it, in the place of the one that is there."""
    params, dataset = read_params(root / "params.yaml"), frames(root, run)
    spec = {
        "settings": params.sample.settings.model_dump(mode="json"),
        "pool": params.sample.pools[NAME].model_dump(mode="json"),
    }
    made = StageOutput(
        dataset, "Ni", labeller_record(LammpsLabeller(potential_for("Ni", root)), "Ni"), details=run.details
    )
    record = produce(root, f"pools/{NAME}", "sample", spec, params.seed, (), lambda: made, force=True)
    folder = root / "datasets" / "pools" / NAME
    (folder / BIAS).write_bytes(run_to_bytes(run, surplus))
    write_manifest(folder, record)
    return record
