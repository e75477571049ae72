"""Relabelling: the configurations of a set with labels of another method."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import xarray as xr

from foundational.data.batches import unlabelled
from foundational.labelling.candidates import UNCHANGED, Excluded, label_candidates
from foundational.labelling.session import LabellingSession
from foundational.science.crystals import Structure
from foundational.stages.translate.transformation import VARIABLE, add_transformed_copies, transformed_counts


@dataclass(frozen=True)
class RelabelPlan:
    """What decides a relabelled set, beside the parent and the labeller."""

    maximum_energy: float
    """eV per atom above the lowest of the set; configurations beyond are excluded."""
    crystals: Sequence[Structure]
    """Crystals of transformed copies; may be empty."""
    majority: float
    """Share of the atoms with the local structure of a crystal, above which a configuration is called crystalline."""


@dataclass(frozen=True)
class RelabelledSet:
    """A relabelled set, ready to be stored."""

    dataset: xr.Dataset
    excluded: tuple[Excluded, ...]

    def details(self) -> dict[str, Any]:
        """What the record states, under its keys."""
        return {
            "filtered": [asdict(entry) for entry in self.excluded],
            "turned": transformed_counts(self.dataset),
        }


def relabel(plan: RelabelPlan, parent: xr.Dataset, session: LabellingSession) -> RelabelledSet:
    """The same configurations with other labels, and their transformed copies, as `translate` adds them.

    The volume per atom of the parent is kept, and with it the lengths of ANI settings.

    Raises
    ------
    EngineError
        If no configuration is left.
    """
    configurations = unlabelled(parent)
    candidates = add_transformed_copies(configurations, parent, plan.crystals, plan.majority)
    candidates = replace(
        candidates,
        carried=(*candidates.carried, *UNCHANGED),
        columns=candidates.columns if candidates.columns[VARIABLE].any() else {},
    )
    labelled = label_candidates(candidates, str(parent.attrs["element"]), session, plan.maximum_energy)
    kept = {name: parent.attrs[name] for name in ("volume_per_atom",) if name in parent.attrs}
    return RelabelledSet(labelled.dataset.assign_attrs(**kept), labelled.excluded)
