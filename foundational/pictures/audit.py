"""The picture of an audit: rounds of the selection, and where networks trained on the set err."""

from pathlib import Path
from typing import Any

from foundational.pictures.style import COLOURS, hide, picture


def draw_audit(report: dict[str, Any], path: Path) -> None:
    """Draw the audit of `foundational.stages.audit.stage.audit`."""
    errors = report["errors"]
    with picture(path, 3, f"{report['name']}, selected from {report['pool']}") as (left, middle, right):
        rounds = report["rounds"]
        left.bar([r["round"] for r in rounds], [r["frames"] for r in rounds], color=COLOURS[5])
        left.set(xlabel="round", ylabel="configurations selected")
        known = [r for r in rounds if r["median_meV"] is not None]
        if known:
            twin = left.twinx()
            twin.grid(visible=False)
            twin.plot([r["round"] for r in known], [r["median_meV"] for r in known], "o-", color=COLOURS[1])
            twin.set(yscale="log")
            twin.set_ylabel("median uncertainty, meV", color=COLOURS[1])
        if errors is None:
            hide(middle)
            hide(right)
            return
        _parts(middle, errors["by_energy_per_atom"], "energy, eV/atom")
        middle.set_title(f"{errors['mae_meV']:.2g} meV/atom", loc="left")
        if errors["by_order_parameter"]:
            _parts(right, errors["by_order_parameter"], "order parameter")
        else:
            hide(right)


def _parts(axes: Any, parts: list[dict[str, Any]], what: str) -> None:
    """Mean and largest error of each fifth of the test set."""
    centres = [(part["from"] + part["to"]) / 2 for part in parts]
    axes.plot(centres, [part["mae_meV"] for part in parts], "o-", color=COLOURS[0], label="mean")
    axes.plot(centres, [part["max_meV"] for part in parts], "s--", color=COLOURS[1], label="largest")
    axes.set(xlabel=what, ylabel="error, meV/atom", yscale="log")
    axes.legend()
