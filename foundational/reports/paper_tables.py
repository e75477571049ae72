"""The tables of docs/paper.md, from the numbers in metrics/paper."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np

#: Errors of the paper's relaxed crystals, bond (Å) and energy (eV/atom), its Tables 1 and 2 (arXiv 2311.05407).
PUBLISHED: Final = {
    "fcc": {"fcc": (0.07, 0.004), "bcc": (0.00, -0.072), "hcp": (0.08, 0.016)},
    "liquid": {"fcc": (-0.06, -0.013), "bcc": (0.08, 0.040), "hcp": (0.01, -0.058)},
    "momt": {"fcc": (0.03, -0.019), "bcc": (0.05, -0.058), "hcp": (0.05, -0.042)},
    "distilled": {"fcc": (0.01, 0.001), "bcc": (0.00, 0.021), "hcp": (0.02, 0.012)},
}
#: The paper's HCP is relaxed at c/a = √3.
_CRYSTALS: Final = {"fcc": "fcc", "bcc": "bcc", "hcp": "hcp_published"}
_ERRORS: Final = ("MAE", "p99", "max", "force MAE", "FCC", "BCC", "HCP", "within ±5", "rank right")
_PROPERTIES: Final = {
    "c11_GPa": ("C11, GPa", 0),
    "c12_GPa": ("C12, GPa", 0),
    "c44_GPa": ("C44, GPa", 0),
    "vacancy_eV": ("vacancy, eV", 3),
    "stacking_fault_mJ_per_m2": ("stacking fault, mJ/m²", 0),
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def spread(values: Iterable[float | None], digits: int) -> str:
    """Mean ± standard deviation; says how many are missing.

    >>> spread([1.0, 2.0, None], 1)
    '1.5 ± 0.5 (1 without)'
    """
    values = list(values)
    known = [v for v in values if v is not None]
    if not known:
        return "–"
    lost = f" ({len(values) - len(known)} without)" if len(known) < len(values) else ""
    return f"{_number(float(np.mean(known)), digits)} ± {np.std(known):.{digits}f}{lost}"


def of_budget(method: dict[str, Any], budget: int, key: str, pool: str | None = None) -> list[Any]:
    """All numbers called ``key`` of a method at a budget, over seeds and members."""
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
        spread(of_budget(method, budget, "mae_meV", test), 3),
        spread(of_budget(method, budget, "p99_meV", test), 2),
        spread(of_budget(method, budget, "max_meV", test), 1),
        spread(of_budget(method, budget, "force_mae_meV_per_A"), 1),
        *(spread(errors, 1) for errors in crystals),
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
            values = [spread(of_budget(method, budget, key), digits) for key, (_, digits) in _PROPERTIES.items()]
            rows.append([name, *values])
    return table(["", *(title for title, _ in _PROPERTIES.values())], rows)


def sets_table(found: dict[str, Any]) -> str:
    """Each training set tested on every pool (Fig. S2), mean absolute errors in meV/atom."""
    tests = list(next(iter(found["sets"].values()))["errors"])
    rows = [
        [name, f"{row['trained_on']:,}", *(spread(row["errors"][pool]["mae_meV"], 2) for pool in tests)]
        for name, row in found["sets"].items()
    ]
    return table(["trained on", "frames", *tests], rows)


def crystals_table(found: dict[str, Any]) -> str:
    """Relaxed crystals of each training set (Tables 1 and 2): errors of bond (Å) and energy (meV/atom)."""
    rows = []
    for name, row in found["sets"].items():
        published = PUBLISHED.get(name)
        paper = [f"{published[s][0]:+.2f} / {published[s][1] * 1000:+.0f}" if published else "–" for s in _CRYSTALS]
        own = [
            f"{spread(row[f'{key}_bond_error'], 3)} / {spread(row[f'{key}_error_meV'], 1)}"
            for key in _CRYSTALS.values()
        ]
        rows.append([name, *paper, *own])
    head = [*(f"paper {s.upper()}" for s in _CRYSTALS), *(f"here {s.upper()}" for s in _CRYSTALS)]
    return table(["trained on", *head], rows)


def self_energies_table(sets: dict[str, dict[str, Any]]) -> str:
    """The constants an atom that are fitted before training (Table S4), eV."""
    names = list(next(iter(sets.values()))["sets"]) if sets else []
    rows = [[name, *(spread(found["sets"][name]["self_energy_eV"], 4) for found in sets.values())] for name in names]
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
                    spread(errors["mae_meV"], 3),
                    spread(errors["mae_shifted_meV"], 3),
                    spread(errors["p99_meV"], 2),
                    spread(errors["max_meV"], 1),
                    *(spread(row[f"{s}_error_meV"], 1) for s in ("fcc", "bcc", "hcp")),
                ]
            )
    return table(["settings", "3,400 frames", "MAE", "MAE, offset removed", "p99", "max", "FCC", "BCC", "HCP"], rows)


def _number(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text.replace("-", "−") if float(text) else text.lstrip("-")
