"""A holdout of an alloy: labelled frames of NPT runs of its solids and liquids, stored like a released set."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from foundational.data.configurations import concatenate
from foundational.data.conversion import to_dataset
from foundational.engines.lammps.potentials import ResolvedPotential
from foundational.evaluation.alloys.frames import sample_alloy_frames
from foundational.evaluation.alloys.reference import AlloyReference
from foundational.progress import Progress
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
    batch = concatenate([run.configurations for run in found])
    walker = np.repeat(np.arange(len(found), dtype=np.int32), [len(run.configurations) for run in found])
    elements = sorted(reference.elements)
    attributes = {"element": "".join(elements), "labeller": reference.labeller.id}
    dataset = to_dataset(batch, attrs=attributes, walker=walker)
    details = [
        {"phase": run.phase, "temperature_K": run.temperature, "frames": len(run.configurations)} for run in found
    ]
    return AlloyHoldout(dataset, {"runs": details})
