"""A holdout of an alloy or a metal: labelled frames of NPT runs of solids and liquids, stored like a released set."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from foundational.data.configurations import concatenate
from foundational.data.conversion import to_dataset
from foundational.data.labeller import Labeller
from foundational.engines.crystals.references import reference_crystals
from foundational.engines.lammps.potentials import ResolvedPotential
from foundational.engines.lammps.test_frames import npt_frames
from foundational.evaluation.alloys.frames import LabelledRun, sample_alloy_frames
from foundational.evaluation.alloys.reference import AlloyReference
from foundational.progress import Progress
from foundational.science.crystals import build_crystal
from foundational.specs.compounds import AlloyTestSpec
from foundational.specs.translate import NptTestSpec


@dataclass(frozen=True)
class AlloyHoldout:
    """The frames, and what tells their runs apart."""

    dataset: xr.Dataset
    """The variable ``walker`` is the number of the run."""
    details: dict[str, Any]
    """For the record: phase, temperature and number of frames of each run."""


def alloy_holdout(
    potential: ResolvedPotential,
    reference: AlloyReference,
    spec: AlloyTestSpec,
    runs: NptTestSpec,
    seed: int,
    *,
    progress: Progress | None = None,
) -> AlloyHoldout:
    """Run solids and liquids of the elements of ``reference`` and label their frames.

    Raises
    ------
    EngineError
        If the crystals of a composition do not melt, or a run fails.
    """
    found = sample_alloy_frames(potential, reference, spec, runs, seed, progress=progress)
    return _stored(found, sorted(reference.elements), reference.labeller.id)


def metal_holdout(
    potential: ResolvedPotential, labeller: Labeller, element: str, runs: NptTestSpec, seed: int
) -> AlloyHoldout:
    """Run the ground state of ``element`` and its melt, and label their frames; HCP is possible too.

    Raises
    ------
    EngineError
        If the crystal does not melt, or a run fails.
    """
    reference = reference_crystals(labeller, element)
    structure = reference.ground_state
    crystal = build_crystal(structure, reference.ground_volume, runs.cells[structure])
    frames = npt_frames(potential, element, crystal, reference.cohesive_energy(structure), runs, seed)
    found = [
        LabelledRun(phase, batch.with_labels(labeller.label(batch)), share * frames.limit)
        for phase, batch, share in (("solid", frames.solid, runs.solid), ("liquid", frames.liquid, runs.liquid))
    ]
    return _stored(found, [element], labeller.id)


def _stored(found: list[LabelledRun], elements: list[str], labeller: str) -> AlloyHoldout:
    batch = concatenate([run.configurations for run in found])
    walker = np.repeat(np.arange(len(found), dtype=np.int32), [len(run.configurations) for run in found])
    attributes = {"element": "".join(elements), "labeller": labeller}
    dataset = to_dataset(batch, attrs=attributes, walker=walker)
    details = [
        {"phase": run.phase, "temperature_K": run.temperature, "frames": len(run.configurations)} for run in found
    ]
    return AlloyHoldout(dataset, {"runs": details})
