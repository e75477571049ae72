"""The command that reads thermodynamics off a pool."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foundational.cli.progress import progress_on_stderr
from foundational.cli.types import Json, Root

if TYPE_CHECKING:  # at run time these would import xarray and numba
    from foundational.stages.thermo.stage import ThermoReport


def register(app: typer.Typer) -> None:
    """Add this module's command to ``app``."""
    app.command()(thermo)


def thermo(
    pool: Annotated[str, typer.Argument(help="Sampled pool, such as ni-momt-32.")],
    temperature: Annotated[
        list[float] | None, typer.Option("-T", "--temperature", help="K; may be repeated. Default: round ones.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Also draw the curves into this .svg, .png or .pdf.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Also write metrics/thermo/POOL.*, as DVC does.")] = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Enthalpy, volume and heat capacity of each phase by temperature, and the melting temperature, from a pool."""
    from foundational.project import find_root
    from foundational.stages.thermo.curves import draw, write_metrics
    from foundational.stages.thermo.stage import read_pool, thermo

    project = find_root(root)
    with progress_on_stderr(f"reading {pool}") as progress:
        frames = read_pool(project, pool, progress)
    report = thermo(frames, temperature or None)
    if plot is not None:
        draw(frames, report, plot)
    if write:
        write_metrics(project, frames, report)
    if as_json:
        typer.echo(json.dumps(report.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        _print(report)


def _print(report: "ThermoReport") -> None:
    """The phases of the run, the table by temperature, and the melting point."""
    from rich.console import Console
    from rich.table import Table

    typer.echo(
        f"{report.pool}: {report.frames:,} frames of {report.n_atoms} {report.element} atoms at "
        f"{report.pressure_bar:g} bar, {report.crossings} crossings"
    )
    for phase in report.phases:
        ends = [f"{count} → {other}" for other, count in phase.left_for.items()]
        ends += [f"{phase.unfinished} unfinished"] if phase.unfinished else []
        stay = f"{phase.visits} visits, longest {phase.longest_ps:.0f} ps" + (f": {', '.join(ends)}" if ends else "")
        typer.echo(f"  {phase.phase:<16}{phase.share:>6.1%} of the frames; {stay}")
    table = Table(box=None, pad_edge=False, header_style="")
    for head in ("T, K", "phase", "⟨H⟩, eV/atom", "⟨V⟩, Å³/atom", "C_p, k/atom", "frames"):
        table.add_column(head, justify="left" if head == "phase" else "right", no_wrap=True)
    for row in report.rows:
        table.add_row(
            f"{row.temperature_K:g}",
            row.phase,
            f"{row.enthalpy_eV_per_atom:.4f} ± {row.enthalpy_error_eV_per_atom:.4f}",
            f"{row.volume_A3_per_atom:.3f} ± {row.volume_error_A3_per_atom:.3f}",
            f"{row.heat_capacity_k_per_atom:.2f} ± {row.heat_capacity_error_k_per_atom:.2f}",
            f"{row.effective_frames:.0f}",
        )
    Console().print(table)
    typer.echo("H = U + PV without the kinetic 3/2·kT, C_p with it; frames: effective number; fewer than 20: left out")
    if report.melting is None:
        typer.echo("melting temperature: not covered, both phases must carry weight at one temperature of the window")
        return
    melting = report.melting
    text = f"melting: {melting.temperature_K:.0f} ± {melting.temperature_error_K:.0f} K (equal weights"
    if melting.latent_heat_eV_per_atom is not None and melting.volume_change_A3_per_atom is not None:
        text += f"; {melting.latent_heat_eV_per_atom * 1000:.0f} meV/atom"
        text += f", {melting.volume_change_A3_per_atom:+.2f} Å³/atom"
    typer.echo(text + ")")
    typer.echo(
        f"It is that of a periodic cell of {report.n_atoms} atoms, above the bulk's: the error goes about as 1/N; "
        "compare a larger supercell"
    )
