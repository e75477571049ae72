"""Groups of commands that compare with published work and with whole pools: survey, paper."""

from typing import Annotated

import typer

from foundational.cli.options import Force, Json, Plot, Root, Transfer, crystals_named
from foundational.cli.output import emit, say, warn
from foundational.cli.progress import SamplingExecution, progress_on_stderr


def run(
    element: Annotated[str, typer.Argument(help="A metal of translate.metals in params.yaml, such as Cu, or all.")],
    *,
    transfer: Transfer,
    execution: SamplingExecution,
    write: Annotated[
        bool, typer.Option("--write", help="Also write metrics/translate/ELEMENT.json, as DVC does.")
    ] = False,
    plot: Plot = None,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Translate to one metal, train on it, test the result.

    The networks are tested on relaxed crystals and on solid and liquid configurations that were not trained on. With
    all, each metal is a task of the executor.
    """
    from foundational.errors import InputError
    from foundational.project import find_root
    from foundational.reports.survey_page import metals_table
    from foundational.stages.survey.command import survey_metal, survey_metals
    from foundational.stages.translate.command import Transfer as TransferChoice

    crystals = crystals_named(transfer.crystals)
    if element == "all":
        if transfer != Transfer() or plot is not None:
            raise InputError("expected no --plot and no options of the translation with all metals; name one metal")
        with progress_on_stderr("translating to all metals") as progress:
            reports = survey_metals(find_root(root), execution=execution.chosen, write=write, progress=progress)
        document = {metal: report.model_dump(mode="json") for metal, report in reports.items()}
        emit(document, as_json, lambda: [metals_table(reports)])
        return
    variation = TransferChoice(transfer.rule, crystals, transfer.refine, transfer.refine_from)

    with progress_on_stderr(f"translating to {element}") as progress:
        report = survey_metal(
            find_root(root), element, variation=variation, execution=execution.chosen, write=write, progress=progress
        )
    if plot is not None:
        from foundational.pictures.survey import draw_metal

        draw_metal(element, report, plot)
    emit(report, as_json, lambda: [metals_table({element: report})])


def survey_page(as_json: Json = False, root: Root = None) -> None:
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
    plot: Plot = None,
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
    if plot is not None:
        from foundational.pictures.survey import draw_pool_test

        draw_pool_test(report, plot)
    emit(report, as_json, lambda: [pool_test_table([report])])


def alloy_holdout(
    name: Annotated[str, typer.Argument(help="Holdout of compounds.holdouts in params.yaml, such as ni-al-holdout.")],
    force: Force = False,
    root: Root = None,
) -> None:
    """Store test frames of an alloy.

    Ordered and random solids and liquids of several compositions, run by the alloy's own potential. Nothing is trained
    on them.
    """
    from foundational.project import find_root
    from foundational.stages.alloy_holdout.command import store_alloy_holdout

    with progress_on_stderr(f"running {name}") as progress:
        record = store_alloy_holdout(find_root(root), name, force=force, progress=progress)
    say(f"datasets/{name}: {record.output.n_configurations:,} configurations of {record.element}")


def pairs(
    pair: Annotated[str, typer.Argument(help="A pair of the section pairs in params.yaml, such as Ni-Al, or all.")],
    *,
    execution: SamplingExecution,
    write: Annotated[bool, typer.Option("--write", help="Also write metrics/pairs/PAIR.json, as DVC does.")] = False,
    plot: Plot = None,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Translate to a pair of elements, train on it, test the result.

    The networks are tested on formation energies and stability of ordered compounds, on random alloys, and on solids
    and liquids that were not trained on.
    """
    from foundational.errors import InputError
    from foundational.project import find_root
    from foundational.reports.pairs_page import pairs_table, summary
    from foundational.stages.pairs.command import survey_pair, survey_pairs

    if pair == "all":
        if plot is not None:
            raise InputError("expected no --plot with all pairs; name one pair")
        with progress_on_stderr("translating to all pairs") as progress:
            reports = survey_pairs(find_root(root), execution=execution.chosen, write=write, progress=progress)
        emit({name: summary(report) for name, report in reports.items()}, as_json, lambda: [pairs_table(reports)])
        return
    with progress_on_stderr(f"translating to {pair}") as progress:
        report = survey_pair(find_root(root), pair, execution=execution.chosen, write=write, progress=progress)
    if plot is not None and report.alloy is None:
        warn("no picture was drawn: the pair was not compared")
    elif plot is not None and report.alloy is not None:
        from foundational.pictures.survey import draw_pair

        draw_pair(pair, report.alloy, plot)
    emit(report, as_json, report.lines)


def pairs_page(as_json: Json = False, root: Root = None) -> None:
    """Write the table of all pairs.

    Gathers the reports of all pairs into metrics/alloys.json and into docs/pairs.md.
    """
    from foundational.project import find_root
    from foundational.reports.pairs_page import pairs_table, summary, write_pairs

    reports = write_pairs(find_root(root))
    emit({pair: summary(report) for pair, report in reports.items()}, as_json, lambda: [pairs_table(reports)])


SURVEY_HELP = "Test translation on many metals and on whole pools."
SURVEY = {
    "run": run,
    "pool": pool,
    "page": survey_page,
    "holdout": alloy_holdout,
    "pairs": pairs,
    "pairs-page": pairs_page,
}


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


def paper_page(root: Root = None) -> None:
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


PAPER_HELP = "Compare methods and training sets with the paper."
PAPER = {"method": method, "sets": sets, "page": paper_page, "overview": overview}
