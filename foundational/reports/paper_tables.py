"""The tables of docs/paper.md, from the numbers in metrics/paper."""

from typing import Any, Final

from foundational.evaluation.report import CrystalErrors
from foundational.reports import published
from foundational.reports.markdown import mean_and_deviation, table
from foundational.reports.published import CRYSTALS

_ERRORS: Final = ("MAE", "p99", "max", "force MAE", "FCC", "BCC", "HCP", "within ±5", "correct ranking")
_PROPERTIES: Final = {
    "c11_GPa": ("C11, GPa", 0),
    "c12_GPa": ("C12, GPa", 0),
    "c44_GPa": ("C44, GPa", 0),
    "vacancy_eV": ("vacancy, eV", 3),
    "stacking_fault_mJ_per_m2": ("stacking fault, mJ/m²", 0),
}


def of_budget(method: dict[str, Any], budget: int, key: str, pool: str | None = None) -> list[Any]:
    """All numbers called ``key`` of a method at a budget, over selections and members."""
    rows = [row for row in method["rows"] if row["budget"] == budget]
    return [value for row in rows for value in (row if pool is None else row[pool])[key]]


def methods_table(methods: dict[str, dict[str, Any]], budget: int) -> str:
    """Every method at one budget, tested on the test pool."""
    rows = [[name, *_errors(method, budget)] for name, method in methods.items() if _has(method, budget)]
    return table(["method", *_ERRORS], rows)


def budgets_table(method: dict[str, Any]) -> str:
    """One method at all its budgets."""
    budgets = sorted({row["budget"] for row in method["rows"]})
    return table(["frames", *_ERRORS], [[f"{b:,}", *_errors(method, b)] for b in budgets])


def _has(method: dict[str, Any], budget: int) -> bool:
    return any(row["budget"] == budget for row in method["rows"])


def _errors(method: dict[str, Any], budget: int) -> list[str]:
    test = method["test"]
    crystals = [of_budget(method, budget, f"{s}_error_meV") for s in ("fcc", "bcc", "hcp")]
    within = [all(e is not None and abs(e) <= 5 for e in errors) for errors in zip(*crystals, strict=True)]
    ranked = of_budget(method, budget, "rank_ok")
    return [
        mean_and_deviation(of_budget(method, budget, "mae_meV", test), 3),
        mean_and_deviation(of_budget(method, budget, "p99_meV", test), 2),
        mean_and_deviation(of_budget(method, budget, "max_meV", test), 1),
        mean_and_deviation(of_budget(method, budget, "force_mae_meV_per_A"), 1),
        *(mean_and_deviation(errors, 1) for errors in crystals),
        f"{sum(within)} of {len(within)}",
        f"{sum(ranked)} of {len(ranked)}",
    ]


def properties_table(methods: dict[str, dict[str, Any]], budget: int) -> str:
    """Elastic constants, vacancy and stacking fault at one budget, beside the reference potential."""
    reference = next(iter(methods.values()))["reference"] if methods else {}
    rows = (
        [] if not methods else [["EAM", *(f"{reference[key]:.{digits}f}" for key, (_, digits) in _PROPERTIES.items())]]
    )
    for name, method in methods.items():
        if any(row["budget"] == budget and "c11_GPa" in row for row in method["rows"]):
            values = [
                mean_and_deviation(of_budget(method, budget, key), digits) for key, (_, digits) in _PROPERTIES.items()
            ]
            rows.append([name, *values])
    return table(["", *(title for title, _ in _PROPERTIES.values())], rows)


def sets_table(found: dict[str, Any]) -> str:
    """Each training set tested on every pool (Fig. S2), mean absolute errors in meV/atom."""
    tests = list(next(iter(found["sets"].values()))["errors"])
    rows = [
        [name, f"{row['trained_on']:,}", *(mean_and_deviation(row["errors"][pool]["mae_meV"], 2) for pool in tests)]
        for name, row in found["sets"].items()
    ]
    return table(["trained on", "frames", *tests], rows)


def crystals_table(found: dict[str, Any]) -> str:
    """Relaxed crystals of each training set (Tables 1 and 2 of the paper)."""
    rows = {
        name: {
            crystal: CrystalErrors(
                energy_meV_per_atom=row[f"{crystal}_error_meV"], nearest_neighbour_distance=row[f"{crystal}_bond_error"]
            )
            for crystal in CRYSTALS.values()
        }
        for name, row in found["sets"].items()
    }
    return published.crystals_table(rows, "trained on")


def self_energies_table(sets: dict[str, dict[str, Any]]) -> str:
    """The constants an atom that are fitted before training (Table S4), eV."""
    names = list(next(iter(sets.values()))["sets"]) if sets else []
    rows = [
        [name, *(mean_and_deviation(found["sets"][name]["self_energy_eV"], 4) for found in sets.values())]
        for name in names
    ]
    return table(["trained on", *sets], rows)


def distilled_table(sets: dict[str, dict[str, Any]]) -> str:
    """Distilled against as many undistilled frames (supplementary note 5), on the test pool."""
    rows = []
    for settings, found in sets.items():
        for name in ("distilled", "undistilled"):
            row = found["sets"][name]
            errors = row["errors"][found["test"]]
            rows.append(
                [
                    settings,
                    name,
                    mean_and_deviation(errors["mae_meV"], 3),
                    mean_and_deviation(errors["mae_shifted_meV"], 3),
                    mean_and_deviation(errors["p99_meV"], 2),
                    mean_and_deviation(errors["max_meV"], 1),
                    *(mean_and_deviation(row[f"{s}_error_meV"], 1) for s in ("fcc", "bcc", "hcp")),
                ]
            )
    return table(["settings", "3,400 frames", "MAE", "MAE, offset removed", "p99", "max", "FCC", "BCC", "HCP"], rows)
