"""The command that adds configurations of recipes: augment."""

from typing import Annotated

import typer

from foundational.cli.options import Force, Labelling, Root, positive
from foundational.cli.output import say
from foundational.cli.progress import progress_on_stderr
from foundational.errors import InputError


def augment(
    name: Annotated[str, typer.Argument(help="Set of params.yaml, or local/<name>.")],
    parent: Annotated[str | None, typer.Option("--from", help="Set to which configurations are added.")] = None,
    recipe: Annotated[
        list[str] | None,
        typer.Option(
            "--recipe",
            help="name=count: scaled, strained, short-pairs, vacancies, surfaces, free-atoms, dimers (repeatable).",
        ),
    ] = None,
    shortest: Annotated[
        float | None,
        typer.Option("--shortest", callback=positive, help="Shortest distance of atoms, Å; default 1."),
    ] = None,
    *,
    labelling: Labelling,
    force: Force = False,
    root: Root = None,
) -> None:
    """Add compressed, strained and defective configurations to a dataset.

    Each recipe builds a number of configurations. The method that labelled the dataset labels them.
    """
    from foundational.labelling.session import LabellingChoice
    from foundational.project import find_root
    from foundational.stages.augment.command import augment_dataset

    choice = LabellingChoice(
        labelling.labeller, None, labelling.arguments, labelling.isolated_energy, labelling.executor, labelling.workers
    )
    with progress_on_stderr(f"augmenting {parent or name}") as progress:
        record = augment_dataset(
            find_root(root),
            name,
            parent=parent,
            recipes=_counts(recipe or []) or None,
            shortest=shortest,
            labelling=choice,
            force=force,
            progress=progress,
        )
    added = ", ".join(f"{count} {recipe}" for recipe, count in record.details["added"].items())
    say(f"datasets/{record.output.name}: {record.output.n_configurations:,} configurations; added {added}")
    if record.details["filtered"]:
        path = f"datasets/{record.output.name}/provenance.json"
        say(f"{len(record.details['filtered'])} configurations were excluded; ids and reasons: {path}")


def _counts(texts: list[str]) -> dict[str, int]:
    """Recipes and their numbers from the options."""
    counts: dict[str, int] = {}
    for text in texts:
        name, _, number = text.partition("=")
        if not number.isdecimal() or int(number) < 1:
            raise InputError(f"--recipe: expected name=count, such as vacancies=40, got {text!r}")
        counts[name] = int(number)
    return counts
