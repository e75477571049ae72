"""How a crystal is heated until it melts."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from foundational.specs.base import Spec


class HeatingRange(Spec):
    """The temperatures of the stages in which a crystal is heated; k·T in units of its cohesive energy per atom."""

    coldest: Annotated[float, Field(gt=0)]
    """Temperature of the first stage: every metal is solid there."""
    hottest: Annotated[float, Field(gt=0)]
    """Heating ends before this temperature: no metal is solid there."""
    step: Annotated[float, Field(gt=0)]
    """Each stage is hotter than the one before by this share."""

    @model_validator(mode="after")
    def _heats(self) -> Self:
        if self.hottest <= self.coldest:
            raise ValueError(f"expected hottest > coldest, got {self.hottest:g} and {self.coldest:g}")
        return self
