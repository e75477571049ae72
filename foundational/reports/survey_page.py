"""The tables of docs/translation.md, between their markers, and its figure, from the reports of all metals."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np

from foundational.data.atomic_write import write_whole
from foundational.errors import MissingDependencyError, NotFoundError
from foundational.provenance.record import write_json
from foundational.reports.paper_tables import spread
from foundational.reports.paper_tables import table as table_of
from foundational.specs.params import read_params
from foundational.stages.survey.pool_test import METRICS as PARITY
from foundational.stages.survey.pool_test import ParityReport
from foundational.stages.survey.stage import MetalReport, gather_metals

PAGE: Final = Path("docs") / "translation.md"
FIGURE: Final = Path("docs") / "figures" / "translation_parity.svg"
_END: Final = "<!-- end -->"
_HEAD: Final = (
    "metal",
    "potential",
    "scale",
    "order by the potential, gaps in meV/atom",
    "order right in",
    "FCC / BCC / HCP error, worst seed, meV/atom",
    "bond error, worst, Å",
    "solid / liquid MAE, meV/atom",
    "left out",
)
#: Errors of the paper's relaxed crystals, bond in Å and energy in eV/atom: its Table 3 (arXiv 2311.05407).
_PUBLISHED: Final = {"al": {"fcc": (0.01, 0.004), "bcc": (0.02, -0.024), "hcp": (-0.01, -0.005)}}
#: The paper's HCP is relaxed at c/a = √3.
_CRYSTALS: Final = {"FCC": ("fcc", "fcc"), "BCC": ("bcc", "bcc"), "HCP": ("hcp", "hcp_published")}


def write_metals(root: Path) -> dict[str, MetalReport]:
    """Gather the reports into ``metrics/translate.json`` and into the page; draw the figure.

    Raises
    ------
    NotFoundError
        If a report, the page or its markers are missing.
    MissingDependencyError
        If matplotlib is not installed.
    """
    found, parity = gather_metals(root), gather_parity(root)
    write_json(root / "metrics" / "translate.json", {e: r.model_dump(mode="json") for e, r in found.items()})
    draw(root / FIGURE, parity)
    path = root / PAGE
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    for name, shown in tables(found, parity).items():
        begin = f"<!-- begin: foundational {name} -->"
        before, marker, rest = text.partition(begin)
        _, end, after = rest.partition(_END)
        if not marker or not end:
            raise NotFoundError(f"{PAGE} has no lines {begin} and {_END}, between which a table goes")
        text = f"{before}{begin}\n{shown}\n{_END}{after}"
    write_whole(path, [text.encode()])
    return found


def tables(metals: dict[str, MetalReport], parity: list[ParityReport]) -> dict[str, str]:
    """Every table of the page, by the name in its marker."""
    return {"metals": table(metals), "parity": parity_table(parity), "table 3": crystals_table(parity)}


def gather_parity(root: Path) -> list[ParityReport]:
    """The reports of ``translate.parity`` of params.yaml, in its order.

    Raises
    ------
    NotFoundError
        If one is missing.
    """
    found = []
    for name in read_params(root / "params.yaml").translate.parity:
        path = root / PARITY / f"{name}.json"
        if not path.is_file():
            raise NotFoundError(f"no report of {name}; make it with: foundational parity {name} --write")
        found.append(ParityReport.model_validate(json.loads(path.read_text(encoding="utf-8"))))
    return found


def table(reports: dict[str, MetalReport]) -> str:
    """A line a metal, in Markdown."""
    rows = []
    for element, report in reports.items():
        gaps = report.reference_gaps_meV
        first, second, third = (name.upper() for name in report.reference_order)
        rows.append(
            [
                element,
                report.potential,
                f"{report.scale:.4f}",
                f"{first} {gaps[0]:.1f} {second} {gaps[1]:.1f} {third}",
                f"{report.rank_ok_seeds} of {report.seeds}",
                " / ".join(_worst(report.errors[name].energy_meV_per_atom, 1) for name in ("fcc", "bcc", "hcp")),
                _worst(tuple(b for name in ("fcc", "bcc", "hcp") for b in report.errors[name].bond_A), 3),
                f"{report.mae_solid_meV_per_atom:.2f} / {report.mae_liquid_meV_per_atom:.2f}",
                str(report.filtered),
            ]
        )
    right = sum(5 * report.rank_ok_seeds >= 4 * report.seeds for report in reports.values())
    said = f"{right} of {len(reports)} metals have the right order in at least four of five networks."
    return f"{table_of(_HEAD, rows)}\n\n{said}"


def parity_table(reports: Iterable[ParityReport]) -> str:
    """A line a dataset: errors on all of its pool, and on each fifth of it by energy; mean over networks."""
    rows = [
        [
            report.dataset,
            f"{report.pool}, {report.frames:,}",
            spread(report.mae_meV_per_atom, 3),
            " / ".join(f"{np.mean(part.mae_meV_per_atom):.2f}" for part in report.parts),
            spread(report.p99_meV_per_atom, 2),
            spread(report.max_meV_per_atom, 1),
        ]
        for report in reports
    ]
    head = ["dataset", "tested on, frames", "MAE, meV/atom", "MAE of each fifth, by rising energy", "p99", "max"]
    return table_of(head, rows)


def crystals_table(reports: Iterable[ParityReport]) -> str:
    """Relaxed crystals beside the paper's Table 3: errors of bond (Å) and energy (meV/atom); HCP at c/a = √3."""
    rows = []
    for report in reports:
        published = _PUBLISHED.get(report.dataset)
        paper = [
            f"{published[key][0]:+.2f} / {published[key][1] * 1000:+.0f}" if published else "–"
            for key, _ in _CRYSTALS.values()
        ]
        errors = [report.errors[key] for _, key in _CRYSTALS.values()]
        own = [f"{spread(e.bond_A, 3)} / {spread(e.energy_meV_per_atom, 1)}" for e in errors]
        rows.append([report.dataset, *(text.replace("-", "−") for text in paper), *own])
    return table_of(["dataset", *(f"paper {s}" for s in _CRYSTALS), *(f"here {s}" for s in _CRYSTALS)], rows)


