"""What distillation does: the section ``distill`` of params.yaml."""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from foundational.specs.base import Count, EnergyPerAtom, Fraction, Spec
from foundational.specs.translate import RecipesSpec

Method = Literal["active", "diverse", "informative", "random", "random-and-optimal", "farthest-point", "grid", "quests"]


class DistillSpec(Spec):
    """How one distilled set is chosen from a pool (arXiv 2311.05407, Methods)."""

    pool: str
    """The pool to choose from."""
    method: Method
    """How a round chooses; see foundational/stages/distill/methods.py."""
    frames: Count
    """Configurations to keep in all: the budget."""
    initial: Count
    """Configurations chosen before the first round."""
    initial_method: Literal["random", "farthest-point"]
    """How those are chosen."""
    rounds: Count
    """Rounds of training and choosing, at most."""
    growth: Annotated[float, Field(gt=1)]
    """After round k there are at most initial · growth^k configurations, and never more than ``frames``."""
    heldout: Annotated[int, Field(ge=0)]
    """Configurations of the pool, at random, that are never chosen and on which each round is tested."""
    target: EnergyPerAtom | None
    """Stop where the mean absolute error on those has come down to this, eV/atom; null: continue to the budget."""
    members: int = Field(ge=2)
    """Networks in the ensemble whose disagreement is the uncertainty."""
    training_fraction: Fraction
    """Share of the set on which each member trains; each draws its own."""
    threshold: EnergyPerAtom | None = Field(ge=0)
    """Only configurations with an atom of larger uncertainty are chosen, eV; null: fill the budget of the round."""
    chunk: Count | None
    """Candidates of a round, the next of a shuffled pool; null: all that is left of the pool."""
    survivors: Count | None = Field(default=None, exclude_if=lambda value: value is None)
    """About how many candidates a first pass over the shards of the pool leaves for the rounds; null: all."""
    separation: int = Field(ge=0)
    """Least distance along its walker's trajectory between two picks of one round, MD steps; 0: no rule."""
    epochs: Count
    """Training epochs of a round."""
    least_steps: Count | None
    """Small sets are gone through more often, until at least so many steps are made; null: no more often."""
    validation_fraction: Fraction
    """Share of the finished set that is recorded as validation split."""
    split_block: Count
    """MD steps of one walker that stay on the same side of the split."""
    also: dict[str, Count] | None = Field(default=None, exclude_if=lambda value: not value)
    """Further pools, and how many configurations are chosen from each by the same method; they follow the others."""
    recipes: RecipesSpec | None = Field(default=None, exclude_if=lambda value: value is None)
    """Configurations of named recipes, which follow these; see foundational/stages/augment/recipes.py."""

    @model_validator(mode="after")
    def _consistent(self) -> "DistillSpec":
        if self.initial > self.frames:
            raise ValueError(f"expected initial ≤ frames, got initial {self.initial} and frames {self.frames}")
        if self.target is not None and not self.heldout:
            raise ValueError("expected heldout > 0 where there is a target, which is tested on them")
        return self

    def of_pool(self, name: str, frames: int) -> "DistillSpec":
        """The settings by which ``frames`` configurations of the further pool ``name`` are chosen; none is held out.

        There are as many rounds as this budget needs.
        """
        initial = min(self.initial, max(1, frames // 10))
        rounds = max(self.rounds, math.ceil(math.log(frames / initial) / math.log(self.growth)))
        changes = {"pool": name, "frames": frames, "heldout": 0, "target": None, "also": None, "recipes": None}
        return self.model_copy(update=changes | {"initial": initial, "rounds": rounds})

    def size_after(self, number: int) -> int:
        """The most configurations that there may be after round ``number``; round 0 is the initial set."""
        return min(self.frames, round(self.initial * self.growth**number))
