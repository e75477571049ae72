"""The command thermo."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from foundational.cli.options import Json, Plot, Root, positive
from foundational.cli.output import emit
from foundational.cli.progress import progress_on_stderr

if TYPE_CHECKING:  # at run time these would import xarray and numba
    from foundational.stages.thermo.stage import ThermoReport


def thermo(
    pool: Annotated[str, typer.Argument(help="Sampled pool, such as ni-momt-32.")],
    temperature: Annotated[
        list[float] | None,
        typer.Option(
            "-T", "--temperature", callback=positive, help="Temperature, K (repeatable); default: round ones."
        ),
    ] = None,
    plot: Plot = None,
    write: Annotated[bool, typer.Option("--write", help="Also write metrics/thermo/POOL.*, as DVC does.")] = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Compute thermodynamic averages of a sampled pool.

    Enthalpy, volume and heat capacity of each phase at each temperature, and the melting temperature, by reweighting.
    """
    from foundational.project import find_root
    from foundational.stages.thermo.command import read_pool, write_metrics
    from foundational.stages.thermo.stage import thermo

    project = find_root(root)
    with progress_on_stderr(f"reading {pool}") as progress:
        frames = read_pool(project, pool, progress)
    report = thermo(frames, temperature or None)
    if plot is not None:
        from foundational.pictures.thermo import draw_thermo

        draw_thermo(frames, report, plot)
    if write:
        write_metrics(project, frames, report)
    emit(report, as_json, lambda: _lines(report))


def _lines(report: "ThermoReport") -> Iterator[str]:
    """The phases of the run, the table by temperature, and the melting point."""
    yield (
        f"{report.pool}: {report.frames:,} frames of {report.n_atoms} {report.element} atoms at "
        f"{report.pressure_bar:g} bar, {report.crossings} solid–liquid transitions"
    )
    for phase in report.phases:
        ends = [f"{count} → {other}" for other, count in phase.left_for.items()]
        ends += [f"{phase.unfinished} unfinished"] if phase.unfinished else []
        stay = f"{phase.visits} visits, longest {phase.longest_ps:.0f} ps" + (f": {', '.join(ends)}" if ends else "")
        yield f"  {phase.phase:<16}{phase.share:>6.1%} of the frames; {stay}"
    yield from _table(report)
    yield "H = U + PV without the kinetic 3/2·kT; C_p with it. Frames: effective number; rows below 20 are excluded."
    melting = report.melting
    if melting is None:
        yield "melting temperature: not determined (solid and liquid do not coexist inside the window)"
        return
    text = f"melting: {melting.temperature_K:.0f} ± {melting.temperature_error_K:.0f} K (equal weights"
    if melting.latent_heat_eV_per_atom is not None and melting.volume_change_A3_per_atom is not None:
        text += f"; {melting.latent_heat_eV_per_atom * 1000:.0f} meV/atom"
        text += f", {melting.volume_change_A3_per_atom:+.2f} Å³/atom"
    yield text + ")"
    yield (
        f"This is the value of a periodic cell of {report.n_atoms} atoms, above that of the bulk; the error is roughly "
        "proportional to 1/N. Compare with a larger supercell."
    )


def _table(report: "ThermoReport") -> Iterator[str]:
    heads = ("T, K", "phase", "⟨H⟩, eV/atom", "⟨V⟩, Å³/atom", "C_p, k/atom", "frames")
    rows = [
        (
            f"{row.temperature_K:g}",
            row.phase,
            f"{row.enthalpy_eV_per_atom:.4f} ± {row.enthalpy_error_eV_per_atom:.4f}",
            f"{row.volume_A3_per_atom:.3f} ± {row.volume_error_A3_per_atom:.3f}",
            f"{row.heat_capacity_k_per_atom:.2f} ± {row.heat_capacity_error_k_per_atom:.2f}",
            f"{row.effective_frames:.0f}",
        )
        for row in report.rows
    ]
    widths = [max(len(line[column]) for line in (heads, *rows)) for column in range(len(heads))]
    for line in (heads, *rows):
        cells = [
            cell.ljust(width) if column == 1 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
