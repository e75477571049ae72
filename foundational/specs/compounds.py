"""How sets of several elements are tested: the sections ``compounds`` and ``pairs`` of params.yaml."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from foundational.specs.base import Count, EnergyPerAtom, Spec
from foundational.specs.translate import Choice

Pair = Annotated[str, Field(pattern=r"^[A-Z][a-z]?(-[A-Z][a-z]?)+$", description="symbols joined by hyphens")]
Symbols = Annotated[str, Field(pattern=r"^[A-Z][a-z]?(-[A-Z][a-z]?)*$", description="symbols joined by hyphens")]
Share = Annotated[float, Field(gt=0, lt=1)]


class CompoundGates(Spec):
    """What the compounds of a set must reach; null or false switches a gate off."""

    formation_energy: EnergyPerAtom | None = Field(gt=0)
    """Largest error of a formation energy by any network, eV/atom, over the prototypes of ``gated``."""
    hull: bool
    """Every network has the vertices of the reference's convex hull."""


class AlloyTestSpec(Spec):
    """Test frames by NPT runs of the alloy; temperatures and times are those of ``translate.metals.test``."""

    shares: tuple[Share, ...] = Field(min_length=1)
    """Of the second element, one composition each; of more elements, equal shares of all and of each pair are run."""
    frames: Count
    """Of each phase at each composition; half of the solid ones are of the random alloy."""


class AlloyHoldoutSpec(Spec):
    """A stored set of such frames; of one element, of its ground state and its melt."""

    elements: Symbols
    potential: str
    """Registry id, or a file of LAMMPS."""
    cell: tuple[Count, Count, Count] | None = Field(default=None, exclude_if=lambda value: value is None)
    """Of the crystal of one element, in conventional cells; null: as large as ``translate.metals.test`` says."""
    frames: Count | None = Field(default=None, exclude_if=lambda value: value is None)
    """Of each phase of one element; null: as many as ``test`` says."""

    @model_validator(mode="after")
    def _of_one_element(self) -> Self:
        if "-" in self.elements and (self.cell is not None or self.frames is not None):
            raise ValueError(
                f"expected cell and frames for one element only, got {self.elements}; remove them: compounds.test and "
                "translate.metals.test say it for alloys"
            )
        return self


class CompoundsSpec(Spec):
    """How ``foundational validate`` tests a set of several elements."""

    gated: tuple[str, ...]
    """Prototypes whose formation energies are gated, by Strukturbericht."""
    window: EnergyPerAtom = Field(gt=0)
    """Compounds of the reference that are farther above its hull are not ranked, eV/atom."""
    mixing: tuple[Share, ...]
    """Shares of the second element at which a random alloy of about 108 atoms is relaxed; may be empty."""
    test: AlloyTestSpec
    gates: CompoundGates
    holdouts: dict[str, AlloyHoldoutSpec] = Field(default_factory=dict)
    """Stored by ``foundational survey holdout``."""


class PairsSpec(Spec):
    """The survey of pairs: one parent, translated to many pairs of elements, each tested."""

    parent: str
    labels: Count
    """Configurations that are labelled for each pair."""
    decorations: Count
    """Of each configuration, among which these are chosen."""
    choice: Choice
    """How they are chosen among all decorations."""
    members: Count
    """Networks trained on each set."""
    compounds: Annotated[int, Field(ge=0)] = 0
    """Displaced cells of prototypes that the parent's crystals do not give, among the labels."""
    epochs: Count
    """Of their training, whose other settings are those of validation."""
    potentials: dict[Pair, str]
    """Registry id, or a file of LAMMPS, by pair. More than two elements are trained on elements and pairs only."""
