"""``foundational distill``: distill a set of params.yaml from its pool, or ``local/<name>`` from any labelled data."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Literal

import xarray as xr

from foundational.data.atomic_write import write_whole
from foundational.data.integrity.storing import settle_if_free
from foundational.data.layout import CONFIGURATION
from foundational.data.store import open_store
from foundational.defaults import DEFAULTS
from foundational.engines.crystals.references import reference_crystals
from foundational.errors import ConflictError, InputError, NotFoundError, did_you_mean
from foundational.execution.tasks import HERE, Execution, Tasks
from foundational.labelling.records import labeller_of
from foundational.labelling.session import LabellingChoice, labelling_session
from foundational.progress import Progress, stage
from foundational.project import POOLS, STORE, dataset_folder
from foundational.provenance.record import ProvenanceRecord, read_record
from foundational.seeds import derive
from foundational.source_files import digest_of, imported_modules
from foundational.specs.distill import DistillSpec
from foundational.specs.params import Params, read_params
from foundational.specs.parsing import parse
from foundational.specs.translate import RecipesSpec
from foundational.stages.augment.stage import augment
from foundational.stages.distill.candidates import fit, shortfall
from foundational.stages.distill.checkpoint import from_bytes, identity, require_same, selection_of, to_bytes
from foundational.stages.distill.joining import join
from foundational.stages.distill.stage import Selection, distill
from foundational.workspace.runner import StageOutput, produce
from foundational.workspace.sources import open_source

Existing = Literal["refuse", "replace", "extend"]


def distill_pool(
    root: Path,
    name: str,
    *,
    source: str | None = None,
    where: str | None = None,
    changes: dict[str, Any] | None = None,
    existing: Existing = "refuse",
    execution: Execution = HERE,
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
    existing
        What becomes of a stored set: it is refused, replaced, or continued (``extend``) and then replaced: more frames
        or rounds, all other settings as they were.
    execution
        Where candidates are scored and networks train.
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
    params, extend = read_params(root / "params.yaml"), existing == "extend"
    stated = {key: value for key, value in (changes or {}).items() if value is not None}
    base = _base(params, name, source, stated)
    if where is not None and source is None:
        raise InputError("--where: expected --from with it, the data to choose from")
    data = open_source(root, POOLS + base["pool"] if source is None else source, where=where)
    pool, parent = data.dataset, data.record
    notes: tuple[str, ...] = ()
    if extend and (base.get("also") or base.get("recipes")):
        raise InputError(f"expected a set from one pool to extend, got {name!r} of several pools or with recipes")
    if source is None:
        spec = parse(DistillSpec, base, f"the settings of {name!r}")
    else:
        if extend:  # all that may not change is as it was
            base = _stored_record(root, name).spec["distill"]
            stated = {"survivors": None} | base | stated
        fitted = fit(base, stated, pool, f"the settings of {name!r}")
        spec, pool, notes = fitted.spec, fitted.pool, fitted.notes
    also = spec.also or {}
    further = {pool_name: open_source(root, POOLS + pool_name) for pool_name in also}
    settings = {"distill": spec.model_dump(mode="json"), "ani": params.ani.recipe.model_dump(mode="json")}
    run = identity(settings, parent.output.fingerprint, params.seed)
    checkpoint = root / "build" / "work" / f"distill-{name.replace('/', '--')}.npz"
    finished = checkpoint.with_suffix(".done.npz")

    def build(tasks: Tasks) -> StageOutput:
        ani = params.ani.scaled("recipe", float(pool.attrs["volume_per_atom"]))
        previous = load_state(checkpoint, run) or _finished_state(finished, run)
        if extend:
            previous = _stored_state(root, name, run, pool)
        result = distill(
            spec,
            ani,
            pool,
            params.seed,
            previous=previous,
            save=lambda state: save_state(checkpoint, run, state),
            tasks=tasks,
            progress=progress,
        )
        rounds = [asdict(line) for line in result.rounds]
        dataset, details = result.dataset, dict[str, Any](rounds=rounds)
        if further:
            others = {
                n: distill(spec.of_pool(n, k), ani, further[n].dataset, params.seed, tasks=tasks)
                for n, k in also.items()
            }
            dataset = join([dataset, *(other.dataset for other in others.values())])
            details["also"] = {n: [asdict(line) for line in other.rounds] for n, other in others.items()}
        work_files: tuple[str, ...] = ()
        if spec.recipes is not None:
            dataset, details["recipes"], work_files = _with_recipes(
                root, name, spec.recipes, dataset, parent, params.seed, progress
            )
        if not name.startswith("local/"):  # metrics of the pipeline; the record of every set has the rounds too
            _write_rounds(root / "metrics" / "distill" / f"{name}.csv", rounds)
        sentences = [*notes, *result.notes, *shortfall(spec, result.dataset.sizes[CONFIGURATION])]
        details |= {"notes": sentences} if source is not None and sentences else {}
        resumed = {"resumed": result.resumed_after}
        if checkpoint.exists():  # the set is stored next; a run that is killed before that continues from here
            checkpoint.replace(finished)
        return StageOutput(dataset, parent.element, parent.labeller, details, resumed, work_files)

    parents = (parent, *(pool.record for pool in further.values()))
    with execution.tasks(root / "build", f"distill-{name}") as tasks:
        return produce(
            root, name, "distill", settings, params.seed, parents, partial(build, tasks), force=existing != "refuse"
        )


def _with_recipes(
    root: Path,
    name: str,
    spec: RecipesSpec,
    dataset: xr.Dataset,
    parent: ProvenanceRecord,
    seed: int,
    progress: Progress | None,
) -> tuple[xr.Dataset, dict[str, Any], tuple[str, ...]]:
    """``dataset`` with configurations of recipes, their record, and the names of files for an interrupted run."""
    labeller = labeller_of(parent.labeller, root, None)
    journal = root / "build" / "work" / f"label-{name.replace('/', '--')}.jsonl"
    plan = LabellingChoice().plan(root / "build", stage(progress, "labelling of recipes", "storing"))
    with labelling_session(labeller, parent.element, plan, journal=journal) as session:
        reference = reference_crystals(labeller, parent.element, session=session)
        result = augment(spec, dataset, reference, session, derive(seed, "augment", name))
    return result.dataset, result.record(), (journal.name,)


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
    if local:
        plain = [spec for spec in named.values() if not spec.also and spec.recipes is None]  # as from one source
        first = (plain or list(named.values()))[0]
        base = first.model_copy(update={"also": None, "recipes": None}).model_dump(mode="json")
    else:
        base = params.distill[name].model_dump(mode="json")
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


def _stored_record(root: Path, name: str) -> ProvenanceRecord:
    """The record of the set ``name``, which is to be extended; what a killed run left of it is completed first.

    Raises
    ------
    NotFoundError
        If there is no set.
    ConflictError
        If it was not distilled, or by a version with other settings.
    """
    folder = dataset_folder(root, name)
    if folder.is_dir():
        settle_if_free(root, name, folder)
    if not (folder / STORE).exists():
        raise NotFoundError(f"{folder}: expected a distilled set to extend, found none; distill it without --extend")
    record = read_record(folder)
    needed = {name for name, field in DistillSpec.model_fields.items() if field.is_required()}
    if record.stage != "distill" or not needed <= record.spec["distill"].keys():
        raise ConflictError(
            f"{record.output.name!r} was not produced by this version of `foundational distill`; distill it again"
        )
    return record


def _stored_state(root: Path, name: str, run: dict[str, Any], pool: xr.Dataset) -> Selection:
    """The state whose result is the stored set ``name``, which was selected from ``pool``."""
    record, folder = _stored_record(root, name), dataset_folder(root, name)
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
