"""What sampling does: the section ``sample`` of params.yaml."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from foundational.specs.base import Count, Pressure, Spec, Temperature, Time
from foundational.specs.heating import HeatingRange


class WindowSpec(Spec):
    """The short NPT runs that find the window of enthalpy and the starting states."""

    equilibration: Time
    """Before each mean; the liquid is first molten for at least as long."""
    duration: Time
    """Over which a mean is taken."""


class BiasSpec(Spec):
    """The grid of ΔH(H, O) and the hills that it is learned from."""

    enthalpy_bin: float = Field(gt=0)
    """Width of a bin of H in √N·k·T0, which the natural fluctuations of H are a few of, whatever the size."""
    order_bins: Count
    """Bins of O in [0, 1]."""
    hill_width: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]]
    """Standard deviations of a hill in bins of H and of O."""
    hill_height: float = Field(gt=0)
    """Height of the first hills, k·T0."""
    hill_time: Time
    """Between two hills of a walker."""

    @model_validator(mode="after")
    def _grid_is_wider_than_a_hill(self) -> Self:
        if self.order_bins <= 8 * self.hill_width[1]:
            raise ValueError(f"expected order_bins > 8 × hill_width, got {self.order_bins} and {self.hill_width[1]}")
        return self


class LearningSpec(Spec):
    """When the bias is good: full hills until the run crosses freely, then hills that fall as 1/t, then none."""

    crossings: Count
    """Crossings, all walkers together, after which hills begin to fall: at time t they are t1/t of the first ones."""
    refinement: float = Field(gt=1)
    """Learning stops, and recording begins, at this many times t1: the last hills are 1/refinement of the first."""
    patience: Time
    """Simulated time of each walker within which those crossings must come."""


class SampleSettings(Spec):
    """What all pools share."""

    pressure: Pressure
    timestep: Time
    thermostat_time: Time
    """Of the Langevin friction: 1/γ."""
    barostat_time: Time
    """Period of the cell's own motion."""
    walkers: Count
    """Walkers that share one bias; part of the result, unlike the number of processes."""
    block: Time
    """A walker's stretch between two exchanges of what was learned."""
    frame_time: Time
    """Between two recorded frames of a walker."""
    window: WindowSpec
    bias: BiasSpec
    learning: LearningSpec

    @model_validator(mode="after")
    def _times_are_whole_steps(self) -> Self:
        for name, time, unit in (
            ("block", self.block, self.frame_time),
            ("block", self.block, self.bias.hill_time),
            ("frame_time", self.frame_time, self.timestep),
            ("hill_time", self.bias.hill_time, self.timestep),
        ):
            if abs(time / unit - round(time / unit)) > 1e-9 or time < unit:
                raise ValueError(f"expected {name} to be a multiple of {unit:g} fs, got {time:g} fs")
        return self

    def steps(self, time: float) -> int:
        """Steps in ``time`` fs."""
        return round(time / self.timestep)


class _Pool(Spec):
    """What is sampled."""

    element: str = Field(pattern=r"^[A-Z][a-z]?$")
    potential: str | None
    """Id in the registry; null: the registry's default for the element."""
    structure: Literal["fcc", "bcc"]
    """The crystal whose order parameter is used."""
    supercell: Count
    """Conventional cells along each edge."""
    cell: Literal["isotropic", "orthorhombic", "triclinic"]
    """How the cell moves: one length, three lengths, or lengths and angles."""
    shape_stiffness: float | None = Field(default=None, ge=0, exclude_if=lambda value: value is None)
    """k·T0, of the restraint of a flexible cell's shape, κ of ``science.cell_shape``; an isotropic cell has none."""
    frames: Count
    """Frames to record, all walkers together."""
    pressure: Pressure | None = Field(default=None, exclude_if=lambda value: value is None)
    """bar, in place of the pressure of the settings."""

    @model_validator(mode="after")
    def _flexible_cells_are_restrained(self) -> Self:
        if (self.cell == "isotropic") != (self.shape_stiffness is None):
            raise ValueError(
                f"expected shape_stiffness (k·T0; 0 for none) {'only ' if self.cell == 'isotropic' else ''}with a cell "
                f"that is orthorhombic or triclinic, got {self.shape_stiffness} with {self.cell}"
            )
        return self


class MomtPool(_Pool):
    """A pool that wanders between solid and liquid over a window of enthalpy (arXiv 2311.05407)."""

    method: Literal["momt"]
    temperature_low: Temperature
    """The window's lower edge is the mean enthalpy of the solid there."""
    temperature: Temperature
    """T0, of the thermostat: a little above melting."""
    temperature_high: Temperature
    """The window's upper edge is the mean enthalpy of the liquid there."""

    @model_validator(mode="after")
    def _temperatures_ascend(self) -> Self:
        if not self.temperature_low < self.temperature < self.temperature_high:
            raise ValueError(
                "expected temperature_low < temperature < temperature_high, got "
                f"{self.temperature_low:g}, {self.temperature:g}, {self.temperature_high:g} K"
            )
        return self


class NptPool(_Pool):
    """A pool of plain NPT, in one phase: the baseline."""

    method: Literal["npt"]
    phase: Literal["solid", "liquid"]
    temperature: Temperature
    melting_temperature: Temperature
    """Where the liquid is first molten: far above its own temperature where that is near freezing."""


PoolSpec = Annotated[MomtPool | NptPool, Field(discriminator="method")]


class MeltingSpec(HeatingRange):
    """How the limit of superheating is found, at which a heated crystal loses its order."""

    stage: Time
    """Duration of each stage of heating."""
    heatings: Count
    """Independent heatings, whose mean counts, and independent liquids that must not boil."""
    liquid_time: Time
    """Time that a liquid must last at the upper edge of the window without boiling."""


class WindowRatios(Spec):
    """The temperatures of a pool in units of the limit of superheating."""

    temperature_low: Annotated[float, Field(gt=0)]
    temperature: Annotated[float, Field(gt=0)]
    temperature_high: Annotated[float, Field(gt=0)]


class ElementSpec(Spec):
    """The pool of ``foundational sample --element``, as far as no option and no stored pool decides it."""

    frames: Count
    cell: Literal["isotropic", "orthorhombic", "triclinic"]
    shape_stiffness: Annotated[float, Field(ge=0)]
    """k·T0, of the restraint of a flexible cell's shape; an isotropic cell needs none."""
    supercell: dict[Literal["fcc", "bcc"], Count]
    """Conventional cells along each edge, by structure."""
    melting: MeltingSpec
    window: WindowRatios


class SampleSpec(Spec):
    """The section ``sample``."""

    settings: SampleSettings
    pools: dict[str, PoolSpec] = Field(default_factory=dict)
    """The pools of the project, by name."""
    element: ElementSpec


class HoldoutSpec(Spec):
    """A holdout: frames of a pool that nothing is trained or selected on; the section ``holdout`` of params.yaml."""

    pool: str
    frames: Count
