"""Pictures of the survey: one metal, a whole pool, a pair of elements."""

from pathlib import Path
from typing import Any

import numpy as np

from foundational.evaluation.alloys.report import AlloyReport
from foundational.evaluation.report import CrystalErrors
from foundational.pictures.style import COLOURS, GREY, MARKS, hide, picture
from foundational.stages.survey.pool_test import PoolTestReport
from foundational.stages.survey.stage import MetalReport
from foundational.units import MEV


def draw_metal(element: str, report: MetalReport, path: Path) -> None:
    """Errors of crystals and of test frames of one metal."""
    title = f"{element} from {report.parent}: {report.rank_ok_members} of {report.members} networks rank correctly"
    with picture(path, 2, title) as (left, right):
        _crystals(left, report.errors)
        bars = {"solid": report.mae_solid_meV_per_atom, "liquid": report.mae_liquid_meV_per_atom}
        right.bar(list(bars), list(bars.values()), 0.5, color=[COLOURS[0], COLOURS[1]], hatch=["", "//"])
        right.set(ylabel="mean error on test frames, meV/atom")


def draw_pool_test(report: PoolTestReport, path: Path) -> None:
    """Parity, errors and errors by energy on a whole pool."""
    reference, predicted = np.array(report.reference_eV_per_atom), np.array(report.predicted_eV_per_atom)
    title = f"{report.dataset} on {report.pool}: {np.mean(report.mae_meV_per_atom):.3g} meV/atom"
    with picture(path, 3, title) as (left, middle, right):
        ends = [reference.min(), reference.max()]
        left.plot(ends, ends, color="black", linewidth=0.8, marker="")
        left.plot(reference, predicted, ".", color=COLOURS[0], markersize=2, rasterized=True)
        left.set(xlabel="reference energy, eV/atom", ylabel="network energy, eV/atom")
        middle.plot(reference, (predicted - reference) * MEV, ".", color=COLOURS[0], markersize=2, rasterized=True)
        middle.axhline(0, color="black", linewidth=0.8)
        middle.set(xlabel="reference energy, eV/atom", ylabel="error, meV/atom")
        means = np.array([part.mae_meV_per_atom for part in report.parts])
        centres = [(part.from_eV_per_atom + part.to_eV_per_atom) / 2 for part in report.parts]
        right.errorbar(centres, means.mean(axis=1), means.std(axis=1), fmt="o-", color=COLOURS[0], capsize=2)
        right.set(xlabel="energy of each part, eV/atom", ylabel="mean error, meV/atom", ylim=(0, None))


def draw_pair(pair: str, report: AlloyReport, path: Path) -> None:
    """Formation energies of compounds and their errors, of each network."""
    compounds = sorted(report.compounds, key=lambda one: one.formation_meV)
    with picture(path, 2, f"{pair}: {len(compounds)} compounds", height=max(2.7, 0.16 * len(compounds))) as axes:
        left, right = axes
        names, places = [one.title for one in compounds], range(len(compounds))
        left.barh(places, [one.formation_meV for one in compounds], 0.6, color=GREY)
        left.set_yticks(places, names, fontsize=7)
        left.set(xlabel="formation energy by the reference, meV/atom")
        for network in range(max((len(one.formation_error_meV) for one in compounds), default=0)):
            errors = [(i, one.formation_error_meV[network]) for i, one in enumerate(compounds)]
            right.plot(
                [e for _, e in errors if e is not None],
                [i for i, e in errors if e is not None],
                linestyle="",
                marker=MARKS[network % len(MARKS)],
                color=COLOURS[network % len(COLOURS)],
                label=f"network {network}",
            )
        right.axvline(0, color="black", linewidth=0.8)
        right.set_yticks(places, [""] * len(names))
        right.set(xlabel="error of the formation energy, meV/atom")
        if compounds:
            right.legend(fontsize=7)
        else:
            hide(left)
            hide(right)


def _crystals(axes: Any, errors: dict[str, CrystalErrors]) -> None:
    """Errors of relaxed crystals, of each network."""
    for place, values in enumerate(zip(*(one.energy_meV_per_atom for one in errors.values()), strict=True)):
        known = [(i, value) for i, value in enumerate(values) if value is not None]
        axes.plot(
            [i for i, _ in known],
            [value for _, value in known],
            linestyle="",
            marker=MARKS[place % len(MARKS)],
            color=COLOURS[place % len(COLOURS)],
            label=f"network {place}",
        )
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xticks(range(len(errors)), [name.upper() for name in errors])
    axes.set(ylabel="error of relaxed crystals, meV/atom", xlim=(-0.5, len(errors) - 0.5))
    axes.legend(fontsize=7)
