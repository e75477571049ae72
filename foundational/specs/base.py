"""The base of every specification, and numbers that know their unit."""

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from foundational.errors import InputError
from foundational.units import UNITS


class Spec(BaseModel):
    """A frozen record that refuses unknown keys; the root of all that is parsed from params.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


_QUANTITY = re.compile(r"\s*([-+\d.eE]*\d\.?)\s*(\S+)\s*")


def quantity(value: str, unit: str) -> float:
    """``value``, a number with its unit, in ``unit``; ValueError where it is not of that dimension.

    >>> quantity("2 ps", "fs")
    2000.0
    >>> quantity("4GB", "B")
    4000000000.0
    """
    factors, match = UNITS[unit], _QUANTITY.fullmatch(value)
    if match is None or match[2] not in factors:
        raise ValueError(f"expected a number in {unit} (or {', '.join(factors)}), got {value!r}")
    return float(match[1]) * factors[match[2]]


def size_in_bytes(value: str) -> int:
    """``"4 GB"`` as bytes.

    Raises
    ------
    InputError
        where it is no size.
    """
    try:
        return int(quantity(value, "B"))
    except ValueError as error:
        raise InputError(str(error)) from None


def _in_unit(unit: str) -> BeforeValidator:
    """A validator that turns ``"2 ps"`` into 2000.0 where fs is meant, and refuses another dimension."""
    return BeforeValidator(lambda value: quantity(value, unit) if isinstance(value, str) else value)


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
