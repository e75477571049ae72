"""Commands that train networks: validate, train, evaluate."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foundational.cli.options import (
    Device,
    Draw,
    Json,
    LabellerChoice,
    Name,
    Plot,
    Root,
    Validation,
    Where,
    Workers,
)
from foundational.cli.output import emit, say, warn
from foundational.cli.progress import Execution, TrainExecution, progress_on_stderr

if TYPE_CHECKING:  # at run time this would import torch
    pass


def validate(
    name: Name,
    *,
    chosen: Validation,
    labeller: LabellerChoice,
    execution: Execution,
    plot: Plot = None,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Retrain on a dataset and test the physics gates.

    Networks that are trained on it are tested on a holdout, on the energy ranking of FCC, BCC and HCP, and on
    properties of the crystals (docs/validation.md). The exit status is 1 where a gate fails. A dataset with an ASE
    labeller needs --labeller, because that runs your code.
    """
    from foundational.project import find_root
    from foundational.stages.validate.command import ValidateOptions, validate_dataset

    options = ValidateOptions(
        members=chosen.seeds,
        labeller=labeller.labeller,
        arguments=labeller.arguments,
        holdout=chosen.holdout,
        properties=chosen.named,
        write=chosen.write,
        execution=execution.chosen,
    )
    project = find_root(root)
    with progress_on_stderr(f"validating {name}") as progress:
        report = validate_dataset(project, name, options, progress=progress)
    if plot is not None:
        from foundational.pictures.validation import draw_validation

        draw_validation(report, plot)
    emit(report, as_json, report.lines)
    if not report.passed:
        for gate in report.failed:
            warn(f"gate {gate.name} failed: {gate.message}")
        raise typer.Exit(1)


def reference(
    name: Name,
    *,
    properties: Annotated[
        str | None,
        typer.Option("--properties", help="Only these beside the crystals, such as elastic,vacancy."),
    ] = None,
    workers: Workers = 1,
    force: Annotated[bool, typer.Option("--force", help="Replace values that are stored already.")] = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Compute reference values by an expensive method.

    They are the crystals and properties with which networks are compared.

    They are stored in metrics/reference/NAME.json, so that a validation needs no such calculation (docs/dft.md). Which
    ones params.yaml states in validate.references. Labels are kept one by one: after a kill the same command resumes.
    """
    from foundational.project import find_root
    from foundational.specs.materials import properties_named
    from foundational.stages.reference.command import compute_reference

    chosen = None if properties is None else properties_named(properties.split(","))
    with progress_on_stderr(f"computing crystals for {name}") as progress:
        found = compute_reference(
            find_root(root), name, properties=chosen, force=force, workers=workers, progress=progress
        )
    emit(found, as_json, found.lines)


def train(
    name: Name,
    output: Annotated[Path, typer.Option("-o", "--output", help="Model file to write.")],
    *,
    draw: Draw,
    settings: Annotated[
        str,
        typer.Option("--settings", help="general, recipe (without pair potential) or published (the paper's)."),
    ] = "general",
    short_range: Annotated[
        str,
        typer.Option(
            "--short-range",
            help="Repulsion below the shortest distances of the data: labeller (pairs of atoms by the potential that "
            "labelled them, or else ZBL), zbl, or none.",
        ),
    ] = "labeller",
    execution: TrainExecution,
    root: Root = None,
) -> None:
    """Train an ANI ensemble and write one model file.

    Trains on the training split of the dataset. The file holds no code that could run.
    """
    from foundational.project import find_root
    from foundational.specs.ani import settings_named, short_range_named
    from foundational.specs.base import size_in_bytes
    from foundational.stages.train.command import train_model
    from foundational.stages.train.stage import TrainOptions

    options = TrainOptions(
        draw.frames,
        draw.random,
        draw.seed,
        settings_named(settings),
        size_in_bytes(execution.memory),
        execution.device,
        short_range_named(short_range),
    )

    with progress_on_stderr(f"training on {name}") as progress:
        ensemble = train_model(
            find_root(root),
            name,
            output,
            options,
            where=draw.where,
            start_from=draw.start_from,
            execution=execution.chosen,
            progress=progress,
        )
    say(f"{output}: {ensemble.members} networks, {ensemble.id}")


def evaluate(
    model: Annotated[Path, typer.Argument(help="Model file, as written by train.")],
    data: Annotated[str, typer.Argument(help="Dataset, or an extxyz file with REF_energy and REF_forces.")],
    device: Device = "cpu",
    where: Where = None,
    plot: Plot = None,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Compute a model's errors of energy and forces."""
    from foundational.evaluation.errors import lines_of
    from foundational.stages.train.command import evaluate_model

    seen = None
    if plot is not None:
        from foundational.pictures.errors import Seen

        seen = Seen()
    with progress_on_stderr(f"evaluating on {data}") as progress:
        errors = evaluate_model(model, data, root, where=where, device=device, seen=seen, progress=progress)
    if plot is not None and seen is not None:
        from foundational.pictures.errors import draw_errors

        draw_errors(seen, errors, f"{model.name} on {data}", plot)
    emit(errors.as_dict(), as_json, lambda: lines_of(errors))
