"""The group ``survey``: how well translation serves many metals, and translated sets on whole pools."""

from typing import Annotated

import typer

from foundational.cli.options import Json, Root, Transfer, Workers, crystals_named
from foundational.cli.output import emit
from foundational.cli.progress import progress_on_stderr


def run(
    element: Annotated[str, typer.Argument(help="A metal of translate.metals in params.yaml, such as Cu.")],
    *,
    transfer: Transfer,
    workers: Workers = 2,
    write: Annotated[
        bool, typer.Option("--write", help="Also write metrics/translate/ELEMENT.json, as DVC does.")
    ] = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Translate to one metal, train on it, test the result.

    The networks are tested on relaxed crystals and on solid and liquid configurations that were not trained on.
    """
    from foundational.project import find_root
    from foundational.reports.survey_page import metals_table
    from foundational.stages.survey.command import survey_metal
    from foundational.stages.translate.command import Transfer as TransferChoice

    crystals = crystals_named(transfer.crystals)
    variation = TransferChoice(transfer.rule, crystals, transfer.refine, transfer.refine_from)

    with progress_on_stderr(f"translating to {element}") as progress:
        report = survey_metal(
            find_root(root), element, variation=variation, workers=workers, write=write, progress=progress
        )
    emit(report, as_json, lambda: [metals_table({element: report})])


def page(as_json: Json = False, root: Root = None) -> None:
    """Write the tables of all metals and tested sets.

    Gathers the reports of all metals into metrics/translate.json and writes the tables of docs/translation.md.
    """
    from foundational.project import find_root
    from foundational.reports.survey_page import metals_table, write_survey

    reports = write_survey(find_root(root))
    document = {element: report.model_dump(mode="json") for element, report in reports.items()}
    emit(document, as_json, lambda: [metals_table(reports)])


def pool(
    name: Annotated[str, typer.Argument(help="Translated dataset, such as nb.")],
    pool: Annotated[
        str | None, typer.Option("--pool", help="Pool of its metal; default: translate.parity of params.yaml.")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Also write metrics/parity/NAME.json, as DVC does.")] = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Train on a dataset and test on a whole pool.

    The errors on every configuration of a pool of the same metal, by energy.
    """
    from foundational.project import find_root
    from foundational.reports.survey_page import pool_test_table
    from foundational.stages.survey.command import run_pool_test

    with progress_on_stderr(f"testing {name}") as progress:
        report = run_pool_test(find_root(root), name, pool, write=write, progress=progress)
    emit(report, as_json, lambda: [pool_test_table([report])])


HELP = "Test translation on many metals and on whole pools."
COMMANDS = {"run": run, "pool": pool, "page": page}
