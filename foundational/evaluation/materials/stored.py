"""Crystals and properties by a method whose labels take minutes: computed once, and stored for every validation."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from pydantic import Field

from foundational.data.configurations import Configurations, Labels
from foundational.data.labeller import REQUIRED, Method
from foundational.engines.crystals.references import KnownProperties, ReferenceCrystals
from foundational.engines.crystals.relaxation import RelaxedCrystal, crystal_configurations
from foundational.engines.geometry.distances import shortest_distances
from foundational.errors import InputError
from foundational.evaluation.materials.bulk import BulkFit
from foundational.evaluation.report import Report
from foundational.provenance.record import LabellerRecord
from foundational.science.crystals import STRUCTURES, Structure, build_crystal
from foundational.specs.materials import PropertyName
from foundational.units import GPA, MEV


class StoredCrystal(Report):
    """A crystal at its minimum of energy in volume."""

    volume_per_atom: float = Field(description="Å³")
    energy_per_atom: float = Field(description="eV")
    bulk_modulus_GPa: float  # noqa: N815 - the unit's own spelling

    @classmethod
    def of(cls, fit: BulkFit) -> Self:
        """The crystal of a fit."""
        return cls(volume_per_atom=fit.volume, energy_per_atom=fit.energy, bulk_modulus_GPa=fit.bulk_modulus * GPA)


@dataclass(frozen=True)
class StoredMethod:
    """The method of a record, in place of a labeller whose program need not be installed."""

    record: LabellerRecord

    @property
    def id(self) -> str:
        """Of the record."""
        return self.record.id

    @property
    def expensive(self) -> bool:
        """Yes: nothing is labelled by it."""
        return True

    @property
    def gives(self) -> tuple[str, ...]:
        """All labels that a dataset has."""
        return REQUIRED

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Of the record."""
        return dict(self.record.parameters.get("arguments", {}))

    def method(self) -> Method:
        """As the record states it."""
        return Method(self.record.version, self.record.sha256, self.record.parameters)

    def isolated_energy(self, element: str) -> float | None:
        """Energy of one isolated atom, eV, where the record states it."""
        stated = self.record.parameters.get("isolated_atom_eV", {}).get(element)
        return None if stated is None else float(stated)

    def label(self, configurations: Configurations) -> Labels:
        """Refused.

        Raises
        ------
        InputError
            Always: what is compared is stored.
        """
        raise InputError(f"{self.id}: expected stored values, and {len(configurations)} new labels were asked for")


class StoredReference(Report):
    """``metrics/reference/<name>.json``: what networks are compared with, and how it was computed."""

    schema_version: int = 1
    element: str
    labeller: LabellerRecord
    """The method with the settings of crystals. What differs from those of the labels is in ``arguments``."""
    supercells: LabellerRecord
    """The method with the settings of the supercells with and without a vacancy."""
    crystals: dict[Structure, StoredCrystal]
    """``fcc``, ``bcc`` and ``hcp``, this at the ideal c/a."""
    vacancy_cells: int
    """Conventional cells along each edge of the supercell with a vacancy."""
    properties: dict[PropertyName, dict[str, float | tuple[float, ...]]]
    """By property and number, in the units in which `foundational.evaluation.materials` computes them."""
    labels: int
    """Calculations."""
    software: dict[str, str]

    def lines(self) -> Iterator[str]:
        """The crystals, then the numbers that are not curves."""
        lowest = min(crystal.energy_per_atom for crystal in self.crystals.values())
        yield f"{self.element} by {self.labeller.version}, {self.labels} calculations"
        for name, crystal in self.crystals.items():
            above = (crystal.energy_per_atom - lowest) * MEV
            yield (
                f"{name:<14}{crystal.volume_per_atom:.3f} Å³/atom  {above:+.1f} meV/atom  "
                f"B {crystal.bulk_modulus_GPa:.1f} GPa"
            )
        for kind, numbers in self.properties.items():
            plain = [f"{key} {value:.4g}" for key, value in numbers.items() if not isinstance(value, tuple)]
            yield f"{kind:<18}{', '.join(plain) or 'curves of ' + ', '.join(numbers)}"

    def reference(self) -> ReferenceCrystals:
        """The crystals and properties for a comparison; the program that computed them is not needed."""
        method = StoredMethod(self.labeller)

        def relaxed(structure: Structure) -> RelaxedCrystal:
            stored = self.crystals[structure]
            crystal = build_crystal(structure, stored.volume_per_atom)
            bond = shortest_distances(crystal_configurations([crystal], self.element))[0]
            return RelaxedCrystal(crystal, stored.energy_per_atom, float(bond))

        known: Mapping[str, Mapping[str, object]] = {
            kind: {key: np.array(value) if isinstance(value, tuple) else value for key, value in numbers.items()}
            for kind, numbers in self.properties.items()
        }
        return ReferenceCrystals(
            labeller=method,
            element=self.element,
            isolated_energy=method.isolated_energy(self.element),
            isotropic={structure: relaxed(structure) for structure in STRUCTURES},
            published_hcp=None,
            known=KnownProperties(known, self.vacancy_cells),
        )
