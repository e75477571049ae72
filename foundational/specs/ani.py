"""What an ANI ensemble is and how it is trained: the `ani` section of params.yaml."""

import math
from typing import Annotated, Literal, Self, cast, get_args

from pydantic import Field, model_validator

from foundational.errors import InputError
from foundational.specs.base import Count, Fraction, InverseArea, Length, Spec

NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
SettingsName = Literal["recipe", "general", "published"]
#: What repels atoms that are nearer than in the training data: pairs by the method that labelled them, or ZBL, or none.
ShortRangeName = Literal["labeller", "zbl", "none"]


def settings_named(name: str) -> SettingsName:
    """``name``, where the section ``ani`` has settings of that name.

    Raises
    ------
    InputError
        where it has none.
    """
    if name not in get_args(SettingsName):
        raise InputError(f"expected settings among {', '.join(get_args(SettingsName))}, got {name!r}")
    return cast(SettingsName, name)


def short_range_named(name: str) -> ShortRangeName:
    """``name``, where it is a repulsion at short range.

    Raises
    ------
    InputError
        where it is none.
    """
    if name not in get_args(ShortRangeName):
        raise InputError(f"expected a short-range term among {', '.join(get_args(ShortRangeName))}, got {name!r}")
    return cast(ShortRangeName, name)


class RadialSpec(Spec):
    """The radial terms of an AEV: ¼ Σ_j exp(−η (r − s)²) fc(r), one for each shift s and neighbour element."""

    cutoff: Length
    """Å."""
    eta: InverseArea
    """1/Å²."""
    first_shift: Length
    """Å, the shortest shift."""
    last_shift: Length
    """Å, the longest shift; the shifts between are equally spaced."""
    shifts: Count
    """How many shifts."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.last_shift < self.first_shift:
            raise ValueError(f"expected last_shift >= first_shift, got {self.last_shift} < {self.first_shift}")
        return self

    def shift_values(self) -> tuple[float, ...]:
        """The shifts in Å.

        >>> RadialSpec(cutoff=6.0, eta=12.0, first_shift=1.5, last_shift=4.5, shifts=4).shift_values()
        (1.5, 2.5, 3.5, 4.5)
        """
        step = (self.last_shift - self.first_shift) / max(self.shifts - 1, 1)
        return tuple(self.first_shift + step * k for k in range(self.shifts))

    def scaled(self, factor: float) -> Self:
        """The same terms in an environment ``factor`` times as large: lengths times it, η over its square."""
        lengths = {name: getattr(self, name) * factor for name in ("cutoff", "first_shift", "last_shift")}
        return self.model_copy(update={**lengths, "eta": self.eta / factor**2})


class AngularSpec(RadialSpec):
    """The angular terms: 2 Σ_{j<k} ((1 + cos(θ − θs))/2)^ζ exp(−η ((r_j + r_k)/2 − s)²) fc(r_j) fc(r_k)."""

    zeta: Positive
    """Exponent, dimensionless."""
    sections: Count
    """How many angles θs; they are the middles of that many equal parts of 0…π, as in torchani."""

    def section_values(self) -> tuple[float, ...]:
        """The angles θs in radian."""
        return tuple(math.pi * (2 * k + 1) / (2 * self.sections) for k in range(self.sections))


class AevSpec(Spec):
    """An atomic environment vector as torchani defines it, with the cosine cutoff function."""

    radial: RadialSpec
    angular: AngularSpec

    @model_validator(mode="after")
    def _nested(self) -> Self:
        if self.angular.cutoff >= self.radial.cutoff:
            raise ValueError(
                f"expected the angular cutoff below the radial one, got {self.angular.cutoff} >= {self.radial.cutoff} Å"
            )
        return self

    def scaled(self, factor: float) -> Self:
        """The same vector for a lattice ``factor`` times as large, such as that of a translated element."""
        return self.model_copy(update={"radial": self.radial.scaled(factor), "angular": self.angular.scaled(factor)})

    def length(self, n_elements: int) -> int:
        """K, the number of features for that many elements."""
        pairs = n_elements * (n_elements + 1) // 2
        return n_elements * self.radial.shifts + pairs * self.angular.shifts * self.angular.sections


class NetworkSpec(Spec):
    """The atomic network: one of these for each element and member."""

    hidden: Annotated[tuple[Annotated[Count, Field(multiple_of=16)], ...], Field(min_length=1)]
    """Widths of the hidden layers, multiples of 16 (the kernels work on vectors of 16 numbers)."""
    activation: Literal["gelu", "celu"]
    """torchani's: exact GELU, or CELU with α = 0.1."""


