"""Commands about stored datasets: list, show, check."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from foundational.cli.options import Json, NameOrPath, Root
from foundational.cli.output import emit
from foundational.cli.progress import progress_on_stderr


def show(name: NameOrPath, as_json: Json = False, root: Root = None) -> None:
    """Show a dataset's element, size, labeller and parent."""
    from foundational.inspection import show as library

    shown = library.show(name, root)
    emit(shown, as_json, lambda: [f"{key.replace('_', ' '):<17} {_plain(value)}" for key, value in shown.items()])


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_plain(v)}" for k, v in value.items())
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else str(value)


def check(name: NameOrPath, as_json: Json = False, root: Root = None) -> None:
    """Check a dataset: bytes, units, distances, forces.

    Also the schema, ids and duplicates, and the record beside the data. The exit status is 1 where a rule is broken.
    """
    import typer

    from foundational.inspection import check as library

    with progress_on_stderr(f"checking {Path(name).name}") as progress:
        report = library.check(name, root, progress=progress)
    emit(report, as_json, lambda: _violations(report))
    if report["violations"]:
        raise typer.Exit(1)


def _violations(report: dict[str, Any]) -> Iterator[str]:
    for violation in report["violations"]:
        yield f"FAIL  {violation}"
    yield f"{report['name']}: {report['n_configurations']:,} configurations, " + (
        f"{len(report['violations'])} rules broken" if report["violations"] else "every rule holds"
    )
