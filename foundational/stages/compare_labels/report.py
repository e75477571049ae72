"""What a comparison of two theories says."""

from collections.abc import Iterator
from typing import Final

from foundational.specs.base import Spec

#: Differences below these are those of converged calculations by one theory: meV/atom, meV/Å and GPa.
CONVERGED: Final = (2.0, 10.0, 0.1)


class Difference(Spec):
    """Of one label; the unit is that of the field."""

    mean: float
    """Of absolute differences."""
    rms: float
    largest: float
    count: int
    """Numbers that were compared."""


class PhaseDifference(Spec):
    """Of the configurations of one phase, with the offsets of all."""

    phase: str
    configurations: int
    energy_meV_per_atom: Difference | None  # noqa: N815 - the unit's own spelling
    forces_meV_per_A: Difference | None  # noqa: N815
    stress_GPa: Difference | None  # noqa: N815


class LabelDifferences(Spec):
    """Labels of B less those of A, for the same configurations."""

    a: str
    b: str
    method_a: str | None
    method_b: str | None
    by_id: int
    """Configurations with the same id."""
    by_geometry: int
    """Others that are equal within the tolerance."""
    only_a: int
    only_b: int
    offsets_eV: dict[str, float]  # noqa: N815
    """One energy per atom of each element, B − A."""
    offsets_separable: bool
    """Whether the compositions determine each offset."""
    energy_meV_per_atom: Difference | None  # noqa: N815
    """After the offsets."""
    energy_spread_meV_per_atom: float | None  # noqa: N815
    """Standard deviation of B's energies per atom, after one energy for each element."""
    forces_meV_per_A: Difference | None  # noqa: N815
    """Components."""
    force_size_meV_per_A: float | None  # noqa: N815
    """Root mean square of B's components."""
    stress_GPa: Difference | None  # noqa: N815
    """Components."""
    pressure_GPa: float | None  # noqa: N815
    """Mean difference of the pressures, compression positive."""
    phases: tuple[PhaseDifference, ...]
    meaning: str

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"A {self.a}" + (f", {self.method_a}" if self.method_a else "")
        yield f"B {self.b}" + (f", {self.method_b}" if self.method_b else "")
        yield (
            f"{self.by_id + self.by_geometry:,} configurations in both: {self.by_id:,} by id, {self.by_geometry:,} by "
            f"geometry; only in A {self.only_a:,}, only in B {self.only_b:,}"
        )
        offsets = ", ".join(f"{element} {value:+.4f} eV" for element, value in self.offsets_eV.items())
        if offsets:
            doubt = "" if self.offsets_separable else " (the compositions do not determine each of them)"
            yield f"offset per atom, B − A: {offsets}{doubt}"
        rows: list[tuple[str, ...]] = [("", "configurations", "energy meV/atom", "forces meV/Å", "stress GPa")]
        whole = (self.energy_meV_per_atom, self.forces_meV_per_A, self.stress_GPa)
        rows.append(("all", f"{self.by_id + self.by_geometry:,}", *map(_text, whole)))
        for phase in self.phases:
            parts = (phase.energy_meV_per_atom, phase.forces_meV_per_A, phase.stress_GPa)
            rows.append((phase.phase, f"{phase.configurations:,}", *map(_text, parts)))
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        for row in rows:
            yield "  ".join([row[0].ljust(widths[0]), *(row[i].rjust(widths[i]) for i in range(1, 5))]).rstrip()
        if self.pressure_GPa is not None:
            yield f"mean pressure, B − A: {self.pressure_GPa:+.2f} GPa"
        yield self.meaning


def _text(difference: Difference | None) -> str:
    """Mean and root mean square."""
    return "–" if difference is None else f"{difference.mean:.3g} (rms {difference.rms:.3g})"


def meaning_of(
    energy: Difference | None,
    forces: Difference | None,
    stress: Difference | None,
    spread: float | None,
    size: float | None,
) -> str:
    """One sentence on what the differences mean for training."""
    if energy is None and forces is None:
        return "No label is known of both: nothing can be said."
    parts = []
    if energy is not None:
        share = "" if not spread else f" ({100 * energy.rms / spread:.0f} % of their spread)"
        parts.append(f"{energy.rms:.3g} meV/atom{share}")
    if forces is not None:
        share = "" if not size else f" ({100 * forces.rms / size:.0f} % of their size)"
        parts.append(f"{forces.rms:.3g} meV/Å{share}")
    apart = " and ".join(parts)
    half = " and ".join(
        f"{difference.rms / 2:.2g} {unit}"
        for difference, unit in ((energy, "meV/atom"), (forces, "meV/Å"))
        if difference is not None
    )
    close = (energy is None or energy.rms <= CONVERGED[0]) and (forces is None or forces.rms <= CONVERGED[1])
    if not close:
        return (
            f"After the offsets the labels are {apart} apart: one network trained on both as they are keeps errors of "
            f"about {half}, so train on one, on both as two heads, or on A first and then on B or on their difference."
        )
    stressed = "" if stress is None or stress.rms <= CONVERGED[2] else f" Take stresses of one: {stress.rms:.2g} GPa."
    return (
        f"After the offsets the labels are {apart} apart, as much as converged calculations by one theory: once the "
        f"offsets are subtracted, one network can be trained on both.{stressed}"
    )
