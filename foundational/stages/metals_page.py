"""The table of docs/translation.md, between its two markers, from the reports of all metals."""

from pathlib import Path
from typing import Final

from foundational.data.atomic import write_whole
from foundational.errors import NotFoundError
from foundational.provenance.record import write_json
from foundational.stages.metals import MetalReport, gather_metals

PAGE: Final = Path("docs") / "translation.md"
_BEGIN: Final = "<!-- begin: foundational metals -->"
_END: Final = "<!-- end -->"
_HEAD: Final = (
    "| metal | potential | scale | order by the potential, gaps in meV/atom | order right in | "
    "FCC / BCC / HCP error, worst seed, meV/atom | bond error, worst, Å | solid / liquid MAE, meV/atom | left out |"
)


def write_metals(root: Path) -> dict[str, MetalReport]:
    """Gather the reports into ``metrics/translate.json`` and into the page.

    Raises
    ------
    NotFoundError
        If a report, the page or its markers are missing.
    """
    found = gather_metals(root)
    write_json(root / "metrics" / "translate.json", {e: r.model_dump(mode="json") for e, r in found.items()})
    path = root / PAGE
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise NotFoundError(f"{PAGE} has no lines {_BEGIN} and {_END}, between which the table goes")
    write_whole(path, [f"{before}{_BEGIN}\n{table(found)}\n{_END}{after}".encode()])
    return found


def table(reports: dict[str, MetalReport]) -> str:
    """A line a metal, in Markdown."""
    lines = [_HEAD, "|---" * 9 + "|"]
    for element, report in reports.items():
        gaps = report.reference_gaps_meV
        first, second, third = (name.upper() for name in report.reference_order)
        order = f"{first} {gaps[0]:.1f} {second} {gaps[1]:.1f} {third}"
        energies = " / ".join(_worst(report.errors[name].energy_meV_per_atom, 1) for name in ("fcc", "bcc", "hcp"))
        bonds = _worst(tuple(b for name in ("fcc", "bcc", "hcp") for b in report.errors[name].bond_A), 3)
        lines.append(
            f"| {element} | {report.potential} | {report.scale:.4f} | {order} | "
            f"{report.rank_ok_seeds} of {report.seeds} | "
            f"{energies} | {bonds} | {report.mae_solid_meV_per_atom:.2f} / {report.mae_liquid_meV_per_atom:.2f} | "
            f"{report.filtered} |"
        )
    right = sum(5 * report.rank_ok_seeds >= 4 * report.seeds for report in reports.values())
    lines += ["", f"{right} of {len(reports)} metals have the right order in at least four of five networks."]
    return "\n".join(lines)


def _worst(errors: tuple[float | None, ...], digits: int) -> str:
    """The error of largest size with its sign; a dash where a network has no minimum."""
    if any(error is None for error in errors):
        return "–"
    worst = max((error for error in errors if error is not None), key=abs)
    return f"{worst:+.{digits}f}".replace("-", "−")
