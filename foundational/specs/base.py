"""The base of every specification, and numbers that know their unit."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from foundational.units import UNITS


class Spec(BaseModel):
    """A frozen record that refuses unknown keys; the root of all that is parsed from params.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _in_unit(unit: str) -> BeforeValidator:
    """A validator that turns ``"2 ps"`` into 2000.0 where fs is meant, and refuses another dimension."""

    def parse(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        number, _, name = value.strip().partition(" ")
        factors = UNITS[unit]
        if name.strip() not in factors:
            raise ValueError(f"expected a number in {unit} (or {', '.join(factors)}), got {value!r}")
        return float(number) * factors[name.strip()]

    return BeforeValidator(parse)


Temperature = Annotated[float, _in_unit("K"), Field(gt=0, description="K")]
Energy = Annotated[float, _in_unit("eV"), Field(description="eV")]
EnergyPerAtom = Annotated[float, _in_unit("eV/atom"), Field(description="eV/atom")]
Force = Annotated[float, _in_unit("eV/Å"), Field(description="eV/Å")]
Length = Annotated[float, _in_unit("Å"), Field(gt=0, description="Å")]
Time = Annotated[float, _in_unit("fs"), Field(gt=0, description="fs")]
Pressure = Annotated[float, _in_unit("bar"), Field(description="bar")]
InverseArea = Annotated[float, _in_unit("1/Å²"), Field(gt=0, description="1/Å²")]
Count = Annotated[int, Field(gt=0, strict=True)]
Fraction = Annotated[float, Field(ge=0, le=1)]
