"""Crystals relaxed by each network of an ensemble, compared with those of the reference method."""

from dataclasses import dataclass

from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.crystals.references import ReferenceCrystals
from foundational.engines.crystals.relaxation import RelaxedCrystal, relax_isotropic
from foundational.errors import EngineError
from foundational.evaluation.report import CrystalErrors
from foundational.science.crystals import STRUCTURES, Structure
from foundational.science.energy_ranking import EnergyOrder, compare_energy_order
from foundational.units import MEV

#: What reports call HCP at c/a = √3, the crystal of the paper's tables (arXiv 2311.05407).
PUBLISHED_HCP = "hcp_published"


@dataclass(frozen=True)
class ComparedCrystal:
    """One crystal, relaxed isotropically by one network from the crystal of the reference."""

    reference: RelaxedCrystal
    relaxed: RelaxedCrystal | None
    """None where the network has no minimum of energy near the reference's crystal."""

    @property
    def energy_error(self) -> float | None:
        """Energy less that of the reference, eV/atom."""
        return None if self.relaxed is None else self.relaxed.energy_per_atom - self.reference.energy_per_atom

    @property
    def energy_error_meV(self) -> float | None:  # noqa: N802 - the unit's own spelling
        """The same in meV/atom."""
        return None if (error := self.energy_error) is None else error * MEV

    @property
    def distance_error(self) -> float | None:
        """Nearest-neighbour distance less that of the reference, Å."""
        return None if self.relaxed is None else self.relaxed.bond - self.reference.bond


@dataclass(frozen=True)
class MemberCrystals:
    """All crystals by one network."""

    isotropic: dict[Structure, ComparedCrystal]
    """FCC, BCC and HCP at the ideal c/a."""
    published_hcp: ComparedCrystal | None
    """HCP at c/a = √3; compared, never ranked. None where the reference has none."""
    order: EnergyOrder | None
    """How the network ranks the crystals; None where one of them has no minimum."""

    @property
    def rank_ok(self) -> bool:
        """Whether every crystal has a minimum, and all are in the reference's order."""
        return self.order is not None and self.order.rank_ok


@dataclass(frozen=True)
class CrystalReport:
    """All crystals by every network of an ensemble."""

    members: tuple[MemberCrystals, ...]

    @property
    def rank_ok(self) -> tuple[bool, ...]:
        """Of each network, whether it ranks the crystals as the reference does."""
        return tuple(member.rank_ok for member in self.members)

    def errors(self) -> dict[str, CrystalErrors]:
        """Errors by crystal: ``fcc``, ``bcc``, ``hcp`` and ``hcp_published``."""
        columns: dict[str, list[ComparedCrystal]] = {s: [m.isotropic[s] for m in self.members] for s in STRUCTURES}
        published = [member.published_hcp for member in self.members if member.published_hcp is not None]
        if published:
            columns[PUBLISHED_HCP] = published
        return {
            name: CrystalErrors(
                energy_meV_per_atom=tuple(crystal.energy_error_meV for crystal in crystals),
                nearest_neighbour_distance=tuple(crystal.distance_error for crystal in crystals),
            )
            for name, crystals in columns.items()
        }


def compare_crystals(ensemble: Ensemble, reference: ReferenceCrystals, tie: float) -> CrystalReport:
    """Relax FCC, BCC and HCP by each network of ``ensemble`` and compare them with ``reference``.

    Parameters
    ----------
    tie
        Reference gap below which two crystals tie, eV/atom.
    """
    return CrystalReport(tuple(_compare_member(ensemble.member(m), reference, tie) for m in range(ensemble.members)))


def _compare_member(member: Ensemble, reference: ReferenceCrystals, tie: float) -> MemberCrystals:
    isotropic = {s: _compare(member, reference.isotropic[s], reference.element) for s in STRUCTURES}
    known = reference.published_hcp
    published = None if known is None else _compare(member, known, reference.element)
    energies: dict[str, float] = {s: c.relaxed.energy_per_atom for s, c in isotropic.items() if c.relaxed is not None}
    order = None
    if len(energies) == len(STRUCTURES):
        expected: dict[str, float] = {s: reference.isotropic[s].energy_per_atom for s in STRUCTURES}
        order = compare_energy_order(energies, expected, tie)
    return MemberCrystals(isotropic, published, order)


def _compare(member: Ensemble, reference: RelaxedCrystal, element: str) -> ComparedCrystal:
    try:
        return ComparedCrystal(reference, relax_isotropic(member, reference.crystal, element))
    except EngineError:
        return ComparedCrystal(reference, None)
