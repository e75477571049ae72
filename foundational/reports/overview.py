"""The figure of the README: a pool and its training set, errors by number of frames, crystals of three metals.

It shows only numbers of ``metrics/`` and configurations of the set. The DVC stage ``overview`` keeps it current.
"""

import csv
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foundational.data.store import open_store
from foundational.errors import NotFoundError
from foundational.reports.figures import pyplot, save
from foundational.specs.parsing import parse_json
from foundational.units import MEV

FIGURE: Final = Path("docs") / "figures" / "overview.svg"
_SET: Final = "ni"
_VISITS: Final = Path("metrics") / "thermo" / "ni-momt-32-visits.csv"
_METHODS: Final = {"random": ("random", "0.4"), "informative": ("selected", "tab:red")}
_VALIDATED: Final = ("ni", "al", "nb")
_CRYSTALS: Final = ("fcc", "bcc", "hcp")


def write_overview(root: Path) -> Path:
    """Draw ``docs/figures/overview.svg``.

    Raises
    ------
    NotFoundError
        If a metrics file that the figure shows, or the set, is missing.
    MissingDependencyError
        If matplotlib is not installed.
    """
    visits, set_ = _visits(_existing(root / _VISITS)), root / "datasets" / _SET / "data.zarr"
    methods = {name: _json(root / "metrics" / "paper" / f"method-{name}-full.json") for name in _METHODS}
    reports = [_json(root / "metrics" / "validate" / f"{name}.json") for name in _VALIDATED]
    plt = pyplot()
    with plt.rc_context({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False}):
        figure, (left, middle, right) = plt.subplots(1, 3, figsize=(9.6, 3.0), layout="constrained")
        with open_store(_existing(set_)) as data:
            selected = np.stack([data["order_parameter"], data["enthalpy"] / data["n_atoms"]])
        _draw_pool(left, visits, selected)
        _draw_errors(middle, methods)
        _draw_crystals(right, reports)
        return save(figure, root / FIGURE)


def error_by_budget(method: dict[str, Any], key: str) -> dict[int, float]:
    """An error on the test pool by number of frames: mean over networks of all selections, meV/atom."""
    budgets = sorted({row["budget"] for row in method["rows"]})
    rows = {b: [row[method["test"]][key] for row in method["rows"] if row["budget"] == b] for b in budgets}
    return {budget: float(np.mean(np.concatenate(errors))) for budget, errors in rows.items()}


def crystal_energies(report: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Energies of relaxed crystals above the ground state, meV/atom: reference, and mean over networks.

    Both are relative to the reference's ground state, so that an error of the ground state is visible too. The second
    is NaN where a network has no minimum for the crystal.
    """
    networks = [seed["structures"] for seed in report["seeds"]]
    reference = {name: networks[0][name]["reference_energy_per_atom"] for name in _CRYSTALS}
    lowest = min(reference.values())
    return {
        name: (
            (reference[name] - lowest) * MEV,
            (_mean([network[name]["energy_per_atom"] for network in networks]) - lowest) * MEV,
        )
        for name in _CRYSTALS
    }


def _mean(energies: list[float | None]) -> float:
    """NaN, which is not drawn, where a network has no minimum."""
    known = [energy for energy in energies if energy is not None]
    return float(np.mean(known)) if len(known) == len(energies) else float("nan")


def _draw_pool(axes: Any, visits: NDArray[np.float64], selected: NDArray[np.float64]) -> None:
    enthalpy, order, frames = visits
    axes.scatter(
        order,
        enthalpy,
        s=9 * np.sqrt(frames / frames.max()),
        c="0.75",
        marker="s",
        linewidths=0,
        label="pool",
    )
    axes.plot(*selected, "o", ms=1.4, mew=0, color="tab:red", label="training set", rasterized=True)
    axes.set(xlabel="order parameter (liquid 0, crystal 1)", ylabel="enthalpy, eV/atom")
    axes.set_title(f"(a) {int(frames.sum()):,} frames of Ni, {selected.shape[1]:,} selected")
    axes.legend(frameon=False, markerscale=3)


def _draw_errors(axes: Any, methods: dict[str, dict[str, Any]]) -> None:
    for name, method in methods.items():
        label, colour = _METHODS[name]
        for key, style, what in (("mae_meV", "-", "MAE"), ("p99_meV", "--", "99th percentile")):
            errors = error_by_budget(method, key)
            axes.plot(
                list(errors),
                list(errors.values()),
                style,
                color=colour,
                marker="o",
                ms=3,
                lw=1,
                label=f"{what}, {label}",
            )
    axes.set(xscale="log", yscale="log", xlabel="training frames of 32 atoms", ylabel="energy error, meV/atom")
    budgets = sorted(error_by_budget(methods["random"], "mae_meV"))
    axes.set_xticks(budgets, [f"{b:,}" for b in budgets], fontsize=6)
    axes.set_xticks([], minor=True)
    axes.set_title("(b) Test on 20,000 cells of 108 atoms")
    axes.legend(frameon=False, fontsize=6)


def _draw_crystals(axes: Any, reports: list[dict[str, Any]]) -> None:
    ticks: list[int] = []
    names: list[str] = []
    for i, report in enumerate(reports):
        for j, (structure, (reference, network)) in enumerate(crystal_energies(report).items()):
            x = 4 * i + j
            first = not ticks
            axes.bar(x, reference, 0.8, color="0.8", label="reference" if first else None)
            axes.plot(x, network, "_", ms=11, mew=2, color="tab:red", label="networks" if first else None)
            ticks.append(x)
            names.append(structure.upper())
        transform = axes.get_xaxis_transform()
        axes.text(4 * i + 1, -0.2, report["element"], transform=transform, ha="center", weight="bold")
    axes.set_xticks(ticks, names, fontsize=6)
    axes.set(ylabel="above the ground state, meV/atom", title="(c) Relaxed crystals of three metals")
    axes.legend(frameon=False)


def _visits(path: Path) -> NDArray[np.float64]:
    """Enthalpy (eV/atom), order parameter and number of frames of each visited bin, (3, bins)."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [
            (float(row["enthalpy_eV_per_atom"]), float(row["order_parameter"]), float(row["frames"]))
            for row in csv.DictReader(file)
        ]
    return np.array(rows).T


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = parse_json(_existing(path).read_bytes(), str(_existing(path)))
    return found


def _existing(path: Path) -> Path:
    if not path.exists():
        raise NotFoundError(f"{path} is missing; make it with: dvc repro overview")
    return path
