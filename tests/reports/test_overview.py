"""The figure of the README shows what the tables show: means over networks, relative to the reference."""

import json
from pathlib import Path

import numpy as np
import pytest

from foundational.errors import NotFoundError
from foundational.reports.overview import crystal_energies, error_by_budget, write_overview
from foundational.reports.paper_tables import of_budget


def test_errors_are_means_over_the_networks_of_all_selections() -> None:
    rows = [
        {"budget": 10, "pool": {"mae_meV": [1.0, 2.0]}},
        {"budget": 10, "pool": {"mae_meV": [6.0]}},
        {"budget": 5, "pool": {"mae_meV": [4.0]}},
    ]
    assert error_by_budget({"test": "pool", "rows": rows}, "mae_meV") == {5: 4.0, 10: 3.0}


def test_the_figure_and_the_tables_of_the_paper_have_the_same_errors(checkout: Path) -> None:
    method = json.loads((checkout / "metrics" / "paper" / "method-random-full.json").read_text(encoding="utf-8"))
    for budget, error in error_by_budget(method, "p99_meV").items():
        errors = of_budget(method, budget, "p99_meV", method["test"])
        assert error == pytest.approx(sum(errors) / len(errors))


def test_energies_of_crystals_are_relative_to_the_ground_state_of_the_reference() -> None:
    def network(energy: float) -> dict[str, object]:
        crystal = {"energy_per_atom": energy, "reference_energy_per_atom": -4.0}
        return {"structures": {"fcc": crystal, "bcc": crystal | {"reference_energy_per_atom": -3.9}, "hcp": crystal}}

    found = crystal_energies({"seeds": [network(-3.99), network(-3.97)]})
    assert found["fcc"] == pytest.approx((0.0, 20.0))
    assert found["bcc"] == pytest.approx((100.0, 20.0))


def test_a_missing_report_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="dvc repro overview"):
        write_overview(tmp_path)


def test_a_crystal_that_a_network_does_not_hold_has_no_mean_and_is_not_drawn() -> None:
    def network(energy: float | None) -> dict[str, object]:
        crystal = {"energy_per_atom": -4.0, "reference_energy_per_atom": -4.0}
        return {"structures": {"fcc": crystal, "bcc": crystal, "hcp": crystal | {"energy_per_atom": energy}}}

    found = crystal_energies({"seeds": [network(-3.9), network(None)]})
    assert found["fcc"] == (0.0, 0.0)
    assert found["hcp"][0] == 0.0
    assert np.isnan(found["hcp"][1])
