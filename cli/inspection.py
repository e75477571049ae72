"""Commands about stored datasets: list, show, check, card, blame."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from foundational.cli.options import Json, NameOrPath, Root, Where
from foundational.cli.output import emit, warn
from foundational.cli.progress import Execution, progress_on_stderr

if TYPE_CHECKING:
    from foundational.checks.report import CheckReport
    from foundational.inspection.blame import Blame
    from foundational.inspection.listing import ListedDataset


def list_datasets(where: Where = None, as_json: Json = False, root: Root = None) -> None:
    """List datasets, pools and your own sets.

    Outside a project it lists the releases that were pulled to the user's folder. With --where it also counts the
    configurations of each that fulfil the condition.
    """
    from foundational.inspection.listing import count_where, list_all

    listed = list_all(root)
    document: dict[str, Any] = {"datasets": [vars(dataset) for dataset in listed]}
    counts = None if where is None else count_where(listed, where, root)
    if counts is not None:
        document |= {"where": where, "selected": counts}
    emit(document, as_json, lambda: _table(listed) if counts is None else _counts(counts))


def _counts(counts: dict[str, int | None]) -> Iterator[str]:
    """How many configurations fulfil a condition."""
    width = max(map(len, counts), default=0)
    for name, count in counts.items():
        yield f"{name:<{width}}  {'data are not here' if count is None else f'{count:,}'}"


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


def show(name: NameOrPath, where: Where = None, as_json: Json = False, root: Root = None) -> None:
    """Show a dataset's element, size, labeller and parent."""
    from foundational.inspection import show as library

    shown = library.show(name, root, where=where)
    emit(shown, as_json, lambda: [f"{key.replace('_', ' '):<17} {_plain(value)}" for key, value in shown.items()])


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_plain(v)}" for k, v in value.items())
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else str(value)


def check(
    name: NameOrPath,
    *,
    limit: Annotated[
        list[str] | None,
        Option("--limit", metavar="NAME=NUMBER", help="Set a limit of a rule; repeatable. See docs/check.md."),
    ] = None,
    html: Annotated[
        Path | None, Option("--html", metavar="FILE", help="Write the report as one page that needs no network.")
    ] = None,
    deep: Annotated[
        bool,
        Option("--deep", help="Also train networks and compare units, sign and order of labels with the networks."),
    ] = False,
    execution: Execution,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Check a dataset or a file of labels: one line a rule.

    The rules look at bytes, layout, distances, energies, net forces, duplicates, isolated atoms, and at unit, sign and
    order of the stress. The exit status is 1 where a rule finds a defect.
    """
    import typer

    from foundational.data.streaming.allocation import reuse_freed_memory

    reuse_freed_memory()  # before numpy is imported
    from foundational.checks.limits import limits_of
    from foundational.inspection import check as library

    limits = limits_of(limit or [], library.limits_for(root))
    with progress_on_stderr(f"checking {Path(name).name}") as progress:
        report = library.check(name, root, limits=limits, execution=execution.other, progress=progress)
        if deep:
            from foundational.stages.check.command import deep_findings

            findings = (*report.findings, *deep_findings(name, root, progress=progress))
            report = report.model_copy(update={"findings": findings})
    if html is not None:
        library.write_page(report, html)
    emit(report, as_json, lambda: _findings(report))
    if report.defects:
        raise typer.Exit(1)


def _findings(report: "CheckReport") -> Iterator[str]:
    width = max(len(finding.rule) for finding in report.findings)
    for finding in report.findings:
        action = f"; {finding.action}" if finding.action else ""
        status = "FAIL" if finding.status == "defect" else finding.status
        yield f"{status:<14}  {finding.rule:<{width}}  {finding.message}{action}"
    number = len(report.defects)
    found = f"{number} defect{'s' if number > 1 else ''}" if number else "no defect"
    yield f"{report.name}: {report.n_configurations:,} configurations, {found}"


def card(
    name: NameOrPath,
    output: Annotated[Path, Option("-o", "--output", help="Page to write; its numbers come beside it as .json.")],
    still: Annotated[bool, Option("--still", help="Only still figures: a smaller page without JavaScript.")] = False,
    where: Where = None,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Write a dataset's card, one page for a browser.

    It shows what is inside, in which units, by which method, how the set was made and tested, its limits, and what to
    cite. What is not known is not shown. Every number is in the record beside the page.
    """
    from foundational.card.drawing.viewer import chemiscope_library
    from foundational.card.sources import read_card
    from foundational.card.writing import write_card

    with progress_on_stderr(f"card of {Path(name).name}") as progress:
        made = read_card(name, root, where=where, progress=progress)
    interactive = not still and chemiscope_library() is not None
    page, record = write_card(made, output, interactive=interactive)
    shown = made.record.map
    document = {
        "name": made.record.name,
        "version": made.record.version,
        "fingerprint": made.record.fingerprint,
        "page": str(page),
        "record": str(record),
        "bytes": page.stat().st_size,
        "interactive": interactive,
        "configurations": shown.total,
        "shown": len(shown.rows),
    }
    lines = [
        f"{page}: the card of {made.record.name}, {_bytes(page.stat().st_size)}; its numbers are in {record}",
        f"{len(shown.rows):,} of {shown.total:,} configurations are points of the map",
    ]
    emit(document, as_json, lambda: lines)
    if not interactive and not still and not as_json:
        warn("the map is still; for the interactive one: pip install 'foundational[cards]'")


def blame(
    name: NameOrPath,
    identity: Annotated[str, Argument(metavar="ID", help="Id of the configuration, or its first digits.")],
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Show where a configuration came from, step by step.

    Each step names the dataset, what was done, the method of the labels, and what is known of the configuration there.
    """
    from foundational.inspection.blame import blame as follow

    found = follow(name, identity, root)
    emit(found, as_json, lambda: _steps(found))


_UNITS = {"uncertainty": " eV", "energy_per_atom": " eV/atom"}


def _steps(found: "Blame") -> Iterator[str]:
    yield f"{found.name}: configuration {found.id}"
    if found.removed_in is not None:
        yield f"removed in {found.removed_in}: {found.reason}"
    for step in found.steps:
        version = f"@{step.version}" if step.version else ""
        place = f", configuration {step.row}" if step.row is not None else ""
        yield f"{step.dataset}{version}{place}: {step.did}, labelled by {step.by}"
        facts = [
            f"{key.replace('_', ' ')} {value:.6g}{_UNITS.get(key, '')}"
            if isinstance(value, float)
            else f"{key.replace('_', ' ')} {value}"
            for key, value in step.facts.items()
        ]
        if facts:
            yield "    " + ", ".join(facts)
        if step.id is not None and step.id != found.id:
            yield f"    its id there is {step.id}"
        if step.note:
            yield f"    {step.note}"
