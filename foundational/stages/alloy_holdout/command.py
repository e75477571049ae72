"""``foundational survey holdout``: store test frames of an alloy of params.yaml."""

from pathlib import Path

from foundational.elements import symbols_in
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import NotFoundError, did_you_mean
from foundational.evaluation.alloys.reference import alloy_reference
from foundational.labelling.records import labeller_record
from foundational.progress import Progress
from foundational.provenance.record import ProvenanceRecord
from foundational.seeds import derive
from foundational.specs.params import read_params
from foundational.stages.alloy_holdout.stage import alloy_holdout, metal_holdout
from foundational.workspace.runner import StageOutput, produce


def store_alloy_holdout(
    root: Path, name: str, *, force: bool = False, progress: Progress | None = None
) -> ProvenanceRecord:
    """Run the alloy or metal ``name`` of ``compounds.holdouts`` in params.yaml and store its frames.

    Raises
    ------
    NotFoundError
        where params.yaml has no such holdout, or its potential is not there.
    InputError
        where the potential lacks an element.
    ConflictError
        where the holdout exists and ``force`` is false.
    """
    params = read_params(root / "params.yaml")
    if params.compounds is None or params.translate.metals is None:
        raise NotFoundError("params.yaml has no sections compounds and translate.metals, which say what is run")
    planned = params.compounds.holdouts
    if name not in planned:
        raise NotFoundError(f"no holdout {name!r} in compounds.holdouts of params.yaml; {did_you_mean(name, planned)}")
    spec, test, runs = planned[name], params.compounds.test, params.translate.metals.test
    elements = symbols_in(spec.elements)
    if len(elements) == 1:
        structures = dict.fromkeys(runs.cells, spec.cell) if spec.cell else runs.cells
        runs = runs.model_copy(update={"frames": spec.frames or test.frames, "cells": structures})
    joined = "".join(sorted(elements))
    potential = potential_for(joined, root, spec.potential)
    labeller = LammpsLabeller(potential)

    def build() -> StageOutput:
        seed = derive(params.seed, "holdout", name)
        if len(elements) == 1:
            made = metal_holdout(potential, labeller, joined, runs, seed)
        else:
            made = alloy_holdout(potential, alloy_reference(labeller, elements), test, runs, seed, progress=progress)
        return StageOutput(made.dataset, joined, labeller_record(labeller, joined), made.details)

    record = {
        **spec.model_dump(mode="json"),
        "test": test.model_dump(mode="json"),
        "runs": runs.model_dump(mode="json"),
    }
    return produce(root, name, "holdout", record, params.seed, (), build, force=force)
