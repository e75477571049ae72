"""What validation demands: the section ``validate`` of params.yaml."""

from typing import Literal

from pydantic import Field

from foundational.specs.base import Count, EnergyPerAtom, Length, Spec


class GateSpec(Spec):
    """What a dataset must reach to pass; null switches a gate off."""

    rank: bool
    """Every seed orders FCC, BCC and HCP as the reference does, over the pairs that are not ties."""
    ground_state: bool
    """Every seed finds the reference's ground state, where its gap is not a tie."""
    mae: EnergyPerAtom | None = Field(gt=0)
    """Mean absolute energy error on the holdout, eV/atom, mean over seeds."""
    crystal_error: EnergyPerAtom | None = Field(gt=0)
    """Largest error of a relaxed crystal's energy in any seed, eV/atom."""


class ValidatedSpec(Spec):
    """One dataset of the pipeline."""

    holdout: str | None
    """Dataset on which its models are tested; nothing was trained on it."""


class ValidateSpec(Spec):
    """How a dataset is validated by retraining on it."""

    seeds: Count
    """Networks trained, each on its own seed."""
    training: Literal["recipe", "published"]
    """Which settings of the section ``ani`` train them."""
    tie: EnergyPerAtom = Field(gt=0)
    """Reference gap below which two structures count as a tie, eV/atom (Kendall's tau-b)."""
    rattle: Length
    """Standard deviation of the displacements from which the full relaxations start, Å."""
    datasets: dict[str, ValidatedSpec]
    """The datasets of the pipeline; any other is tested on a holdout of its element and labeller, if there is one."""
    gates: GateSpec
