"""A method that gave labels, as far as a file or a user states it."""

from typing import Any, Literal

from pydantic import Field

from foundational.specs.base import Spec

#: Which energy the labels are: of the electrons at their smearing (to which the forces belong), extrapolated to zero
#: smearing, or an energy of which the source does not say more.
EnergyKind = Literal["free_energy", "extrapolated", "energy"]


class MethodRecord(Spec):
    """One reference method; null where the source does not state it. Unknown is never a default."""

    id: str
    """Its name in the dataset, such as ``vasp-pbe`` or ``lammps:NiNb``."""
    code: str | None = None
    """Program, such as VASP."""
    version: str | None = None
    functional: str | None = None
    """Exchange and correlation, such as PBE."""
    pseudopotentials: tuple[str, ...] | None = None
    cutoff_eV: float | None = Field(default=None, gt=0)  # noqa: N815 - the unit's own spelling
    """Of plane waves."""
    k_points: str | None = None
    """As the source spells it, such as 3x3x3 or a spacing."""
    spin: str | None = None
    """Such as none or collinear."""
    energy_kind: EnergyKind | None = None
    stated: dict[str, Any] = Field(default_factory=dict)
    """What else the source says, by its own keys."""
