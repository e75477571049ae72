"""Text tables for people; scripts read --json."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # at run time these would import torch
    from foundational.maintenance.quick import Row
    from foundational.stages.validate.stage import ValidationReport


def crystal_table(rows: "Sequence[Row]") -> str:
    """Relaxed crystals beside the reference, the rank judged over all seeds."""
    head = f"{'dataset':<10}{'structure':<11}{'atoms':>5}   {'bond Å (ref)':<16}{'E eV/atom (ref)':<20}"
    head += f"{'ΔE meV':>7}   rank"
    lines = [head]
    for row in rows:
        if row.bond is None or row.energy_per_atom is None or row.error_meV is None:
            lines.append(f"{row.dataset:<10}{row.structure.upper():<11}{row.atoms:>5}   no minimum of energy found")
            continue
        bond = f"{row.bond:.3f} ({row.reference_bond:.3f})"
        energy = f"{row.energy_per_atom:.4f} ({row.reference_energy_per_atom:.4f})"
        lines.append(
            f"{row.dataset:<10}{row.structure.upper():<11}{row.atoms:>5}   {bond:<16}{energy:<20}"
            f"{row.error_meV:>+7.1f}   {row.rank} {'✓' if row.rank_ok else '✗'}"
        )
    return "\n".join(lines)


def validation_table(report: "ValidationReport") -> str:
    """Each seed's crystals beside the reference, the errors on the holdout, and the gates."""
    lines = [f"{report.dataset}: {report.training_configurations:,} configurations, {len(report.seeds)} seeds"]
    lines.append(
        f"{'seed':<6}{'structure':<11}{'bond Å (ref)':<16}{'E eV/atom (ref)':<20}{'ΔE meV':>7}   full relaxation"
    )
    for seed in report.seeds:
        for name, found in seed.structures.items():
            if found.energy_per_atom is None or found.bond is None or found.error_meV is None:
                lines.append(f"{seed.seed:<6}{name.upper():<11}no minimum of energy near the reference's")
                continue
            bond = f"{found.bond:.3f} ({found.reference_bond:.3f})"
            energy = f"{found.energy_per_atom:.4f} ({found.reference_energy_per_atom:.4f})"
            full = ""
            if found.full is not None:
                full = f"{found.full.structure} {found.full.energy_per_atom:.4f} "
                full += f"({found.full.reference_structure} {found.full.reference_energy_per_atom:.4f})"
            mark = "✓" if seed.rank_ok else "✗"
            lines.append(
                f"{seed.seed:<6}{name.upper():<11}{bond:<16}{energy:<20}{found.error_meV:>+7.1f} {mark} {full}"
            )
    if report.mae_meV_per_atom is not None:
        lines.append(
            f"{report.holdout}: MAE {report.mae_meV_per_atom:.2f} meV/atom "
            f"({report.mae_shifted_meV_per_atom:.2f} without its mean), p99 {report.p99_meV_per_atom:.2f}, "
            f"forces {report.force_mae_meV_per_A:.1f} meV/Å"
        )
    lines += [
        f"{'ok  ' if gate.ok else '–   ' if gate.ok is None else 'FAIL'}  {gate.message}" for gate in report.gates
    ]
    return "\n".join(lines)
