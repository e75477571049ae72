"""The base of reports that are stored as metrics: typed, with the keys of the stored files as aliases."""

from pydantic import ConfigDict, Field

from foundational.specs.base import Spec


class Report(Spec):
    """A frozen record of an evaluation; NaN never appears, unknown is null.

    A field whose stored key has another name carries that key as its alias. Code uses the field's name; files, JSON
    output and schemas have the alias.
    """

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)


class CrystalErrors(Report):
    """Errors of one crystal, of each network; null where a network has no minimum."""

    energy_meV_per_atom: tuple[float | None, ...]  # noqa: N815 - the unit's own spelling
    nearest_neighbour_distance: tuple[float | None, ...] = Field(alias="bond_A")
    """Å."""
