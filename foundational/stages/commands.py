"""What each command of the pipeline does to a project: find the inputs, run the stage, store what it makes."""

import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from importlib.metadata import version
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import get_args

import xarray as xr

from foundational.data.store import open_store
from foundational.engines.labeller import LammpsLabeller
from foundational.engines.potentials import ResolvedPotential, potential_for, resolve_potential
from foundational.engines.references import ReferenceCrystals, reference_crystals
from foundational.errors import ConflictError, InputError, NotFoundError, did_you_mean
from foundational.project import STORE, dataset_folder, find_dataset
from foundational.provenance.record import LabellerRecord, ProvenanceRecord, read_record, write_json
from foundational.science.scaling import length_ratio
from foundational.seeds import derive
from foundational.specs.params import Params, read_params
from foundational.specs.translation import Rule
from foundational.stages.distill import distill
from foundational.stages.holdout import holdout
from foundational.stages.pools import BIAS, MANIFEST, PoolManifest, open_pool, write_manifest
from foundational.stages.runner import Made, produce
from foundational.stages.sample import sample
from foundational.stages.translate import translate
from foundational.stages.validate import ValidationReport, validate

Progress = Callable[[int, int, str], None]


def _params(root: Path) -> Params:
    return read_params(root / "params.yaml")


def lammps_record(potential: ResolvedPotential) -> LabellerRecord:
    """A reference potential as a record names it."""
    return LabellerRecord(
        id=LammpsLabeller(potential).id,
        version=f"lammps {version('lammps')}",
        sha256=potential.spec.sha256,
        parameters={"pair_style": potential.spec.pair_style},
    )


def potential_of(root: Path, record: ProvenanceRecord) -> ResolvedPotential:
    """The registry's potential that labelled a dataset.

    Raises
    ------
    NotFoundError
        where its labels are not from a potential of the registry.
    """
    kind, _, name = record.labeller.id.partition(":")
    if kind != "lammps":
        raise NotFoundError(
            f"{record.output.name!r} was labelled by {record.labeller.id}, which is not in the registry"
        )
    return resolve_potential(name, root)


def ground_volume(reference: ReferenceCrystals) -> float:
    """Å³ per atom of the reference's ground state; datasets carry it, and the lengths of ANI settings follow it."""
    return reference.isotropic[reference.ground_state].volume_per_atom


def sample_pool(
    root: Path, name: str, *, workers: int = 1, force: bool = False, progress: Progress | None = None
) -> PoolManifest:
    """Sample the pool ``name`` of params.yaml; an interrupted run goes on where it was.

    Raises
    ------
    ConflictError
        where the pool is whole already, or was begun with other parameters.
    """
    params = _params(root)
    if name not in params.sample.pools:
        raise NotFoundError(f"no pool {name!r} in params.yaml; {did_you_mean(name, params.sample.pools)}")
    spec = params.sample.pools[name]
    folder = dataset_folder(root, f"pools/{name}")
    if (folder / MANIFEST).exists() and not force:
        raise ConflictError(f"the pool {name!r} is there already, with its manifest; sample it anew with --force")
    potential = potential_for(spec.element, root, spec.potential)
    workdir = root / "build" / "work" / f"sample-{name}"
    labeller = lammps_record(potential)

    def build() -> Made:
        seed = derive(params.seed, "sample", name)
        with process_pool(workers) as executor:
            made = sample(params.sample.settings, spec, potential, seed, workdir, executor=executor, progress=progress)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(workdir / "run.npz", folder / BIAS)
        volume = ground_volume(reference_crystals(potential, spec.element))
        dataset = made.dataset.assign_attrs(volume_per_atom=volume)
        if made.resumed and progress is not None:
            progress(spec.frames, spec.frames, "resumed an interrupted run")
        return Made(dataset, spec.element, labeller, made.details, {"resumed": made.resumed})

    stored = {"settings": params.sample.settings.model_dump(mode="json"), "pool": spec.model_dump(mode="json")}
    record = produce(root, f"pools/{name}", "sample", stored, params.seed, (), build, force=True)
    manifest = write_manifest(root, name, record)
    shutil.rmtree(workdir)
    return manifest


def store_holdout(root: Path, name: str, *, force: bool = False) -> ProvenanceRecord:
    """Store the holdout ``name`` of params.yaml."""
    params = _params(root)
    if name not in params.holdout:
        raise NotFoundError(f"no holdout {name!r} in params.yaml; {did_you_mean(name, params.holdout)}")
    spec = params.holdout[name]
    pool, parent = open_pool(root, spec.pool)

    def build() -> Made:
        return Made(holdout(spec, pool), parent.element, parent.labeller)

    return produce(root, name, "holdout", spec.model_dump(mode="json"), params.seed, (parent,), build, force=force)


def distill_pool(root: Path, name: str, *, force: bool = False, progress: Progress | None = None) -> ProvenanceRecord:
    """Distill the set ``name`` of params.yaml; an interrupted run goes on after its last round."""
    params = _params(root)
    if name not in params.distill:
        raise NotFoundError(f"no distilled set {name!r} in params.yaml; {did_you_mean(name, params.distill)}")
    spec = params.distill[name]
    pool, parent = open_pool(root, spec.pool)
    checkpoint = root / "build" / "work" / f"distill-{name}.npz"

    def build() -> Made:
        ani = params.ani.scaled("recipe", float(pool.attrs["volume_per_atom"]))
        made = distill(spec, ani, pool, params.seed, checkpoint=checkpoint, progress=progress)
        rounds = [asdict(line) for line in made.rounds]
        _write_rounds(root / "metrics" / "distill" / f"{name}.csv", rounds)
        run = {"resumed_after_round": made.resumed_after}
        return Made(made.dataset, parent.element, parent.labeller, {"rounds": rounds}, run)

    stored = {"distill": spec.model_dump(mode="json"), "ani": params.ani.recipe.model_dump(mode="json")}
    record = produce(root, name, "distill", stored, params.seed, (parent,), build, force=force)
    checkpoint.unlink(missing_ok=True)
    return record


