"""The whole of params.yaml."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from foundational.errors import InputError, NotFoundError
from foundational.specs.ani import AniSpec, FurtherSpec, SettingsName
from foundational.specs.base import Spec
from foundational.specs.check import CheckLimits
from foundational.specs.compounds import CompoundsSpec, PairsSpec
from foundational.specs.distill import DistillSpec
from foundational.specs.paper import PaperSpec
from foundational.specs.parsing import parse, read_yaml
from foundational.specs.sample import HoldoutSpec, SampleSpec
from foundational.specs.translate import AlloysSpec, AugmentSpec, RelabelSpec, TranslateSpec
from foundational.specs.validate import ValidateSpec


class AniSettings(Spec):
    """Named settings of the ANI engine, for a metal of a stated volume per atom."""

    volume_per_atom: Annotated[float, Field(gt=0)]
    """Å³, of the metal for which the lengths below were chosen: FCC nickel."""
    recipe: AniSpec
    """This project's: measured to be fast and accurate."""
    published: AniSpec
    """Those of arXiv 2311.05407, for comparison."""
    general: AniSpec | None = None
    """The recipe with a pair potential and weights in the loss, for compressed crystals and defects too."""

    def scaled(self, name: SettingsName, volume_per_atom: float) -> AniSpec:
        """The settings called ``name``, their lengths scaled to a metal of ``volume_per_atom``, Å³.

        Raises
        ------
        InputError
            If there are none of this name.
        """
        spec: AniSpec | None = getattr(self, name)
        if spec is None:
            raise InputError(f"expected the settings ani.{name} in params.yaml, got none; copy them from ani.recipe")
        factor = (volume_per_atom / self.volume_per_atom) ** (1 / 3)
        return spec.model_copy(update={"aev": spec.aev.scaled(factor)})


class Params(Spec):
    """Every scientific knob; there is no default of one in code. Named pools and sets may be absent."""

    seed: Annotated[int, Field(ge=0)]
    """The root of every random stream."""
    sample: SampleSpec
    holdout: dict[str, HoldoutSpec] = Field(default_factory=dict)
    ani: AniSettings
    further: FurtherSpec = Field(default_factory=FurtherSpec)
    """What it does not state is the default."""
    distill: dict[str, DistillSpec] = Field(default_factory=dict)
    augment: dict[str, AugmentSpec] = Field(default_factory=dict)
    translate: TranslateSpec
    relabel: dict[str, RelabelSpec] = Field(default_factory=dict)
    alloys: AlloysSpec = Field(default_factory=AlloysSpec)
    """What it does not state is the default."""
    validate_: ValidateSpec = Field(alias="validate")
    compounds: CompoundsSpec | None = None
    """How sets of several elements are tested; null: on configurations alone."""
    pairs: PairsSpec | None = None
    """The survey of pairs of elements; null: none is made."""
    check: CheckLimits = Field(default_factory=CheckLimits)
    """What it does not state is the default."""
    paper: PaperSpec | None = None
    """Null in a project that does not repeat the comparison with the paper."""

    @property
    def comparison(self) -> PaperSpec:
        """The section ``paper``; NotFoundError where there is none."""
        if self.paper is None:
            raise NotFoundError(
                "params.yaml has no section paper; the comparison with the paper is part of the project foundational"
            )
        return self.paper


def read_params(path: Path) -> Params:
    """The parameters in ``path``, checked before anything runs.

    Raises
    ------
    InputError
        with every unknown key, wrong unit and impossible number in one line.
    """
    return parse(Params, read_yaml(path), path.name)
