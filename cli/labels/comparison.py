"""The command compare-labels: two theories of the same configurations."""

from typing import Annotated

import typer

from foundational.cli.options import Json, Root, positive
from foundational.cli.output import emit


def compare_labels(
    a: Annotated[str, typer.Argument(metavar="A", help="Dataset, released version, path or file.")],
    b: Annotated[
        str | None, typer.Argument(metavar="[B]", help="Another one; without it, two methods of A are compared.")
    ] = None,
    *,
    methods: Annotated[
        str | None, typer.Option("--methods", help="Two methods by id, separated by a comma; default: the first ones.")
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option("--tolerance", callback=positive, help="Å; nearer configurations without a common id are equal."),
    ] = 1e-3,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Compare the labels of two methods.

    For configurations that both have: one energy offset for each element, then the scatter of energies, forces and
    stresses, by phase, and what it means for training.
    """
    from foundational.project import project_or_none
    from foundational.stages.compare_labels.command import compare_labels as library

    chosen = None if methods is None else [word.strip() for word in methods.split(",")]
    report = library(project_or_none(root), a, b, methods=chosen, tolerance=tolerance)
    emit(report, as_json, report.lines)
