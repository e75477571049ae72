"""Elastic constants, vacancy and stacking fault of FCC by each network, in the units in which people quote them."""

from foundational.data.labeller import Model
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.crystals.properties import fcc_properties
from foundational.engines.crystals.references import ReferenceCrystals
from foundational.errors import EngineError
from foundational.evaluation.crystals import CrystalReport
from foundational.evaluation.report import Report
from foundational.units import GPA, MJ_PER_M2


class FccPropertyValues(Report):
    """Properties of one FCC crystal."""

    c11_GPa: float  # noqa: N815 - the unit's own spelling
    c12_GPa: float  # noqa: N815
    c44_GPa: float  # noqa: N815
    vacancy_eV: float  # noqa: N815
    """Formation energy of a vacancy."""
    stacking_fault_mJ_per_m2: float  # noqa: N815
    """Energy of an intrinsic stacking fault."""


def reference_properties(reference: ReferenceCrystals) -> FccPropertyValues:
    """The properties by the reference method, at its own relaxed volume.

    Raises
    ------
    EngineError
        where the atoms around the vacancy do not come to rest.
    """
    return _values(reference.labeller, reference.isotropic["fcc"].volume_per_atom, reference.element)


def member_properties(
    ensemble: Ensemble, crystals: CrystalReport, reference: ReferenceCrystals
) -> list[FccPropertyValues | None]:
    """The properties by each network, at its own relaxed volume; None where it has no FCC crystal or no vacancy."""
    rows: list[FccPropertyValues | None] = []
    for m, member in enumerate(crystals.members):
        relaxed = member.isotropic["fcc"].relaxed
        try:
            rows.append(
                None if relaxed is None else _values(ensemble.member(m), relaxed.volume_per_atom, reference.element)
            )
        except EngineError:
            rows.append(None)
    return rows


def _values(model: Model, volume_per_atom: float, element: str) -> FccPropertyValues:
    found = fcc_properties(model, volume_per_atom, element)
    return FccPropertyValues(
        c11_GPa=found.c11 * GPA,
        c12_GPa=found.c12 * GPA,
        c44_GPa=found.c44 * GPA,
        vacancy_eV=found.vacancy_energy,
        stacking_fault_mJ_per_m2=found.stacking_fault_energy * MJ_PER_M2,
    )
