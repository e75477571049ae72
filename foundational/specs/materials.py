"""Which properties a validation computes, and how far networks may be from the reference method."""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field

from foundational.errors import InputError, did_you_mean
from foundational.specs.base import Count, Spec

PropertyName = Literal[
    "equation-of-state",
    "bain-path",
    "hcp-ratio",
    "lattice-constant",
    "bulk-modulus",
    "elastic",
    "vacancy",
    "surfaces",
    "stacking-fault",
    "phonons",
    "dimer",
    "free-atom",
    "dynamics",
]
Positive = Annotated[float, Field(gt=0)]


class PropertyLimit(Spec):
    """A network passes where its error is within one of the two."""

    absolute: Positive | None = None
    """In the unit of the property."""
    elements: dict[str, Positive] = Field(default_factory=dict)
    """Another absolute limit for some elements, by symbol."""
    share: Positive | None = None
    """Of the reference's value."""

    def allowed(self, reference: float) -> float:
        """The largest error that passes."""
        return max(self.absolute or 0.0, (self.share or 0.0) * abs(reference))

    def of_element(self, element: str) -> Self:
        """The limit with the absolute number of ``element``."""
        return self.model_copy(update={"absolute": self.elements.get(element, self.absolute), "elements": {}})


class MaterialsSpec(Spec):
    """Properties beside the energy ranking; an empty list computes none."""

    properties: tuple[PropertyName, ...]
    limits: dict[PropertyName, PropertyLimit]
    dynamics_steps: Count
    """Steps of 2 fs of each short run."""
    gate: bool
    """Whether a property that fails makes the validation fail; else it is reported."""

    def of_element(self, element: str) -> Self:
        """The same properties with the limits of ``element``."""
        limits = {name: limit.of_element(element) for name, limit in self.limits.items()}
        return self.model_copy(update={"limits": limits})


def properties_named(names: list[str]) -> tuple[PropertyName, ...]:
    """The properties that a user names.

    Raises
    ------
    InputError
        If one is not known; the closest is offered.
    """
    known = get_args(PropertyName)
    if unknown := [name for name in names if name not in known]:
        raise InputError(
            f"expected properties among {', '.join(known)}, got {unknown[0]!r}; {did_you_mean(unknown[0], known)}"
        )
    return tuple(name for name in known if name in names)
