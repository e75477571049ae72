"""The command ``distill``: a set of params.yaml from its pool, or one of the user's own from any labelled data."""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from ase.data import chemical_symbols

from foundational.data.atomic_write import write_whole
from foundational.data.extxyz import read_extxyz
from foundational.data.store import open_store
from foundational.errors import InputError, NotFoundError, did_you_mean
from foundational.progress import Progress
from foundational.project import STORE, dataset_folder, find_dataset
from foundational.provenance.record import LabellerRecord, ProvenanceRecord, read_record
from foundational.specs.distill import DistillSpec
from foundational.specs.params import Params, read_params
from foundational.specs.parsing import parse
from foundational.stages.distill.checkpoint import finished_state, identity, load_state, save_state, stored_state
from foundational.stages.distill.stage import distill
from foundational.workspace.pools import open_pool
from foundational.workspace.runner import Made, describe, produce


@dataclass(frozen=True)
class Source:
    """Labelled configurations to choose from, and where they come from."""

    pool: xr.Dataset
    name: str
    fingerprint: str
    element: str
    labeller: LabellerRecord
    parents: tuple[ProvenanceRecord, ...]


def distill_pool(
    root: Path,
    name: str,
    *,
    source: str | None = None,
    changes: dict[str, Any] | None = None,
    extend: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> ProvenanceRecord:
    """Distill the set ``name`` of params.yaml, or ``local/<name>`` from other data; an interrupted run goes on.

    Parameters
    ----------
    source
        a dataset of the project, or an extended XYZ file with labels; only for sets called ``local/<name>``, which take
        the settings of params.yaml's first set
    changes
        settings in place of those of params.yaml, by name; only for sets called ``local/<name>`` too
    extend
        go on from the stored set, which is replaced: more frames or rounds, all other settings as they were

    Raises
    ------
    NotFoundError
        where there is no such set, pool or file.
    InputError
        where the name and the source do not go together, or the data have no labels.
    ConflictError
        where the set exists, or was begun with other settings.
    """
    params = read_params(root / "params.yaml")
    spec = _spec(params, name, source, {k: v for k, v in (changes or {}).items() if v is not None})
    found = _pool_of(root, spec.pool) if source is None else _open(root, source)
    folder = dataset_folder(root, name)
    stored = {"distill": spec.model_dump(mode="json"), "ani": params.ani.recipe.model_dump(mode="json")}
    who = identity(stored, found.fingerprint, params.seed)
    checkpoint = root / "build" / "work" / f"distill-{name.replace('/', '--')}.npz"
    finished = checkpoint.with_suffix(".done.npz")

    def build() -> Made:
        ani = params.ani.scaled("recipe", float(found.pool.attrs["volume_per_atom"]))
        begun = load_state(checkpoint, who) or finished_state(finished, who)
        previous = stored_state(folder, who, found.pool) if extend else begun
        made = distill(
            spec,
            ani,
            found.pool,
            params.seed,
            previous=previous,
            save=lambda state: save_state(checkpoint, who, state),
            progress=progress,
        )
        rounds = [asdict(line) for line in made.rounds]
        if not name.startswith("local/"):  # the metrics of the pipeline; any set's rounds are in its record too
            _write_rounds(root / "metrics" / "distill" / f"{name}.csv", rounds)
        return Made(made.dataset, found.element, found.labeller, {"rounds": rounds}, {"resumed": made.resumed_after})

    record = produce(root, name, "distill", stored, params.seed, found.parents, build, force=force or extend)
    if checkpoint.exists():
        checkpoint.replace(finished)
    return record


def _spec(params: Params, name: str, source: str | None, changes: dict[str, Any]) -> DistillSpec:
    local = name.startswith("local/")
    if not local and name not in params.distill:
        raise NotFoundError(
            f"no distilled set {name!r} in params.yaml; {did_you_mean(name, params.distill)} "
            f"(your own sets are called local/<name>)"
        )
    if not local and (source is not None or changes):
        raise InputError(f"what {name!r} is, params.yaml says; call a set of your own local/<name>, got {name!r}")
    if local and source is None:
        raise InputError(f"expected data to choose {name!r} from; name a dataset or a file with --from")
    base = params.distill[name] if not local else next(iter(params.distill.values()))
    if source is not None:
        changes = {"pool": Path(source).name, **changes}
    return parse(DistillSpec, base.model_dump(mode="json") | changes, f"the settings of {name!r}")


def _pool_of(root: Path, name: str) -> Source:
    pool, record = open_pool(root, name)
    return Source(pool, name, record.output.fingerprint, record.element, record.labeller, (record,))


def _open(root: Path, source: str) -> Source:
    """A pool or dataset of the project by its name, or a file."""
    if source.endswith(("xyz", "extxyz")):
        return _read(Path(source))
    if source.startswith("pools/"):
        return _pool_of(root, source.removeprefix("pools/"))
    folder = find_dataset(root, source)
    record = read_record(folder)
    return Source(
        open_store(folder / STORE), source, record.output.fingerprint, record.element, record.labeller, (record,)
    )


def _read(path: Path) -> Source:
    """A file from elsewhere; its record says so, and names its sha256."""
    dataset = read_extxyz(path)
    if not {"energy", "forces", "stress"} <= set(dataset.data_vars):
        missing = sorted({"energy", "forces", "stress"} - set(dataset.data_vars))
        raise InputError(f"{path}: expected energies, forces and stresses (REF_ keys or ASE's), {missing} missing")
    numbers = np.unique(dataset["atomic_numbers"].to_numpy())
    element = "".join(chemical_symbols[z] for z in numbers)
    n_atoms = dataset["n_atoms"].to_numpy()
    lowest = int(np.argmin(dataset["energy"].to_numpy() / n_atoms))
    volume = abs(float(np.linalg.det(dataset["cell"].to_numpy()[lowest]))) / int(n_atoms[lowest])
    dataset = dataset.assign_attrs(element=element, volume_per_atom=volume, labeller=f"file:{path.name}")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    labeller = LabellerRecord(id=f"file:{path.name}", version="unknown", sha256=digest)
    described = describe(path.name, dataset)
    parent = ProvenanceRecord(
        stage="import",
        output=described,
        inputs=(),
        element=element,
        labeller=labeller,
        spec={"file": path.name, "sha256": digest},
        seed=0,
        software={},
    )
    return Source(dataset, path.name, described.fingerprint, element, labeller, (parent,))


def _write_rounds(path: Path, rounds: list[dict[str, object]]) -> None:
    columns = list(rounds[0]) if rounds else ["round", "frames", "median_uncertainty_meV"]
    lines = [
        ",".join(columns),
        *(",".join("" if line[c] is None else str(line[c]) for c in columns) for line in rounds),
    ]
    write_whole(path, ["\n".join([*lines, ""]).encode()])
