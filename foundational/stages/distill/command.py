"""``foundational distill``: distill a set of params.yaml from its pool, or ``local/<name>`` from any labelled data."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import xarray as xr

from foundational.data.atomic_write import write_whole
from foundational.data.layout import CONFIGURATION
from foundational.data.store import open_store
from foundational.defaults import DEFAULTS
from foundational.errors import ConflictError, InputError, NotFoundError, did_you_mean
from foundational.progress import Progress
from foundational.project import POOLS, STORE, dataset_folder
from foundational.provenance.record import ProvenanceRecord, read_record
from foundational.source_files import digest_of, imported_modules
from foundational.specs.distill import DistillSpec
from foundational.specs.params import Params, read_params
from foundational.specs.parsing import parse
from foundational.stages.distill.candidates import fit, shortfall
from foundational.stages.distill.checkpoint import from_bytes, identity, require_same, selection_of, to_bytes
from foundational.stages.distill.stage import Selection, distill
from foundational.workspace.runner import StageOutput, produce
from foundational.workspace.sources import open_source


def distill_pool(
    root: Path,
    name: str,
    *,
    source: str | None = None,
    where: str | None = None,
    changes: dict[str, Any] | None = None,
    extend: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> ProvenanceRecord:
    """Distill the set ``name`` of params.yaml, or ``local/<name>`` from other data; an interrupted run is continued.

    Parameters
    ----------
    root
        The project's folder.
    name
        A set of params.yaml, or ``local/<name>``, which takes the settings of params.yaml's first set.
    source
        What a set called ``local/<name>`` is chosen from, see `open_source`; required for it, refused for others.
    where
        A condition that the configurations of ``source`` fulfil; None: all of them.
    changes
        Settings of a set called ``local/<name>`` in place of those of params.yaml, by name; None values are ignored.
    extend
        Continue from the stored set, which is replaced: more frames or rounds, all other settings as they were.
    force
        Replace a stored set.
    progress
        Called with (configurations chosen, budget, message).

    Raises
    ------
    NotFoundError
        If there is no such set, pool or file.
    InputError
        If the name and the source do not fit together, or the data have no labels.
    ConflictError
        If the set exists, or was started with other settings.
    """
    params = read_params(root / "params.yaml")
    stated = {key: value for key, value in (changes or {}).items() if value is not None}
    base = _base(params, name, source, stated)
    if where is not None and source is None:
        raise InputError("--where: expected --from with it, the data to choose from")
    data = open_source(root, POOLS + base["pool"] if source is None else source, where=where)
    pool, parent = data.dataset, data.record
    notes: tuple[str, ...] = ()
    if source is None:
        spec = parse(DistillSpec, base, f"the settings of {name!r}")
    else:
        if extend:  # all that may not change is as it was
            base = _stored_record(dataset_folder(root, name)).spec["distill"]
            stated = base | stated
        fitted = fit(base, stated, pool, f"the settings of {name!r}")
        spec, pool, notes = fitted.spec, fitted.pool, fitted.notes
    settings = {"distill": spec.model_dump(mode="json"), "ani": params.ani.recipe.model_dump(mode="json")}
    run = identity(settings, parent.output.fingerprint, params.seed)
    checkpoint = root / "build" / "work" / f"distill-{name.replace('/', '--')}.npz"
    finished = checkpoint.with_suffix(".done.npz")

    def build() -> StageOutput:
        ani = params.ani.scaled("recipe", float(pool.attrs["volume_per_atom"]))
        previous = load_state(checkpoint, run) or _finished_state(finished, run)
        if extend:
            previous = _stored_state(dataset_folder(root, name), run, pool)
        result = distill(
            spec,
            ani,
            pool,
            params.seed,
            previous=previous,
            save=lambda state: save_state(checkpoint, run, state),
            progress=progress,
        )
        rounds = [asdict(line) for line in result.rounds]
        if not name.startswith("local/"):  # metrics of the pipeline; the record of every set has the rounds too
            _write_rounds(root / "metrics" / "distill" / f"{name}.csv", rounds)
        sentences = [*notes, *result.notes, *shortfall(spec, result.dataset.sizes[CONFIGURATION])]
        details = {"rounds": rounds} | ({"notes": sentences} if source is not None and sentences else {})
        return StageOutput(result.dataset, parent.element, parent.labeller, details, {"resumed": result.resumed_after})

    record = produce(root, name, "distill", settings, params.seed, (parent,), build, force=force or extend)
    if checkpoint.exists():
        checkpoint.replace(finished)
    return record


def _base(params: Params, name: str, source: str | None, stated: dict[str, Any]) -> dict[str, Any]:
    """The settings of the set ``name`` before anything is known of its source."""
    local = name.startswith("local/")
    if not local and name not in params.distill:
        raise NotFoundError(
            f"no distilled set {name!r} in params.yaml; {did_you_mean(name, params.distill)} "
            f"(name your own sets local/<name>)"
        )
    if not local and (source is not None or stated):
        raise InputError(f"{name!r} is defined in params.yaml; name your own sets local/<name>, got {name!r}")
    if local and source is None:
        raise InputError(f"expected data to choose {name!r} from; name a dataset or a file with --from")
    named = params.distill or read_params(DEFAULTS / "params.yaml").distill
    base = (params.distill[name] if not local else next(iter(named.values()))).model_dump(mode="json")
    return base if source is None else base | {"pool": Path(source).name}


def code_digest() -> str:
    """Digest of the source files that decide which configurations are selected: all that the stage imports."""
    return digest_of(imported_modules("foundational.stages.distill.stage").values())


def save_state(path: Path, run: dict[str, Any], state: Selection) -> None:
    """Write the state of the run whose `identity` is ``run`` into ``path``, whole or not at all."""
    write_whole(path, [to_bytes(state, run, code_digest())])


def load_state(path: Path, run: dict[str, Any]) -> Selection | None:
    """The state of an unfinished run in ``path``; None if there is none, or other code wrote it.

    Raises
    ------
    ConflictError
        If it was started with other settings than those of ``run``, an `identity`.
    """
    return from_bytes(path.read_bytes(), run, code_digest(), str(path)) if path.exists() else None


def _finished_state(path: Path, run: dict[str, Any]) -> Selection | None:
    """The state of a finished run in ``path``, which more rounds may continue; None if anything else changed."""
    try:
        return load_state(path, run)
    except ConflictError:
        return None


def _stored_record(folder: Path) -> ProvenanceRecord:
    """The record of the set in ``folder``, which is to be extended.

    Raises
    ------
    NotFoundError
        If there is no set.
    ConflictError
        If it was not distilled, or by a version with other settings.
    """
    if not (folder / STORE).exists():
        raise NotFoundError(f"{folder}: expected a distilled set to extend, found none; distill it without --extend")
    record = read_record(folder)
    if record.stage != "distill" or not DistillSpec.model_fields.keys() <= record.spec["distill"].keys():
        raise ConflictError(
            f"{record.output.name!r} was not produced by this version of `foundational distill`; distill it again"
        )
    return record


def _stored_state(folder: Path, run: dict[str, Any], pool: xr.Dataset) -> Selection:
    """The state whose result is the stored set in ``folder``, which was selected from ``pool``."""
    record = _stored_record(folder)
    before = identity(record.spec, record.inputs[0].fingerprint, record.seed)
    require_same(before, run, str(folder), "extend it with the settings of its provenance.json")
    return selection_of(open_store(folder / STORE), pool, record.details["rounds"], str(folder))


def _write_rounds(path: Path, rounds: list[dict[str, object]]) -> None:
    columns = list(rounds[0]) if rounds else ["round", "frames", "median_uncertainty_meV"]
    lines = [
        ",".join(columns),
        *(",".join("" if line[c] is None else str(line[c]) for c in columns) for line in rounds),
    ]
    write_whole(path, ["\n".join([*lines, ""]).encode()])
