"""Commands that compare with the paper: methods of selection, training sets, the page of results."""

from typing import Annotated

import typer

from foundational.cli.progress import progress_on_stderr
from foundational.cli.types import Root

_app = typer.Typer(help="Compare with the source paper; `dvc repro paper` runs all of it.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this module's commands to ``app``."""
    app.add_typer(_app, name="paper")


@_app.command()
def method(
    name: Annotated[str, typer.Argument(help="Method of params.yaml's section paper, such as random.")],
    root: Root = None,
) -> None:
    """Select by one method at every budget and seed, train, test on everything held out."""
    from foundational.project import find_root
    from foundational.reproduction.command import METRICS, compare_method

    with progress_on_stderr(f"comparing {name}") as progress:
        found = compare_method(find_root(root), name, progress=progress)
    for row in found["rows"]:
        errors = row[found["test"]]
        mean = {key: sum(errors[key]) / len(errors[key]) for key in errors}
        typer.echo(
            f"{row['frames']:>5,} frames, seed {row['seed']}: MAE {mean['mae_meV']:.3f}, p99 {mean['p99_meV']:.2f}, "
            f"max {mean['max_meV']:.1f} meV/atom"
        )
    typer.echo(f"{METRICS}/method-{name}.json")


@_app.command()
def sets(
    settings: Annotated[str, typer.Argument(help="recipe or published, of params.yaml.")] = "recipe",
    root: Root = None,
) -> None:
    """Train on FCC, liquid, MOMT and distilled data and test each on all."""
    from foundational.project import find_root
    from foundational.reproduction.command import METRICS, compare_sets

    with progress_on_stderr(f"training with {settings}") as progress:
        found = compare_sets(find_root(root), settings, progress=progress)
    for name, row in found["sets"].items():
        errors = {pool: sum(e["mae_meV"]) / len(e["mae_meV"]) for pool, e in row["errors"].items()}
        typer.echo(f"{name:<12}" + ", ".join(f"{pool} {error:.2f}" for pool, error in errors.items()) + " meV/atom")
    typer.echo(f"{METRICS}/sets-{settings}.json")


@_app.command()
def page(root: Root = None) -> None:
    """Write the tables of docs/paper.md and its figures from the numbers in metrics/paper."""
    from foundational.project import find_root
    from foundational.reports.paper_page import write_page

    for path in write_page(find_root(root)):
        typer.echo(path)