def _write_rounds(path: Path, rounds: list[dict[str, object]]) -> None:
    from foundational.data.atomic import write_whole  # noqa: PLC0415

    columns = list(rounds[0]) if rounds else ["round", "frames", "median_uncertainty_meV"]
    lines = [",".join(columns), *(",".join(str(line[c]) for c in columns) for line in rounds)]
    write_whole(path, ["\n".join([*lines, ""]).encode()])


def translate_dataset(
    root: Path,
    parent_name: str,
    element: str,
    *,
    name: str | None = None,
    potential_id: str | None = None,
    rule: str | None = None,
    workers: int = 1,
    force: bool = False,
    progress: Progress | None = None,
) -> ProvenanceRecord:
    """Translate ``parent_name`` to ``element`` and store it, as ``local/<element>`` where no name is given.

    A name without ``local/`` is for the translations of params.yaml, which then decides the rule and the potential.

    Raises
    ------
    InputError
        where the parent is of that element already, the rule is unknown, or the name is not the user's to give.
    NotFoundError
        where there is no such dataset, element or potential.
    ConflictError
        where the dataset exists.
    """
    params = _params(root)
    folder = find_dataset(root, parent_name)
    parent, parent_record = open_store(folder / STORE), read_record(folder)
    if element == parent_record.element:
        raise InputError(f"{parent_name!r} is {element} already; expected another element")
    name = f"local/{element.lower()}" if name is None else name
    if not name.startswith("local/"):
        planned = params.translate.sets.get(name)
        if planned is None or (planned.parent, planned.element) != (parent_name, element):
            raise InputError(
                f"the name {name!r} is not that of a translation of {parent_name!r} to {element} in params.yaml; "
                f"your own datasets are called local/<name>"
            )
        rule, potential_id = planned.rule, planned.potential
    rule = params.translate.default_rule if rule is None else rule
    if rule not in get_args(Rule):
        raise InputError(f"expected a rule among {', '.join(get_args(Rule))}, got {rule!r}")
    potential = potential_for(element, root, potential_id)

    def build() -> Made:
        here = reference_crystals(potential_of(root, parent_record), parent_record.element)
        there = reference_crystals(potential, element)
        scale = length_ratio(rule, here.isotropic, there.isotropic)  # type: ignore[arg-type]  # checked above
        with process_pool(workers) as executor:
            made = translate(
                parent,
                element,
                scale,
                params.translate.guard,
                LammpsLabeller(potential),
                executor=executor,
                progress=progress,
            )
        labeller = lammps_record(potential)
        details = {
            "scale": scale,
            "rule": rule,
            "ground_states": {parent_record.element: here.ground_state, element: there.ground_state},
            "filtered": list(made.filtered),
        }
        dataset = made.dataset.assign_attrs(volume_per_atom=ground_volume(there))
        return Made(dataset, element, labeller, details)

    spec = {"rule": rule, "potential": potential.id, "guard": params.translate.guard.model_dump(mode="json")}
    return produce(root, name, "translate", spec, params.seed, (parent_record,), build, force=force)


def process_pool(workers: int) -> ProcessPoolExecutor:
    """Worker processes that start clean (spawn: a forked child must not inherit LAMMPS or OpenMP threads)."""
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_die_with_parent)


def _die_with_parent() -> None:
    """A worker whose parent was killed ends too; the executor alone would leave it waiting for work for ever."""

    def watch() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def validate_dataset(
    root: Path, name: str, *, seeds: int | None = None, write: bool = False, progress: Progress | None = None
) -> ValidationReport:
    """Validate the dataset ``name`` from its stored bytes; ``write`` keeps the report as a DVC metric."""
    params = _params(root)
    spec = params.validate_
    if seeds is not None:
        spec = spec.model_copy(update={"seeds": seeds})
    folder = find_dataset(root, name)
    dataset, record = open_store(folder / STORE), read_record(folder)
    reference = reference_crystals(potential_of(root, record), record.element, rattle=spec.rattle, seed=params.seed)
    tested = _holdout_for(root, params, name, record)
    report = validate(
        name,
        dataset,
        None if tested is None else tested[1],
        None if tested is None else tested[0],
        reference,
        spec,
        params.ani.scaled(spec.training, float(dataset.attrs["volume_per_atom"])),
        params.seed,
        progress=progress,
    )
    if write:
        write_json(root / "metrics" / "validate" / f"{name}.json", report.model_dump(mode="json"))
    return report


def _holdout_for(root: Path, params: Params, name: str, record: ProvenanceRecord) -> tuple[str, xr.Dataset] | None:
    """The holdout that params.yaml names for a dataset, or any of the same element and labeller."""
    planned = params.validate_.datasets.get(name)
    candidates = list(params.holdout) if planned is None else [planned.holdout] if planned.holdout else []
    for candidate in candidates:
        folder = dataset_folder(root, candidate)
        if not (folder / STORE).exists():
            if planned is not None:
                raise ConflictError(
                    f"{name!r} is to be tested on {candidate!r}, which is not here; "
                    f"fetch it with: dvc pull datasets/{candidate}/{STORE}"
                )
            continue
        other = read_record(folder)
        if (other.element, other.labeller.id) == (record.element, record.labeller.id):
            return candidate, open_store(folder / STORE)
    return None
