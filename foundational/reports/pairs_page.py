"""docs/pairs.md and metrics/alloys.json, from the reports of the survey over pairs."""

from pathlib import Path
from typing import Any, Final

from foundational.data.atomic_write import write_whole
from foundational.errors import NotFoundError
from foundational.provenance.record import write_json
from foundational.reports.markdown import filled, table
from foundational.stages.pairs.command import read_pairs
from foundational.stages.pairs.stage import PairReport

PAGE: Final = Path("docs") / "pairs.md"
METRICS: Final = Path("metrics") / "alloys.json"
_HEAD: Final = (
    "pair",
    "potential",
    "labels",
    "vertices of the hull by the potential",
    "hull right",
    "order right",
    "both",
    "worst E_f, meV/atom",
    "worst pure crystal",
    "solid / liquid MAE",
    "error with all elements over that with two",
)


def write_pairs(root: Path) -> dict[str, PairReport]:
    """Gather the reports into ``metrics/alloys.json`` and into the page.

    Raises
    ------
    NotFoundError
        where there is no report, or the page is missing.
    InputError
        where the page lacks a marker.
    """
    reports = read_pairs(root)
    write_json(root / METRICS, {pair: summary(report) for pair, report in reports.items()})
    path = root / PAGE
    if not path.is_file():
        raise NotFoundError(f"no page {PAGE}, into which the table goes")
    sections = {"pairs": pairs_table(reports), "failures": failures(reports)}
    write_whole(path, [filled(path.read_text(encoding="utf-8"), sections, str(PAGE)).encode()])
    return reports


def summary(report: PairReport) -> dict[str, Any]:
    """The numbers of one pair; unknown is null."""
    alloy = report.alloy
    numbers: dict[str, Any] = {
        "potential": report.potential,
        "networks": report.members,
        "labels": report.labels,
        "failure": report.failure,
        "formation_error_meV": None,
        "hull_ok_networks": None,
        "order_ok_networks": None,
        "hull_and_order_ok_networks": None,
        "crystal_error_meV": None,
        "solid_mae_meV": None,
        "liquid_mae_meV": None,
        "ratio_to_pairs": None,
    }
    if alloy is not None:
        numbers |= {
            "formation_error_meV": alloy.formation_error,
            "hull_ok_networks": sum(alloy.hull_ok),
            "order_ok_networks": sum(alloy.order_ok),
            "hull_and_order_ok_networks": report.right,
            "crystal_error_meV": alloy.crystal_error,
            "solid_mae_meV": alloy.solid_mae,
            "liquid_mae_meV": alloy.liquid_mae,
            "ratio_to_pairs": alloy.ratio,
        }
    return numbers


def pairs_table(reports: dict[str, PairReport]) -> str:
    """A line a pair, in Markdown."""
    rows = []
    for pair, report in reports.items():
        alloy = report.alloy
        if alloy is None:
            rows.append([pair, report.potential, "–", "failed", *["–"] * 7])
            continue
        rows.append(
            [
                pair,
                report.potential,
                str(report.labels),
                ", ".join(alloy.vertices) or "none",
                f"{sum(alloy.hull_ok)} of {report.members}",
                f"{sum(alloy.order_ok)} of {report.members}",
                f"{report.right} of {report.members}",
                _number(alloy.formation_error, 1),
                _number(alloy.crystal_error, 1),
                f"{_number(alloy.solid_mae, 2)} / {_number(alloy.liquid_mae, 2)}",
                _number(alloy.ratio, 2),
            ]
        )
    pairs = [report for pair, report in reports.items() if pair.count("-") == 1]
    good = sum(5 * report.right >= 4 * report.members for report in pairs)
    summary_line = (
        f"{good} of {len(pairs)} pairs have the vertices of the hull and the order of the compounds right in at "
        "least four of five networks."
    )
    return f"{table(_HEAD, rows)}\n\n{summary_line}"


def failures(reports: dict[str, PairReport]) -> str:
    """What is wrong where something is wrong, a line a pair."""
    lines = []
    for pair, report in reports.items():
        alloy = report.alloy
        if alloy is None:
            lines.append(f"- {pair}: {report.failure}")
            continue
        missing = sorted({title for titles in alloy.missing for title in titles})
        additional = sorted({title for titles in alloy.additional for title in titles})
        parts = [f"a network lacks {', '.join(missing)}"] if missing else []
        parts += [f"a network adds {', '.join(additional)}"] if additional else []
        if alloy.without_minimum:
            parts.append(f"the potential holds no {', '.join(alloy.without_minimum)}")
        if parts:
            lines.append(f"- {pair}: {'; '.join(parts)}")
    return "\n".join(lines) or "None."


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
