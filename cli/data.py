"""Commands about stored datasets: show, check."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from foundational.cli.progress import progress_on_stderr
from foundational.cli.types import Json, Name, Root


def register(app: typer.Typer) -> None:
    """Add this module's commands to ``app``."""
    app.command()(show)
    app.command()(check)


def show(name: Name, as_json: Json = False, root: Root = None) -> None:
    """Say what a dataset is: element, size, labeller, parent, fingerprint."""
    from foundational.inspection.show import show as describe

    shown = describe(name, root)
    if as_json:
        typer.echo(json.dumps(shown, indent=2, ensure_ascii=False, allow_nan=False))
        return
    for key, value in shown.items():
        typer.echo(f"{key.replace('_', ' '):<17} {_plain(value)}")


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_plain(v)}" for k, v in value.items())
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else str(value)


def check(
    name: Annotated[str, typer.Argument(help="Dataset, such as ni or local/nb, or the path of one.")],
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Check a dataset: bytes, schema, units, ids, duplicates, distances, forces; status 1 on a breach."""
    from foundational.inspection.check import check as examine

    with progress_on_stderr(f"checking {Path(name).name}") as progress:
        report = examine(name, root, progress=progress)
    if as_json:
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        for violation in report["violations"]:
            typer.echo(f"FAIL  {violation}")
        typer.echo(
            f"{report['name']}: {report['n_configurations']:,} configurations, "
            + (f"{len(report['violations'])} rules broken" if report["violations"] else "every rule holds")
        )
    if report["violations"]:
        raise typer.Exit(1)
