"""Commands for labels that are computed elsewhere: label write, label collect."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foundational.cli.options import Force, Json, Root, positive
from foundational.cli.output import emit
from foundational.cli.progress import progress_on_stderr

if TYPE_CHECKING:
    from foundational.interchange.jobs.writing import WrittenJobs
    from foundational.stages.collect.command import CollectedSet

LABEL_HELP = "Compute labels elsewhere: write inputs, collect outputs"
#: Refused outputs that are printed; --json has all.
_PRINTED = 20


@dataclass(frozen=True)
class Choice:
    """Which configurations are written."""

    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the first N.")] = None
    frames: Annotated[
        str | None, typer.Option("--frames", help="Only these, by place from 0: 0:40 or 3,7,9; default: all.")
    ] = None


def write(
    name: Annotated[str, typer.Argument(help="Dataset, pool or file with the configurations.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write, or to add to.")],
    *,
    code: Annotated[str, typer.Option("--code", help="vasp, qe, gpaw, cp2k or abinit.")],
    template: Annotated[
        Path, typer.Option("--template", help="Input file, or folder of input files, for every configuration.")
    ],
    choice: Choice,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Write inputs of a program, one folder a configuration.

    Each folder has the name of the configuration's id. DIR also holds a manifest and a job array for Slurm. The same
    command again writes what is missing.
    """
    from foundational.project import find_root
    from foundational.stages.label.command import Wanted, write_label_jobs

    with progress_on_stderr(f"writing {name}") as progress:
        written, excluded = write_label_jobs(
            find_root(root),
            name,
            code,
            folder,
            template,
            wanted=Wanted(choice.limit, choice.frames),
            progress=progress,
        )
    document = {
        "folder": str(folder),
        "code": code,
        "dataset": written.manifest.dataset,
        "folders": len(written.manifest.jobs),
        "new": written.new,
        "excluded": excluded,
        "template_sha256": written.manifest.template_sha256,
    }
    emit(document, as_json, lambda: _written(folder, written, excluded))


def _written(folder: Path, written: "WrittenJobs", excluded: dict[str, int]) -> Iterator[str]:
    for reason, count in excluded.items():
        yield f"excluded: {count:,} × {reason}"
    yield f"{folder}: {len(written.manifest.jobs):,} folders for {written.manifest.code}, {written.new:,} of them new"
    yield f"next: cd {folder}; sbatch job-array.sh; then foundational label collect {folder} --name local/NAME"


def collect(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that label write made, with the outputs.")],
    *,
    name: Annotated[
        str | None, typer.Option("--name", help="Dataset to store, local/<name>; without it only the table is printed.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the earlier labels beside the new ones, as another method.")
    ] = False,
    tolerance: Annotated[
        float,
        typer.Option("--tolerance", callback=positive, help="Largest distance of an atom from its place, Å."),
    ] = 1e-3,
    force: Force = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Collect labels from the outputs of a program.

    Each output is paired with a configuration by its geometry. Outputs that are cut, unconverged, doubled or of other
    settings are refused and counted. The same command again adds what arrived.
    """
    from foundational.project import find_root
    from foundational.stages.collect.command import collect_labels

    with progress_on_stderr(f"collecting {folder}") as progress:
        found = collect_labels(
            find_root(root), folder, name, keep=keep, tolerance=tolerance, force=force, progress=progress
        )
    emit(found.document(), as_json, lambda: _collected(found))


def _collected(found: "CollectedSet") -> Iterator[str]:
    from foundational.interchange.returned.output import PROBLEMS

    words: dict[str, str] = {"taken": "taken", "double": "the same labels again"}
    words |= {str(problem): text for problem, text in PROBLEMS.items()}
    document = found.document()
    rows = [("outputs", found.files)]
    rows += [(f"  {words[outcome]}", count) for outcome, count in found.collected.counts.items()]
    if document["moved"]:
        rows.append(("  in the folder of another configuration", len(document["moved"])))
    rows += [
        ("configurations", len(found.manifest.jobs)),
        ("  labelled", found.labelled),
    ]
    rows += [("  of these kept from an earlier collection", found.kept)] if found.kept else []
    rows += [("  all outputs refused", found.refused)] if found.refused else []
    rows += [("  no output yet", found.waiting)] if found.waiting else []
    width = max(len(text) for text, _ in rows)
    for text, count in rows:
        yield f"{text.ljust(width)}  {count:>8,}"
    bad = [verdict for verdict in found.collected.verdicts if verdict.outcome in PROBLEMS]
    for verdict in bad[:_PRINTED]:
        yield f"refused: {verdict.file}: {words[verdict.outcome]} ({verdict.detail})"
    if len(bad) > _PRINTED:
        yield f"refused: {len(bad) - _PRINTED:,} more; --json lists all"
    for moved in document["moved"][:_PRINTED]:
        yield f"moved: {moved['file']} is of {moved['id']}"
    for remark in found.collected.remarks:
        yield f"note: {remark}"
    settings = {**found.collected.settings, **({"k_points": ", ".join(found.collected.k_points[:4])})}
    yield "settings: " + "; ".join(f"{key} {value}" for key, value in settings.items() if value)
    if found.record is not None:
        state = "as before" if found.unchanged else "stored"
        yield f"datasets/{found.record.output.name}: {found.record.output.n_configurations:,} configurations, {state}"
