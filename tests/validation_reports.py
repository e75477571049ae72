"""Validation reports for tests that need one and no training."""

from typing import Any

from foundational.evaluation.validation_report import GateReport, MemberReport, StructureReport, ValidationReport


def structure(energy_per_atom: float | None = -4.0) -> StructureReport:
    """A crystal whose reference energy is −4 eV/atom; None: the network has no minimum for it."""
    return StructureReport(
        atoms=32,
        energy_per_atom=energy_per_atom,
        reference_energy_per_atom=-4.0,
        error_meV=None if energy_per_atom is None else (energy_per_atom + 4.0) * 1000,
        nearest_neighbour_distance=2.5,
        reference_nearest_neighbour_distance=2.5,
    )


def report(
    fingerprint: str = "0" * 64,
    *,
    name: str = "ni",
    passed: bool = True,
    message: str = "2 of 2 networks reproduce the reference energy ranking",
    energies: dict[str, float | None] | None = None,
) -> ValidationReport:
    """A report with one gate and, where ``energies`` are given, two networks that agree on them."""
    members: tuple[MemberReport, ...] = ()
    if energies is not None:
        shared: dict[str, Any] = {"kendall_tau": 1.0, "mae_meV_per_atom": None, "published_hcp": structure()}
        shared |= {"rank_ok": passed, "ground_state_ok": passed}
        structures = {crystal: structure(energy) for crystal, energy in energies.items()}
        members = tuple(MemberReport(member=m, structures=structures, **shared) for m in range(2))
    return ValidationReport(
        dataset=name,
        fingerprint=fingerprint,
        element="Ni",
        training_configurations=40,
        holdout=None,
        rank_ok=passed,
        ground_state_ok=passed,
        kendall_tau=1.0,
        largest_crystal_error_meV=None,
        passed=passed,
        gates=(GateReport(name="rank", ok=passed, message=message),),
        members=members,
    )
