"""Translation: scale a set to another metal, add transformed copies, label, filter (arXiv 2311.05407)."""

from dataclasses import asdict, dataclass
from typing import Any

import xarray as xr

from foundational.data.batches import unlabelled
from foundational.labelling.candidates import Excluded, label_candidates
from foundational.labelling.session import LabellingSession
from foundational.science.crystals import Structure
from foundational.specs.translate import GuardSpec, Rule
from foundational.stages.translate.length_scale import References, length_factor, scale_configurations
from foundational.stages.translate.refine import Augmentation, add_target_configurations
from foundational.stages.translate.transformation import add_transformed_copies, transformed_counts


@dataclass(frozen=True)
class TranslationPlan:
    """What decides a translation, beside the parent and the labeller."""

    element: str
    """The target."""
    rule: Rule
    """The length that is matched."""
    guard: GuardSpec
    crystals: tuple[Structure, ...]
    """Crystals of transformed copies; may be empty."""
    majority: float
    """Share of the atoms with the local structure of a crystal, above which a configuration is called crystalline."""

    def record(self, labeller: str) -> dict[str, Any]:
        """The plan with the id of the labeller, under the keys of provenance.json."""
        return {
            "rule": self.rule,
            "crystals": list(self.crystals),
            "labeller": labeller,
            "guard": self.guard.model_dump(mode="json"),
        }


@dataclass(frozen=True)
class TranslationDetails:
    """What a translation found out, as its record states it."""

    scale: float
    """Length of the target over that of the parent."""
    rule: Rule
    ground_states: dict[str, str]
    """Structure of lowest energy, by element."""
    transformed: dict[str, int]
    """Transformed copies in the set, by crystal."""
    excluded: tuple[Excluded, ...]
    added: int | None = None
    """Configurations of the target that were added; None where none were asked for."""

    def record(self) -> dict[str, Any]:
        """The details under the keys of provenance.json."""
        content: dict[str, Any] = {
            "scale": self.scale,
            "rule": self.rule,
            "ground_states": self.ground_states,
            "turned": self.transformed,
            "filtered": [asdict(entry) for entry in self.excluded],
        }
        return content if self.added is None else content | {"refined": self.added}


@dataclass(frozen=True)
class Translation:
    """A translated set, ready to be stored."""

    dataset: xr.Dataset
    details: TranslationDetails


def translate(
    plan: TranslationPlan,
    parent: xr.Dataset,
    references: References,
    session: LabellingSession,
    augmentation: Augmentation | None = None,
) -> Translation:
    """Translate ``parent`` to the element of ``plan``.

    Parameters
    ----------
    references
        Relaxed crystals of both metals.
    session
        Labels configurations of the target.
    augmentation
        Configurations of the target to add.

    Raises
    ------
    InputError
        If the rule needs a cohesive energy that is unknown, or the pool is of another element.
    EngineError
        If no length fits the rule, or no configuration is left.
    """
    factor = length_factor(plan.rule, parent, references, session)
    scaled = scale_configurations(unlabelled(parent), factor, plan.element)
    candidates = add_transformed_copies(scaled, parent, plan.crystals, plan.majority)
    labelled = label_candidates(
        candidates,
        plan.element,
        session,
        plan.guard.maximum_energy,
        minimum_distance=factor * plan.guard.minimum_distance,
        minimum_volume=_smallest(plan.guard, references),
    )
    dataset = labelled.dataset.assign_attrs(volume_per_atom=references.target.ground_volume)
    excluded, added = labelled.excluded, None
    if augmentation is not None:
        augmented = add_target_configurations(dataset, augmentation, session)
        dataset, added = augmented.dataset, augmented.added
        excluded = (*excluded, *augmented.excluded)
    details = TranslationDetails(
        scale=factor,
        rule=plan.rule,
        ground_states={r.element: r.ground_state for r in (references.parent, references.target)},
        transformed=transformed_counts(dataset),
        excluded=excluded,
        added=added,
    )
    return Translation(dataset, details)


def _smallest(guard: GuardSpec, references: References) -> float | None:
    """Å³ an atom, the least volume of the target's configurations."""
    return None if guard.minimum_volume is None else guard.minimum_volume * references.target.ground_volume
