"""``foundational sample``: a pool of params.yaml or of any element, new, resumed, extended, or under another's bias."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from foundational.data.atomic_write import remove_leftovers, remove_whole, whole_folder, write_whole
from foundational.data.integrity.storing import exclusive
from foundational.data.store import write_dataset
from foundational.engines.crystals.references import ReferenceCrystals, reference_crystals
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import ResolvedPotential, potential_for
from foundational.engines.momt.melting import Melting, find_melting
from foundational.engines.momt.saved_run import run_to_bytes
from foundational.errors import InputError, NotFoundError, did_you_mean
from foundational.execution.tasks import HERE, Execution
from foundational.labelling.records import labeller_record
from foundational.progress import Progress, stage
from foundational.project import POOLS, STORE, pool_folder, refuse_case_twin
from foundational.provenance.record import ProvenanceRecord, write_record
from foundational.provenance.runlog import logged_run
from foundational.science.crystals import build_crystal
from foundational.seeds import derive
from foundational.specs.params import Params, read_params
from foundational.specs.parsing import parse, parse_json
from foundational.specs.sample import MomtPool, PoolSpec
from foundational.stages.sample.element import (
    TEMPERATURES,
    check_options,
    choose_pool,
    heated_system,
    with_temperatures,
)
from foundational.stages.sample.stage import RoundReport, SamplingTask, sample
from foundational.workspace.continued_pools import bias_source, stored_pool, stored_specification
from foundational.workspace.pools import BIAS, LOCAL, PoolManifest, read_run, write_manifest
from foundational.workspace.run_folder import RunFolder, work_folder
from foundational.workspace.runner import StageOutput, record_of


@dataclass(frozen=True)
class StoredSample:
    """What sampling stored, and where it started."""

    name: str
    manifest: PoolManifest
    resumed: bool
    """Whether an interrupted run was continued."""
    stored_frames: int
    """Frames of a shorter pool from which the run continued."""


@dataclass(frozen=True)
class _Options:
    """What the user may choose of every pool; see `sample_pool`."""

    bias_from: str | None
    execution: Execution
    force: bool
    progress: Progress | None


@dataclass(frozen=True)
class _Plan:
    """A pool that is to be sampled and stored."""

    root: Path
    params: Params
    name: str
    spec: PoolSpec
    potential: ResolvedPotential
    details: dict[str, Any] = field(default_factory=dict)
    """For the record, beside those of the run."""


def sample_pool(
    root: Path,
    name: str,
    *,
    frames: int | None = None,
    bias_from: str | None = None,
    execution: Execution = HERE,
    force: bool = False,
    progress: Progress | None = None,
) -> StoredSample:
    """Sample the pool ``name`` of params.yaml; an interrupted run is continued, a shorter pool is extended.

    Parameters
    ----------
    root
        The project's folder.
    name
        A pool of params.yaml.
    frames
        Frames in total, in place of those of params.yaml.
    bias_from
        A pool of the same crystal whose bias is used, instead of learning one.
    execution
        Where walkers run and frames are labelled.
    force
        Replace a pool that is stored.
    progress
        Called with (rounds done, rounds in all, message).

    Raises
    ------
    NotFoundError
        If params.yaml has no such pool.
    ConflictError
        If the pool is complete, or was started with another specification.
    EngineError
        If the system does not do what the specification expects.
    """
    params = read_params(root / "params.yaml")
    if name not in params.sample.pools:
        raise NotFoundError(f"no pool {name!r} in params.yaml; {did_you_mean(name, params.sample.pools)}")
    spec = params.sample.pools[name]
    if frames is not None:
        spec = spec.model_copy(update={"frames": frames})
    potential = potential_for(spec.element, root, spec.potential)
    return _store(_Plan(root, params, name, spec, potential), _Options(bias_from, execution, force, progress))


def sample_element(
    root: Path,
    element: str,
    given: dict[str, Any],
    *,
    name: str | None = None,
    bias_from: str | None = None,
    execution: Execution = HERE,
    force: bool = False,
    progress: Progress | None = None,
) -> StoredSample:
    """Sample a MOMT pool of ``element`` that params.yaml does not name, as ``local-<element>-momt-<atoms>``.

    Parameters
    ----------
    root
        The project's folder.
    element
        Symbol of a metal of the registry.
    given
        Some of `MomtPool`'s keys. Missing ones: the registry's potential, its ground state, and ``sample.element`` of
        params.yaml. Missing temperatures are those of the pool of this name if there is one, stored or started;
        otherwise they follow from heating the crystal until it melts.
    name
        Another name for the pool; it starts with ``local-``.
    bias_from, execution, force, progress
        As for `sample_pool`.

    Raises
    ------
    InputError
        If there is no order parameter for the crystal, the supercell is too small or too large, the temperatures do not
        ascend, or the name is not free to choose.
    ConflictError
        If the pool is complete, or was started with another specification.
    EngineError
        If the crystal does not melt as expected, or the system does not do what the specification expects.
    """
    options = _Options(bias_from, execution, force, progress)
    check_options(given)
    params = read_params(root / "params.yaml")
    potential = potential_for(element, root, given.get("potential"))
    reference = reference_crystals(LammpsLabeller(potential), element)
    defaults = params.sample.element
    crystal = choose_pool(given, {}, defaults, potential, reference)
    n_atoms = len(build_crystal(crystal["structure"], 1.0, (crystal["supercell"],) * 3))
    name = f"{LOCAL}{element.lower()}-momt-{n_atoms}" if name is None else name
    if not name.startswith(LOCAL):
        raise InputError(
            f"expected a name that starts with {LOCAL}, for a pool that params.yaml does not name; got {name!r}"
        )
    stored = {} if options.force else stored_specification(root, name)
    chosen = choose_pool(given, stored, defaults, potential, reference)
    kept = work_folder(root, name) / "melting-{structure}-{supercell}-{potential}.json".format(**chosen)
    if not all(key in chosen for key in TEMPERATURES):
        melting = _melting(kept, params, name, chosen, reference, potential, options, root)
        chosen = with_temperatures(chosen, melting, defaults)
    details = {}
    if kept.exists():
        details["melting"] = parse_json(kept.read_bytes(), str(kept))
    elif "melting" in stored:
        details["melting"] = stored["melting"]
    spec = parse(MomtPool, chosen, "the command's options")
    return _store(_Plan(root, params, name, spec, potential, details), options)


def _melting(
    kept: Path,
    params: Params,
    name: str,
    chosen: dict[str, Any],
    reference: ReferenceCrystals,
    potential: ResolvedPotential,
    options: _Options,
    root: Path,
) -> Melting:
    """What heating finds; it is kept in a file until the record is written, so that a search can be continued."""
    if (heating := stage(options.progress, "heating", "the window of enthalpy")) is not None:
        heating(0, 1, "until the crystal melts")

    def keep(limits: tuple[float, ...], **more: float) -> None:
        write_whole(kept, [json.dumps({"superheating_K": limits} | more).encode()])

    limits = parse_json(kept.read_bytes(), str(kept))["superheating_K"] if kept.exists() else ()
    system = heated_system(chosen, params.sample.settings, potential)
    with options.execution.tasks(root / "build", f"sample-{name}") as tasks:
        melting = find_melting(
            system,
            reference.cohesive_energy(chosen["structure"]),
            params.sample.element,
            derive(params.seed, "melting", name),
            tasks.executor,
            limits=tuple(limits),
            on_limit=keep,
        )
    if isfinite(melting.hottest):
        keep(melting.limits, hottest_liquid_K=melting.hottest)
    return melting


def _store(plan: _Plan, options: _Options) -> StoredSample:
    """Sample a pool and store it, whole or not at all."""
    root, name, params, spec, potential = plan.root, plan.name, plan.params, plan.spec, plan.potential
    labeller = LammpsLabeller(potential)
    run, parents = bias_source(root, options.bias_from, spec, potential)
    task = SamplingTask(
        settings=params.sample.settings,
        pool=spec,
        potential=potential,
        seed=derive(params.seed, "sample", name),
        volume_per_atom=reference_crystals(labeller, spec.element).ground_volume,
        bias_source=run,
    )
    refuse_case_twin(root, POOLS + name)
    keeper = RunFolder(work_folder(root, name))
    with exclusive(root, POOLS + name):
        _remove_finished(root, name, keeper)
        stored = None if options.force else stored_pool(root, name, task.specification, spec.frames)
        with logged_run(root, "sample", POOLS + name) as log:
            with options.execution.tasks(root / "build", f"sample-{name}") as tasks:
                result = sample(
                    task,
                    keeper,
                    stored=stored,
                    executor=tasks.executor,
                    on_round=_timed(options.progress),
                    progress=options.progress,
                )
            details = result.run.details | plan.details
            output = StageOutput(result.dataset, spec.element, labeller_record(labeller, spec.element), details)
            record = _record(plan, parents, output)
            with whole_folder(pool_folder(root, name), replace=True) as partial:
                write_dataset(result.dataset, partial / STORE)
                write_whole(partial / BIAS, [run_to_bytes(result.run, result.surplus)])
                write_record(partial, record)
                manifest = write_manifest(partial, record)
            count = record.output.n_configurations
            log |= {"configurations": count, "resumed": result.resumed, "stored_frames": result.stored_frames}
        remove_whole(keeper.folder)
    return StoredSample(name, manifest, result.resumed, result.stored_frames)


def _remove_finished(root: Path, name: str, keeper: RunFolder) -> None:
    """Remove what is left of a run that was killed after its pool was stored."""
    for folder in (keeper.folder, pool_folder(root, name)):
        remove_leftovers(folder)
    if keeper.folder.is_dir() and (pool_folder(root, name) / BIAS).is_file():
        run = keeper.load()
        if run is not None and run_to_bytes(run) == run_to_bytes(read_run(root, name)[0]):
            remove_whole(keeper.folder)


def _record(plan: _Plan, parents: tuple[ProvenanceRecord, ...], output: StageOutput) -> ProvenanceRecord:
    spec = {
        "settings": plan.params.sample.settings.model_dump(mode="json"),
        "pool": plan.spec.model_dump(mode="json"),
    }
    return record_of(POOLS + plan.name, "sample", spec, plan.params.seed, parents, output)


def _timed(progress: Progress | None) -> Callable[[RoundReport], None] | None:
    """A report of each round as a line, with the steps per second since the report before."""
    if (progress := stage(progress, "sampling", "labelling")) is None:
        return None
    last = time.perf_counter()

    def report(line: RoundReport) -> None:
        nonlocal last
        now = time.perf_counter()
        parts = ["learning" if line.learning else f"{line.frames:,} frames"]
        parts += [f"{line.steps / (now - last):,.0f} steps/s"] if line.steps else []
        parts += [f"{line.crossings} crossings", f"{line.visited:.0%} of the window visited"]
        progress(line.done, line.total, ", ".join(parts))
        last = now

    return report
