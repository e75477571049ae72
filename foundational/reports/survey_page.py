"""The tables and the figure of docs/translation.md, from the reports of the survey over metals."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np

from foundational.data.atomic_write import write_whole
from foundational.errors import NotFoundError
from foundational.provenance.record import write_json
from foundational.reports.figures import parity_panels, pyplot, save
from foundational.reports.markdown import filled, mean_and_deviation, table
from foundational.reports.published import crystals_table
from foundational.science.crystals import STRUCTURES
from foundational.stages.survey.command import read_metals, read_pool_tests
from foundational.stages.survey.pool_test import PoolTestReport
from foundational.stages.survey.stage import MetalReport

PAGE: Final = Path("docs") / "translation.md"
FIGURE: Final = Path("docs") / "figures" / "translation_parity.svg"
_HEAD: Final = (
    "metal",
    "potential",
    "scale",
    "energy ranking by the potential, gaps in meV/atom",
    "correct ranking",
    "FCC / BCC / HCP error, worst network, meV/atom",
    "nearest-neighbour distance, worst error, Å",
    "solid / liquid MAE, meV/atom",
    "excluded",
)


def write_survey(root: Path) -> dict[str, MetalReport]:
    """Gather the reports into ``metrics/translate.json`` and into the page; draw the figure.

    Raises
    ------
    NotFoundError
        where a report or the page is missing.
    InputError
        where the page lacks a marker.
    MissingDependencyError
        where matplotlib is not installed.
    """
    metals, pool_tests = read_metals(root), read_pool_tests(root)
    write_json(root / "metrics" / "translate.json", {e: r.model_dump(mode="json") for e, r in metals.items()})
    draw(root / FIGURE, pool_tests)
    path = root / PAGE
    if not path.is_file():
        raise NotFoundError(f"no page {PAGE}, into which the tables go")
    text = filled(path.read_text(encoding="utf-8"), tables(metals, pool_tests), str(PAGE))
    write_whole(path, [text.encode()])
    return metals


def tables(metals: dict[str, MetalReport], pool_tests: list[PoolTestReport]) -> dict[str, str]:
    """Every table of the page, by the name of its section."""
    crystals = {report.dataset: report.errors for report in pool_tests}
    return {
        "metals": metals_table(metals),
        "parity": pool_test_table(pool_tests),
        "table-3": crystals_table(crystals, "dataset"),
    }


def metals_table(reports: dict[str, MetalReport]) -> str:
    """A line a metal, in Markdown."""
    rows = []
    for element, report in reports.items():
        gaps = report.reference_gaps_meV
        first, second, third = (name.upper() for name in report.reference_order)
        distances = tuple(d for name in STRUCTURES for d in report.errors[name].nearest_neighbour_distance)
        rows.append(
            [
                element,
                report.potential,
                f"{report.scale:.4f}",
                f"{first} {gaps[0]:.1f} {second} {gaps[1]:.1f} {third}",
                f"{report.rank_ok_members} of {report.members}",
                " / ".join(_worst(report.errors[name].energy_meV_per_atom, 1) for name in STRUCTURES),
                _worst(distances, 3),
                f"{report.mae_solid_meV_per_atom:.2f} / {report.mae_liquid_meV_per_atom:.2f}",
                str(report.filtered),
            ]
        )
    right = sum(5 * report.rank_ok_members >= 4 * report.members for report in reports.values())
    summary = f"{right} of {len(reports)} metals have the correct ranking in at least four of five networks."
    return f"{table(_HEAD, rows)}\n\n{summary}"


def pool_test_table(reports: Iterable[PoolTestReport]) -> str:
    """A line a dataset: errors on all of its pool, and on each fifth of it by energy; mean over networks."""
    rows = [
        [
            report.dataset,
            f"{report.pool}, {report.frames:,}",
            mean_and_deviation(report.mae_meV_per_atom, 3),
            " / ".join(f"{np.mean(part.mae_meV_per_atom):.2f}" for part in report.parts),
            mean_and_deviation(report.p99_meV_per_atom, 2),
            mean_and_deviation(report.max_meV_per_atom, 1),
        ]
        for report in reports
    ]
    head = ["dataset", "tested on, frames", "MAE, meV/atom", "MAE of each fifth, by rising energy", "p99", "max"]
    return table(head, rows)


def draw(path: Path, reports: list[PoolTestReport]) -> None:
    """The figure: energies and errors of each dataset on its pool; none without a report.

    Raises
    ------
    MissingDependencyError
        where matplotlib is not installed.
    """
    if not reports:
        return
    size = (8, 3.4 * len(reports))
    figure, panels = pyplot().subplots(len(reports), 2, figsize=size, layout="constrained", squeeze=False)
    for (left, right), report in zip(panels, reports, strict=True):
        reference, predicted = np.array(report.reference_eV_per_atom), np.array(report.predicted_eV_per_atom)
        parity_panels(left, right, reference, predicted)
        left.set_title(f"{report.dataset} on {report.pool}", fontsize=9)
    save(figure, path)


def _worst(errors: tuple[float | None, ...], digits: int) -> str:
    """The error of largest size with its sign; a dash where a network has no minimum."""
    known = [error for error in errors if error is not None]
    if len(known) < len(errors):
        return "–"
    return f"{max(known, key=abs):+.{digits}f}".replace("-", "−")
