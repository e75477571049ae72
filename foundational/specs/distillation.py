"""What distillation does: the section ``distill`` of params.yaml."""

from typing import Literal

from pydantic import Field, model_validator

from foundational.specs.base import Count, EnergyPerAtom, Fraction, Spec


class DistillSpec(Spec):
    """How one distilled set is chosen from a pool (arXiv 2311.05407, Methods)."""

    pool: str
    """The pool to choose from."""
    method: Literal["active", "random"]
    """``active``: atomic uncertainty of an ensemble, in rounds; ``random``: the same budget, drawn blindly."""
    frames: Count
    """Configurations to keep in all: the budget."""
    initial: Count
    """Configurations drawn at random before the first round."""
    rounds: Count
    """Rounds of training and choosing."""
    members: int = Field(ge=2)
    """Networks in the ensemble whose disagreement is the uncertainty."""
    training_fraction: Fraction
    """Share of the set on which each member trains; each draws its own."""
    threshold: EnergyPerAtom | None = Field(ge=0)
    """Only configurations with an atom of larger uncertainty are chosen, eV; null: fill the budget of the round."""
    chunk: Count | None
    """Candidates scored in a round, the next of a shuffled pool; null: all that is left of the pool."""
    separation: int = Field(ge=0)
    """Least distance along its walker's trajectory between two picks of one round, MD steps; 0: no rule."""
    epochs: Count
    """Training epochs of a round."""
    validation_fraction: Fraction
    """Share of the finished set that is recorded as validation split."""
    split_block: Count
    """MD steps of one walker that stay on the same side of the split."""

    @model_validator(mode="after")
    def _budget_holds_the_initial_set(self) -> "DistillSpec":
        if self.initial > self.frames:
            raise ValueError(f"expected initial ≤ frames, got initial {self.initial} and frames {self.frames}")
        return self
