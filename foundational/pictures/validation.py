"""The picture of a validation: crystals beside the reference, their errors, and properties against their limits."""

from pathlib import Path
from typing import Any

from foundational.evaluation.validation_report import ValidationReport
from foundational.pictures.style import COLOURS, GREY, MARKS, hide, picture
from foundational.units import MEV


def draw_validation(report: ValidationReport, path: Path, limit_meV: float | None = None) -> None:  # noqa: N803
    """Draw a validation.

    Parameters
    ----------
    limit_meV
        Largest error of a relaxed crystal that passes.
    """
    title = f"{report.dataset}: {len(report.members)} networks, validation {'passed' if report.passed else 'failed'}"
    numbers = [] if report.materials is None else [n for n in report.materials.numbers if n.allowed and n.errors]
    height = max(2.7, 0.19 * len(numbers))
    with picture(path, 3, title, height=height) as (left, middle, right):
        _energies(left, report)
        _errors(middle, report, limit_meV)
        if numbers:
            _properties(right, numbers)
        else:
            hide(right)


def _energies(axes: Any, report: ValidationReport) -> None:
    """Energies above the reference's ground state."""
    if not report.members or not report.members[0].structures:
        hide(axes)
        return
    names = list(report.members[0].structures)
    reference = [report.members[0].structures[name].reference_energy_per_atom for name in names]
    lowest = min(reference)
    axes.bar(range(len(names)), [(e - lowest) * MEV for e in reference], 0.6, color=GREY, label="reference")
    for place, member in enumerate(report.members):
        energies = [member.structures[name].energy_per_atom for name in names]
        axes.plot(
            [i for i, e in enumerate(energies) if e is not None],
            [(e - lowest) * MEV for e in energies if e is not None],
            linestyle="",
            marker=MARKS[place % len(MARKS)],
            color=COLOURS[place % len(COLOURS)],
            markerfacecolor="none",
        )
    axes.set_xticks(range(len(names)), [name.upper() for name in names])
    axes.set(ylabel="above the ground state, meV/atom")
    axes.set_title("relaxed crystals", loc="left")
    axes.legend(loc="upper right")


def _errors(axes: Any, report: ValidationReport, limit: float | None) -> None:
    """Errors of the crystals, of each network."""
    if not report.members or not report.members[0].structures:
        hide(axes)
        return
    names = list(report.members[0].structures)
    for place, member in enumerate(report.members):
        errors = [(i, member.structures[name].error_meV) for i, name in enumerate(names)]
        shift = 0.12 * (place - (len(report.members) - 1) / 2)
        axes.plot(
            [i + shift for i, e in errors if e is not None],
            [e for _, e in errors if e is not None],
            linestyle="",
            marker=MARKS[place % len(MARKS)],
            color=COLOURS[place % len(COLOURS)],
            label=f"network {member.member}",
        )
    largest = max((abs(s.error_meV) for m in report.members for s in m.structures.values() if s.error_meV), default=1.0)
    if limit is not None and largest > limit / 4:  # else it would flatten the points
        axes.axhspan(-limit, limit, color="0.93", zorder=0, label="passes")
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xticks(range(len(names)), [name.upper() for name in names])
    axes.set(ylabel="error, meV/atom")
    axes.set_title("errors", loc="left")
    axes.legend(ncols=2 if len(report.members) > 3 else 1, fontsize=7)


def _properties(axes: Any, numbers: list[Any]) -> None:
    """The largest error of each number over its limit."""
    shares = [max(map(abs, number.errors)) / number.allowed for number in numbers]
    marks = {"passed": ("o", COLOURS[0]), "failed": ("X", COLOURS[1]), "not determined": ("D", COLOURS[4])}
    for verdict in dict.fromkeys(number.verdict for number in numbers):
        mark, colour = marks.get(verdict, ("s", "0.4"))
        places = [i for i, number in enumerate(numbers) if number.verdict == verdict]
        axes.plot([min(shares[i], 10.0) for i in places], places, mark, color=colour, linestyle="", label=verdict)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(numbers)), [f"{n.kind.replace('-', ' ')} {n.name}" for n in numbers], fontsize=6.5)
    axes.invert_yaxis()
    axes.set(xlabel="largest error / limit", xlim=(0, None))
    axes.set_title("properties", loc="left")
    axes.legend(fontsize=7)
