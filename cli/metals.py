"""The commands of the periodic table of translations."""

import json
from typing import Annotated

import typer

from foundational.cli.labelling import CrystalNames, crystals_named
from foundational.cli.progress import progress_on_stderr
from foundational.cli.types import Json, Root, Workers


def register(app: typer.Typer) -> None:
    """Add this module's commands to ``app``."""
    app.command()(metal)
    app.command()(metals)
    app.command()(parity)


def metal(
    element: Annotated[str, typer.Argument(help="A metal of translate.metals in params.yaml, such as Cu.")],
    rule: Annotated[str | None, typer.Option(help="Another rule than params.yaml has, to compare.")] = None,
    crystals: CrystalNames = None,
    refine: Annotated[
        int, typer.Option("--refine", min=0, help="Add so many frames of the metal itself, to compare.")
    ] = 0,
    refine_from: Annotated[
        str | None, typer.Option("--refine-from", help="Pool that they come from; default: a short MOMT run.")
    ] = None,
    workers: Workers = 2,
    write: Annotated[
        bool, typer.Option("--write", help="Also write metrics/translate/ELEMENT.json, as DVC does.")
    ] = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Carry the parent to a metal, train on it, and judge crystals and held-out solid and liquid."""
    from foundational.project import find_root
    from foundational.reports.survey_page import table
    from foundational.stages.survey.stage import judge_metal

    with progress_on_stderr(f"translating to {element}") as progress:
        report = judge_metal(
            find_root(root),
            element,
            rule=rule,
            crystals=crystals_named(crystals),
            refine_by=refine,
            refine_from=refine_from,
            workers=workers,
            write=write,
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps(report.model_dump(mode="json"), indent=2, ensure_ascii=False))
    else:
        typer.echo(table({element: report}))


def metals(as_json: Json = False, root: Root = None) -> None:
    """Gather the reports of all metals into metrics/translate.json and the table of docs/translation.md."""
    from foundational.project import find_root
    from foundational.reports.survey_page import table, write_metals

    found = write_metals(find_root(root))
    if as_json:
        shown = {element: report.model_dump(mode="json") for element, report in found.items()}
        typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))
    else:
        typer.echo(table(found))


def parity(
    name: Annotated[str, typer.Argument(help="Translated dataset, such as nb.")],
    pool: Annotated[
        str | None, typer.Option(help="Pool of its metal; default: translate.parity of params.yaml.")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Also write metrics/parity/NAME.json, as DVC does.")] = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Train on a dataset and test on every frame of a pool of the same metal, by energy."""
    from foundational.project import find_root
    from foundational.reports.survey_page import parity_table
    from foundational.stages.survey.pool_test import judge_on_pool

    with progress_on_stderr(f"testing {name}") as progress:
        report = judge_on_pool(find_root(root), name, pool, write=write, progress=progress)
    if as_json:
        typer.echo(json.dumps(report.model_dump(mode="json"), indent=2, ensure_ascii=False))
    else:
        typer.echo(parity_table([report]))