class OneCycle(Spec):
    """Learning rate rises over the first part of training and is annealed to nothing; the annealed model is kept."""

    name: Literal["one_cycle"]
    warmup: Fraction
    """Share of the steps in which the rate rises from 1/25 of its peak."""


class Plateau(Spec):
    """Learning rate is cut whenever the validation error stalls; the best model on validation is kept."""

    name: Literal["plateau"]
    factor: Annotated[float, Field(gt=0, lt=1)]
    """What the rate is multiplied by when it is cut."""
    patience: Count
    """Epochs without improvement before that."""
    minimum: Positive
    """Training stops when the rate falls below this."""


class LossSpec(Spec):
    """Weights of the loss, a mean over the configurations of a batch; every term is in eV².

    energy_weight · ΔE² / N^energy_power + force_weight · |ΔF|² Å² / N + stress_weight · |V Δσ|² / N²
    """

    energy_weight: NonNegative
    """Dimensionless."""
    energy_power: NonNegative
    """The power of the number of atoms N by which ΔE² is divided: 2 is per atom, ½ is torchani's habit."""
    force_weight: NonNegative
    """Å²; |ΔF|² is summed over the 3N components."""
    stress_weight: NonNegative
    """Dimensionless; |V Δσ|² is summed over the nine components."""
    half_weight_force: Positive | None = Field(default=None, exclude_if=lambda value: value is None)
    """F½: see `half_weight_energy`; null: forces decide no weight."""
    half_weight_energy: Positive | None = Field(default=None, exclude_if=lambda value: value is None)
    """E½: a configuration with E per atom above the lowest and the largest force F has the weight
    1/(1 + (E/E½)² + (F/F½)²); both in medians over the training set, so that one number suits every metal; null:
    energies decide no weight."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.energy_weight + self.force_weight + self.stress_weight == 0:
            raise ValueError("expected at least one weight of the loss above zero")
        return self


class OptimisationSpec(Spec):
    """How the weights are found."""

    epochs: Count
    """How often all configurations are gone through."""
    least_steps: Count | None = None
    """Small sets are gone through more often, until at least so many steps are made; null: no more often."""
    batch: Count
    """Configurations in a step."""
    learning_rate: Positive
    """Peak rate of AdamW."""
    weight_decay: NonNegative
    """Decoupled decay of AdamW, on weights and not on biases."""
    feature_floor: Positive
    """Least standard deviation by which a feature is divided; dimensionless, as the features are."""
    schedule: Annotated[OneCycle | Plateau, Field(discriminator="name")]
    loss: LossSpec
    pair_potential: bool = Field(default=False, exclude_if=lambda value: not value)
    """Whether networks learn what a pair potential leaves that is fitted to the labels first, and is added to them."""


class AniSpec(Spec):
    """A whole ensemble: environments, networks, training."""

    members: Count
    """M, how many networks."""
    aev: AevSpec
    network: NetworkSpec
    training: OptimisationSpec


class FurtherSpec(Spec):
    """How networks of a model are trained further on other labels; the rest is that of the settings."""

    learning_rate: Positive = 2e-3
    """Peak rate of AdamW."""
    least_steps: Count = 3000
    """Steps at least."""

    def applied(self, training: OptimisationSpec) -> OptimisationSpec:
        """``training`` at this learning rate and with these steps."""
        changed = {"learning_rate": self.learning_rate, "least_steps": self.least_steps}
        return training.model_copy(update=changed)
