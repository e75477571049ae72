"""What validation demands: the section ``validate`` of params.yaml."""

from pydantic import Field

from foundational.specs.ani import SettingsName
from foundational.specs.base import Count, EnergyPerAtom, Length, Spec
from foundational.specs.materials import MaterialsSpec, PropertyLimit, PropertyName


class GateSpec(Spec):
    """What a dataset must reach to pass; null switches a gate off."""

    rank: bool
    """Every network ranks FCC, BCC and HCP as the reference does, over the pairs that are not ties."""
    ground_state: bool
    """Every network finds the reference's ground state, where its gap is not a tie."""
    mae: EnergyPerAtom | None = Field(gt=0)
    """Mean absolute energy error on the holdout, eV/atom, mean over networks."""
    crystal_error: EnergyPerAtom | None = Field(gt=0)
    """Largest error of a relaxed crystal's energy by any network, eV/atom."""


class ValidatedSpec(Spec):
    """One dataset of the pipeline."""

    holdout: str | None
    """Dataset on which its models are tested; nothing was trained on it."""
    limits: dict[PropertyName, PropertyLimit] = Field(default_factory=dict)
    """Limits of this dataset in place of those of ``materials``."""
    mae: EnergyPerAtom | None = Field(default=None, gt=0)
    """Limit of the gate ``mae`` for this dataset, eV/atom; null: that of ``gates``."""
    gate: bool | None = None
    """A property of this dataset beyond its limit makes its validation fail; null: as ``materials`` says."""


class ReferenceSpec(Spec):
    """Crystals and properties by an expensive method, computed once: the command ``reference``."""

    arguments: dict[str, bool | int | float | str] = Field(default_factory=dict)
    """Settings of the labeller for primitive cells, where they differ from those of the dataset's labels."""
    supercells: dict[str, bool | int | float | str] = Field(default_factory=dict)
    """The same for supercells with and without a vacancy."""
    vacancy_cells: Count
    """Conventional cells along each edge of these supercells."""
    properties: tuple[PropertyName, ...]
    """What is computed beside the relaxed crystals."""


class PoolTestSpec(Spec):
    """How networks are tested on every frame of a pool: the command ``survey pool``."""

    parts: Count
    """Parts of the pool by energy, of equally many frames, each with its own errors."""
    shown: Count
    """Frames of the figure, evenly over the run."""


class ValidateSpec(Spec):
    """How a dataset is validated by retraining on it."""

    members: Count
    """Networks trained on the dataset."""
    training: SettingsName
    """Which settings of the section ``ani`` train them."""
    tie: EnergyPerAtom = Field(gt=0)
    """Reference gap below which two structures count as a tie, eV/atom (Kendall's tau-b)."""
    rattle: Length
    """Standard deviation of the displacements from which the full relaxations start, Å."""
    full_steps: int = Field(ge=0, strict=True)
    """Most steps of a full relaxation by a network; one that needs more is reported as not converged. 0: none is made,
    by the reference neither."""
    pool_test: PoolTestSpec
    materials: MaterialsSpec | None = None
    """Properties of crystals beside the energy ranking; null: none."""
    datasets: dict[str, ValidatedSpec] = Field(default_factory=dict)
    """The datasets of the pipeline; any other is tested on a holdout of its element and labeller, if there is one."""
    references: dict[str, ReferenceSpec] = Field(default_factory=dict)
    """Datasets with stored crystals and properties; of any other the labeller computes them in each validation."""
    gates: GateSpec
