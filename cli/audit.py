"""The command that audits a distilled set."""

import json
from typing import Any

import typer

from foundational.cli.progress import progress_on_stderr
from foundational.cli.types import Json, Name, Root


def register(app: typer.Typer) -> None:
    """Add this module's command to ``app``."""
    app.command()(audit)


def audit(name: Name, as_json: Json = False, root: Root = None) -> None:
    """Say why each frame of a distilled set is in it, what it keeps of its pool, and where models on it err."""
    from foundational.project import find_root
    from foundational.stages.distill.audit import audit as examine

    with progress_on_stderr(f"auditing {name}") as progress:
        found = examine(find_root(root), name, progress=progress)
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False))
        return
    typer.echo(f"{found['name']}: chosen from {found['pool']} by the method {found['method']}")
    for line in found["rounds"]:
        reasons = ", ".join(line["because"])
        at = f"{line['least_meV']:.2f} … {line['largest_meV']:.2f} meV" if line["least_meV"] is not None else ""
        typer.echo(f"round {line['round']:>2}: {line['frames']:>5,} frames, {reasons:<12} {at}")
    typer.echo(_entropy(found["entropy"]))
    errors = found["errors"]
    if errors is None:
        typer.echo("errors: no holdout of this metal and labeller is here")
        return
    typer.echo(f"errors on {errors['holdout']}: {errors['mae_meV']:.3f} meV/atom")
    for key, digits in (("by_energy_per_atom", 3), ("by_order_parameter", 3), ("by_phase", 0)):
        for part in errors[key] or []:
            where = part["phase"] if "phase" in part else f"{part['from']:.{digits}f} … {part['to']:.{digits}f}"
            typer.echo(f"  {key[3:].replace('_', ' '):<16} {where:<18} {_part(part)}")


def _part(part: dict[str, Any]) -> str:
    return f"{part['frames']:>4} frames, mean {part['mae_meV']:.3f}, largest {part['max_meV']:.2f} meV/atom"


def _entropy(found: dict[str, Any] | None) -> str:
    if found is None:
        return "entropy: needs the pool on this machine and the library quests (pip install 'foundational[quests]')"
    return (
        f"entropy of {found['frames_of_each']} frames: {found['entropy']:.2f} nats, of as many of the pool "
        f"{found['pool_entropy']:.2f}; {found['overlap']:.1%} of the pool's environments overlap with the set"
    )
