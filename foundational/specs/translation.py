"""What translation does: the section ``translate`` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from foundational.specs.base import EnergyPerAtom, Length, Spec

Rule = Literal["lattice", "nearest-neighbour", "volume"]
Element = Annotated[str, Field(pattern=r"^[A-Z][a-z]?$", description="chemical symbol")]


class GuardSpec(Spec):
    """Which scaled configurations are filtered out, and said so in the record."""

    minimum_distance: Length
    """Å in the parent; scaled with the lattice. Configurations with closer atoms are filtered before labelling."""
    maximum_energy: EnergyPerAtom
    """eV/atom above the lowest energy per atom of the translated set; configurations beyond are filtered."""


class TranslationSpec(Spec):
    """One translated set: parent, target element and the length that is matched."""

    parent: str
    element: Element
    potential: str | None
    """Registry id; null: the element's default potential."""
    rule: Rule
    """The length whose ratio scales the cells: the lattice constant of FCC, the nearest-neighbour distance of the
    ground states, or the cube root of the volume per atom of the ground states."""


class TranslateSpec(Spec):
    """All translations of the pipeline and what they share."""

    guard: GuardSpec
    sets: dict[str, TranslationSpec]
    default_rule: Rule
    """The rule of ``foundational translate`` where ``--rule`` is not given."""
