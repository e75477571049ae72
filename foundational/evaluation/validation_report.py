"""The report of a validation, as it is stored in metrics/validate and in a release."""

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from foundational.evaluation.alloys.report import AlloyReport
from foundational.evaluation.materials.report import MaterialsReport
from foundational.evaluation.report import Report


class FullReport(Report):
    """A crystal relaxed with atoms and cell free, after a rattle; reported, never gated: many crystals are saddles."""

    energy_per_atom: float
    reference_energy_per_atom: float
    nearest_neighbour_distance: float = Field(alias="bond")
    structure: str
    """The crystal that it became."""
    reference_structure: str
    converged: bool


class StructureReport(Report):
    """One crystal relaxed isotropically from the symmetric structure; eV per atom and Å.

    Null where the model has no minimum of energy near the reference's crystal: then it has no rank either.
    """

    atoms: int
    energy_per_atom: float | None
    reference_energy_per_atom: float
    error_meV: float | None  # noqa: N815 - the unit's own spelling
    nearest_neighbour_distance: float | None = Field(alias="bond")
    reference_nearest_neighbour_distance: float = Field(alias="reference_bond")
    full: FullReport | None = None

    def line(self, mark: str) -> str:
        """The crystal beside the reference, with the ``mark`` of its network's energy ranking."""
        length = self.nearest_neighbour_distance
        if self.energy_per_atom is None or length is None or self.error_meV is None:
            return "no energy minimum near that of the reference"
        distance = f"{length:.3f} ({self.reference_nearest_neighbour_distance:.3f})"
        energy = f"{self.energy_per_atom:.4f} ({self.reference_energy_per_atom:.4f})"
        full = self.full
        relaxed = "" if full is None else f"{full.structure} {full.energy_per_atom:.4f} "
        relaxed += "" if full is None else f"({full.reference_structure} {full.reference_energy_per_atom:.4f})"
        return f"{distance:<16}{energy:<20}{self.error_meV:>+7.1f} {mark} {relaxed}".rstrip()


class MemberReport(Report):
    """One network: its energy ranking of the crystals and its errors."""

    member: int = Field(alias="seed")
    """From 0."""
    rank_ok: bool | None
    """Null where no crystals were compared."""
    ground_state_ok: bool | None
    kendall_tau: float | None
    mae_meV_per_atom: float | None  # noqa: N815
    structures: dict[str, StructureReport]
    published_hcp: StructureReport | None
    """HCP at c/a = √3, as in the paper's tables (arXiv 2311.05407); compared, never gated."""


class GateReport(Report):
    """One gate of params.yaml."""

    name: str
    ok: bool | None
    """None where it was not tested."""
    message: str


class ReferenceReport(Report):
    """The stored crystals and properties with which networks were compared."""

    file: str
    sha256: str
    labeller: str
    version: str
    settings: dict[str, Any]
    """Those that differ from the labeller's defaults."""


class ValidationReport(Report):
    """The result of a validation; NaN never appears, unknown is null."""

    dataset: str
    fingerprint: str
    element: str
    training_configurations: int
    holdout: str | None
    rank_ok: bool | None
    """For every network; null where no crystals were compared, since the labels come from a file."""
    ground_state_ok: bool | None
    """For every network."""
    kendall_tau: float | None
    """Mean over networks."""
    mae_meV_per_atom: float | None = Field(default=None, description="Mean over networks, on the holdout.")  # noqa: N815
    mae_shifted_meV_per_atom: float | None = None  # noqa: N815
    rmse_meV_per_atom: float | None = None  # noqa: N815
    p99_meV_per_atom: float | None = None  # noqa: N815
    max_meV_per_atom: float | None = None  # noqa: N815
    force_mae_meV_per_A: float | None = None  # noqa: N815
    force_rmse_meV_per_A: float | None = None  # noqa: N815
    largest_crystal_error_meV: float | None = Field(description="Null where a crystal has no minimum.")  # noqa: N815
    materials: MaterialsReport | None = Field(
        default=None, exclude_if=lambda value: value is None, description="Properties; absent where none was computed."
    )
    alloy: AlloyReport | None = Field(
        default=None, exclude_if=lambda value: value is None, description="Compounds; absent for a set of one element."
    )
    reference: ReferenceReport | None = Field(
        default=None, exclude_if=lambda value: value is None, description="Absent where the labeller itself was asked."
    )
    passed: bool
    gates: tuple[GateReport, ...]
    members: tuple[MemberReport, ...] = Field(alias="seeds")

    @property
    def failed(self) -> tuple[GateReport, ...]:
        """The gates that failed."""
        return tuple(gate for gate in self.gates if gate.ok is False)

    def lines(self) -> Iterator[str]:
        """Crystals of each network beside the reference, the errors on the holdout, and the gates."""
        yield f"{self.dataset}: {self.training_configurations:,} configurations, {len(self.members)} networks"
        head = f"{'network':<9}{'structure':<11}{'d(NN) Å (ref)':<16}{'E eV/atom (ref)':<20}{'ΔE meV':>7}"
        full = any(crystal.full is not None for member in self.members for crystal in member.structures.values())
        if any(member.structures for member in self.members):
            yield f"{head}   full relaxation" if full else head
        for member in self.members:
            mark = "✓" if member.rank_ok else "✗"
            for name, crystal in member.structures.items():
                yield f"{member.member:<9}{name.upper():<11}{crystal.line(mark)}"
        if self.mae_meV_per_atom is not None:
            yield (
                f"{self.holdout}: MAE {self.mae_meV_per_atom:.2f} meV/atom "
                f"({self.mae_shifted_meV_per_atom:.2f} without the mean error), p99 {self.p99_meV_per_atom:.2f}"
                + ("" if self.force_mae_meV_per_A is None else f", forces {self.force_mae_meV_per_A:.1f} meV/Å")
            )
        if self.alloy is not None:
            yield from self.alloy.lines()
        if self.materials is not None:
            yield from self.materials.lines()
        if self.reference is not None:
            yield f"crystals and properties of the reference: {self.reference.file}, {self.reference.version}"
        for gate in self.gates:
            yield f"{'ok  ' if gate.ok else '–   ' if gate.ok is None else 'FAIL'}  {gate.message}"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        return str(self)