def draw(path: Path, reports: list[ParityReport]) -> None:
    """The figure: energies and errors of each dataset on its pool, as SVG without a date; none without a report.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    if not reports:
        return
    try:
        import matplotlib as mpl  # noqa: PLC0415 - only here
    except ImportError:
        raise MissingDependencyError("matplotlib is not installed; pip install matplotlib") from None
    mpl.use("agg")
    mpl.rcParams["svg.hashsalt"] = "foundational"
    from matplotlib import pyplot as plt  # noqa: PLC0415

    path.parent.mkdir(parents=True, exist_ok=True)
    figure, panels = plt.subplots(len(reports), 2, figsize=(8, 3.4 * len(reports)), layout="constrained", squeeze=False)
    for (left, right), report in zip(panels, reports, strict=True):
        _panels(left, right, report)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _panels(left: Any, right: Any, report: ParityReport) -> None:
    reference, predicted = (np.array(x) for x in (report.reference_eV_per_atom, report.predicted_eV_per_atom))
    ends = [reference.min(), reference.max()]
    left.plot(ends, ends, "k-", linewidth=0.7)
    left.plot(reference, predicted, ".", markersize=2)
    left.set(xlabel="EAM, eV/atom", ylabel="network, eV/atom")
    left.set_title(f"{report.dataset} on {report.pool}", fontsize=9)
    right.plot(reference, (predicted - reference) * 1e3, ".", markersize=2)
    right.set(xlabel="EAM, eV/atom", ylabel="error, meV/atom")


def _worst(errors: tuple[float | None, ...], digits: int) -> str:
    """The error of largest size with its sign; a dash where a network has no minimum."""
    if any(error is None for error in errors):
        return "–"
    worst = max((error for error in errors if error is not None), key=abs)
    return f"{worst:+.{digits}f}".replace("-", "−")
