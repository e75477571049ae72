"""The group ``paper``: comparison with the source paper."""

from typing import Annotated

import typer

from foundational.cli.options import Root
from foundational.cli.output import say
from foundational.cli.progress import progress_on_stderr


def method(
    name: Annotated[str, typer.Argument(help="Method of params.yaml's section paper, such as random.")],
    root: Root = None,
) -> None:
    """Select by one method, train, and test.

    At every budget and seed of params.yaml, on everything that was not selected.
    """
    from foundational.project import find_root
    from foundational.reproduction.command import METRICS, compare_method

    with progress_on_stderr(f"comparing {name}") as progress:
        report = compare_method(find_root(root), name, progress=progress)
    for row in report["rows"]:
        errors = row[report["test"]]
        mean = {key: sum(errors[key]) / len(errors[key]) for key in errors}
        say(
            f"{row['frames']:>5,} frames, seed {row['seed']}: MAE {mean['mae_meV']:.3f}, p99 {mean['p99_meV']:.2f}, "
            f"max {mean['max_meV']:.1f} meV/atom"
        )
    say(f"{METRICS}/method-{name}.json")


def sets(
    settings: Annotated[
        str, typer.Argument(help="recipe (default settings) or published (those of the paper).")
    ] = "recipe",
    root: Root = None,
) -> None:
    """Train on four kinds of data and test each on all.

    The four are FCC, liquid, MOMT and distilled configurations.
    """
    from foundational.project import find_root
    from foundational.reproduction.command import METRICS, compare_sets

    with progress_on_stderr(f"training with {settings}") as progress:
        report = compare_sets(find_root(root), settings, progress=progress)
    for name, row in report["sets"].items():
        errors = {pool: sum(e["mae_meV"]) / len(e["mae_meV"]) for pool, e in row["errors"].items()}
        say(f"{name:<12}" + ", ".join(f"{pool} {error:.2f}" for pool, error in errors.items()) + " meV/atom")
    say(f"{METRICS}/sets-{settings}.json")


def page(root: Root = None) -> None:
    """Write the tables and figures of docs/paper.md.

    From the numbers in metrics/paper.
    """
    from foundational.project import find_root
    from foundational.reports.paper_page import write_page

    for path in write_page(find_root(root)):
        say(path)


def overview(root: Root = None) -> None:
    """Draw the figure of the README.

    From the numbers in metrics.
    """
    from foundational.project import find_root
    from foundational.reports.overview import write_overview

    say(write_overview(find_root(root)))


HELP = "Compare methods and training sets with the paper."
COMMANDS = {"method": method, "sets": sets, "page": page, "overview": overview}
