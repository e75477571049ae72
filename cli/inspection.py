"""Commands about stored datasets: list, show, check."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundational.cli.options import Json, NameOrPath, Root
from foundational.cli.output import emit
from foundational.cli.progress import progress_on_stderr

if TYPE_CHECKING:
    from foundational.inspection.listing import ListedDataset


def list_datasets(as_json: Json = False, root: Root = None) -> None:
    """List datasets, pools and your own sets.

    Outside a project it lists the releases that were pulled to the user's folder.
    """
    from foundational.inspection.listing import list_all

    listed = list_all(root)
    emit({"datasets": [vars(dataset) for dataset in listed]}, as_json, lambda: _table(listed))


def _table(listed: "list[ListedDataset]") -> Iterator[str]:
    if not listed:
        yield "no datasets here; download a release with: foundational pull NAME --from URL"
        return
    rows = [("name", "version", "element", "configurations", "size", "data", "validated")]
    for entry in listed:
        count = "–" if entry.n_configurations is None else f"{entry.n_configurations:,}"
        validated = {True: "passed", False: "failed", None: "–"}[entry.validated]
        where = "here" if entry.here else "not here"
        rows.append(
            (entry.name, entry.version or "–", entry.element or "–", count, _bytes(entry.size), where, validated)
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.rjust(width) if column in {3, 4} else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
    for entry in listed:
        if entry.problem:
            yield f"{entry.name}: {entry.problem}"
    missing = [entry.name for entry in listed if not entry.here and entry.kind == "dataset"]
    if missing:
        yield f"fetch data that are not here with: dvc pull datasets/{missing[0]}/data.zarr"


def _bytes(size: int | None) -> str:
    """A size in the largest unit that leaves a number above 1.

    >>> _bytes(1_234_000)
    '1.2 MB'
    """
    if size is None:
        return "–"
    number, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if number < 1000:
            break
        number, unit = number / 1000, larger
    return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"


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
