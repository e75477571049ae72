"""Commands about potentials trained on a dataset: train, evaluate."""

import json
from pathlib import Path
from typing import Annotated

import typer

from foundational.cli.progress import progress_on_stderr
from foundational.cli.types import Json, Name, Root

Device = Annotated[str, typer.Option(help="cpu (compiled kernels), or a device of torch's such as cuda.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands to ``app``."""
    app.command()(train)
    app.command()(evaluate)


def train(
    name: Name,
    output: Annotated[Path, typer.Option("-o", "--output", help="Model file to write.")],
    frames: Annotated[int | None, typer.Option(min=1, help="Train on this many, drawn at random.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw and of the weights.")] = 0,
    settings: Annotated[str, typer.Option(help="recipe or published, of params.yaml.")] = "recipe",
    memory: Annotated[str, typer.Option(help="Most that training takes; changes no result.")] = "4 GiB",
    device: Device = "cpu",
    root: Root = None,
) -> None:
    """Train an ANI ensemble on a dataset's training split and write it as one safe file."""
    from foundational.project import find_root
    from foundational.specs.base import size_in_bytes
    from foundational.stages.train.command import train_model

    with progress_on_stderr(f"training on {name}") as progress:
        ensemble = train_model(
            find_root(root),
            name,
            output,
            frames=frames,
            seed=seed,
            settings=settings,
            memory=size_in_bytes(memory),
            device=device,
            progress=progress,
        )
    typer.echo(f"{output}: {ensemble.members} networks, {ensemble.id}")


def evaluate(
    model: Annotated[Path, typer.Argument(help="Model file, as written by train.")],
    data: Annotated[str, typer.Argument(help="Dataset, or an extxyz file with REF_energy and REF_forces.")],
    device: Device = "cpu",
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Energy and force errors of a model on a dataset or an extxyz file."""
    from foundational.stages.train.command import evaluate_model

    with progress_on_stderr(f"evaluating on {data}") as progress:
        errors = evaluate_model(model, data, root, device=device, progress=progress)
    if as_json:
        typer.echo(json.dumps(errors, indent=2, allow_nan=False))
        return
    for key, value in errors.items():
        typer.echo(f"{key:<28} {value:.4g}")
