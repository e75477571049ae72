"""The commands of the pipeline: sample, holdout, distill, translate, validate."""

import json
from typing import Annotated

import typer

from foundational.cli.progress import progress_on_stderr
from foundational.cli.types import Force, Json, Name, Root, Workers


def register(app: typer.Typer) -> None:
    """Add this module's commands to ``app``."""
    for command in (sample, holdout, distill, translate, validate):
        app.command()(command)


def sample(
    pool: Annotated[str, typer.Argument(help="Pool of params.yaml, such as ni-momt-32.")],
    workers: Workers = 2,
    force: Force = False,
    root: Root = None,
) -> None:
    """Sample a pool by multiorder-multithermal MD or plain NPT; an interrupted run goes on where it was."""
    from foundational.project import find_root
    from foundational.stages.commands import sample_pool

    with progress_on_stderr(f"sampling {pool}") as progress:
        manifest = sample_pool(find_root(root), pool, workers=workers, force=force, progress=progress)
    record = manifest.record
    typer.echo(
        f"datasets/pools/{pool}: {record.output.n_configurations:,} configurations, "
        + ", ".join(f"{key} {value}" for key, value in record.details.items() if isinstance(value, int | str))
    )


def holdout(
    name: Annotated[str, typer.Argument(help="Holdout of params.yaml, such as ni-holdout.")],
    force: Force = False,
    root: Root = None,
) -> None:
    """Store frames of a pool on which nothing is ever trained or selected."""
    from foundational.project import find_root
    from foundational.stages.commands import store_holdout

    record = store_holdout(find_root(root), name, force=force)
    typer.echo(f"datasets/{name}: {record.output.n_configurations:,} configurations")


def distill(
    name: Annotated[str, typer.Argument(help="Distilled set of params.yaml, such as ni.")],
    force: Force = False,
    root: Root = None,
) -> None:
    """Choose the few configurations of a pool that train as well as the many, by active learning."""
    from foundational.project import find_root
    from foundational.stages.commands import distill_pool

    with progress_on_stderr(f"distilling {name}") as progress:
        record = distill_pool(find_root(root), name, force=force, progress=progress)
    for line in record.details["rounds"]:
        typer.echo(
            f"round {line['round']:>2}: trained on {line['frames']:>5,}, chose {line['chosen']:>4} of "
            f"{line['candidates']:>6,}; uncertainty median {line['median_uncertainty_meV']:.1f}, "
            f"max {line['max_uncertainty_meV']:.1f} meV"
        )
    typer.echo(f"datasets/{name}: {record.output.n_configurations:,} configurations")


def translate(
    parent: Annotated[str, typer.Argument(help="Dataset to translate.")] = "ni",
    to: Annotated[str, typer.Option("--to", help="Target element, such as Nb.")] = ...,  # type: ignore[assignment]
    name: Annotated[str | None, typer.Option(help="Name of the new dataset; default: local/<element>.")] = None,
    potential: Annotated[str | None, typer.Option(help="Potential of the target; default: the registry's.")] = None,
    rule: Annotated[str | None, typer.Option(help="lattice, nearest-neighbour or volume.")] = None,
    workers: Workers = 2,
    force: Force = False,
    root: Root = None,
) -> None:
    """Scale a dataset to another metal and label it with that metal's potential."""
    from foundational.project import find_root
    from foundational.stages.commands import translate_dataset

    with progress_on_stderr(f"translating {parent} to {to}") as progress:
        record = translate_dataset(
            find_root(root),
            parent,
            to,
            name=name,
            potential_id=potential,
            rule=rule,
            workers=workers,
            force=force,
            progress=progress,
        )
    made, details = record.output, record.details
    typer.echo(
        f"datasets/{made.name}: {made.n_configurations:,} configurations of {record.element}, scaled by "
        f"{details['scale']:.4f} ({details['rule']}), labelled by {record.labeller.id}"
    )
    if details["filtered"]:
        typer.echo(f"{len(details['filtered'])} left out; ids and reasons in datasets/{made.name}/provenance.json")


def validate(
    name: Name,
    seeds: Annotated[int | None, typer.Option(min=1, help="Networks to train; default: params.yaml.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Also write metrics/validate/NAME.json, as DVC does.")] = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Retrain on a dataset; do FCC, BCC and HCP come out as in the reference? Status 1 where a gate fails."""
    from foundational.cli.tables import validation_table
    from foundational.project import find_root
    from foundational.stages.commands import validate_dataset

    with progress_on_stderr(f"validating {name}") as progress:
        report = validate_dataset(find_root(root), name, seeds=seeds, write=write, progress=progress)
    if as_json:
        typer.echo(json.dumps(report.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        typer.echo(validation_table(report))
    if not report.passed:
        for gate in report.gates:
            if gate.ok is False:
                typer.echo(f"gate {gate.name} failed: {gate.message}", err=True)
        raise typer.Exit(1)
