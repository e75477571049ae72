"""A set of several elements passes where every network is within every limit, for every element."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from foundational.data.configurations import Configurations
from foundational.data.conversion import to_dataset
from foundational.data.named import NamedDataset
from foundational.errors import InputError
from foundational.evaluation.alloys.frames import LabelledRun
from foundational.evaluation.validation_report import ValidationReport
from foundational.science.crystals import build_crystal
from foundational.specs.compounds import CompoundGates
from foundational.specs.params import Params, read_params
from foundational.specs.validate import GateSpec
from foundational.stages.validate import alloys
from foundational.stages.validate.alloys import AlloyPlan, compound_gates, validate_alloy
from tests.evaluation.alloys.test_report import compound, errors, report
from tests.exact_networks import BCC, FCC, HCP, Exact, Networks

GATES = CompoundGates(formation_energy=0.006, hull=True)


def alloy(error, hull_ok=(True, True), gated=True):
    return SimpleNamespace(formation_error=error, hull_ok=hull_ok, compounds=[SimpleNamespace(gated=gated)])


@pytest.mark.parametrize(
    ("found", "formation", "hull", "text"),
    [
        (alloy(5.9), True, True, "within the gate of 6"),
        (alloy(6.0), True, True, "6.00 meV/atom, within"),
        (alloy(6.1), False, True, "above the gate of 6"),
        (alloy(None), False, True, "no minimum"),
        (alloy(0.0, gated=False), None, True, "not tested"),
        (alloy(5.9, (True, False)), True, False, "within"),
        (alloy(5.9, (False, False)), True, False, "within"),
    ],
)
def test_compounds_pass_within_the_limits_of_every_network(found, formation, hull, text):
    reports = {report.name: report for report in compound_gates(GATES, found)}
    assert (reports["formation_energy"].ok, reports["hull"].ok) == (formation, hull)
    right, networks = sum(found.hull_ok), len(found.hull_ok)
    assert reports["hull"].message.startswith(f"{right} of {networks} networks")
    assert text in reports["formation_energy"].message
    assert "e-" not in reports["formation_energy"].message, "numbers are in meV/atom"


def test_one_gated_compound_is_enough_for_the_gate():
    found = alloy(7.0)
    found.compounds.insert(0, SimpleNamespace(gated=False))
    assert compound_gates(GATES, found)[0].ok is False


def test_gates_that_are_off_are_not_reported():
    assert compound_gates(CompoundGates(formation_energy=None, hull=False), alloy(99.0)) == ()


@pytest.fixture(scope="module")
def params(checkout: Path) -> Params:
    return read_params(checkout / "params.yaml")


@pytest.fixture
def validated(monkeypatch: pytest.MonkeyPatch, params: Params) -> Callable[..., ValidationReport]:
    """Validate two networks: one is right, the other errs by 1 meV/atom on FCC and by 3 on HCP."""
    true = Exact({FCC: -4.0, HCP: -3.9, BCC: -3.8})
    networks = Networks((true, Exact({FCC: -4.001, HCP: -3.897, BCC: -3.8})))

    def crystals(*structures: str) -> Configurations:
        cells = [build_crystal(s, 11.0 + 0.1 * k) for k, s in enumerate(structures)]
        numbers = [np.arange(len(c)) % 2 * 15 + 13 for c in cells]
        batch = Configurations.build([c.cell for c in cells], [c.positions for c in cells], numbers)
        return batch.with_labels(true.label(batch))

    def dataset(batch: Configurations, element: str = "Ni-Al") -> NamedDataset:
        return NamedDataset("ni-al", to_dataset(batch, attrs={"element": element}))

    def run(*, tested: bool = True, gates: GateSpec | None = None, element: str = "Ni-Al", **found: object):
        monkeypatch.setattr(alloys, "retrain", lambda *_, **__: networks)
        monkeypatch.setattr(alloys, "compare_alloy", lambda *_, **__: report(**found))
        spec = params.validate_.model_copy(update={"members": 2, "gates": gates or limits(0.002)})
        compounds = params.compounds.model_copy(update={"gates": GATES})
        plan = AlloyPlan(params.ani.recipe, None, (), compounds, seed=1)
        runs = [LabelledRun(phase, crystals(s), None) for phase, s in (("ordered", "fcc"), ("liquid", "hcp"))]
        holdout = dataset(crystals("fcc", "hcp"), element)
        subject = dataset(crystals("bcc", "bcc", "bcc"))
        return validate_alloy(subject, holdout if tested else None, runs if tested else [], spec, plan)

    return run


def limits(mae: float | None) -> GateSpec:
    return GateSpec(rank=True, ground_state=True, mae=mae, crystal_error=0.008)


GOOD = {
    "rank_ok": {"Al": (True, True), "Ni": (True, True)},
    "ground_state_ok": {"Al": (True, True), "Ni": (True, True)},
}


def test_an_alloy_within_all_limits_passes(validated):
    found = validated(**GOOD)
    assert found.passed, found.gates
    assert [g.name for g in found.gates] == ["rank", "ground_state", "mae", "crystal_error", "formation_energy", "hull"]
    assert (found.rank_ok, found.ground_state_ok, found.training_configurations) == (True, True, 3)
    assert found.mae_meV_per_atom == pytest.approx(1.0)
    assert [m.mae_meV_per_atom for m in found.members] == pytest.approx([0.0, 2.0], abs=1e-9)
    assert [m.member for m in found.members] == [0, 1]
    assert found.largest_crystal_error_meV == 7.0
    assert found.holdout == "ni-al"


@pytest.mark.parametrize(
    ("change", "failing"),
    [
        ({"rank_ok": {"Al": (True, True), "Ni": (True, False)}}, "rank"),
        ({"rank_ok": {"Al": (False, True), "Ni": (True, False)}}, "rank"),
        ({"ground_state_ok": {"Al": (True, False), "Ni": (True, True)}}, "ground_state"),
        ({"compounds": (compound(6.5, 0.0),)}, "formation_energy"),
        ({"missing": (("AlNi3 L1_2",), ())}, "hull"),
        ({"gates": limits(0.0009)}, "mae"),
        ({"crystals": {"Al": {"fcc": errors(-9.0, 0.0)}}}, "crystal_error"),
    ],
)
def test_one_network_that_errs_for_one_element_fails_its_gate_alone(validated, change, failing):
    found = validated(**(GOOD | change))
    assert [gate.name for gate in found.failed] == [failing]
    assert found.passed is False
    for name in ("rank_ok", "ground_state_ok"):
        counts = [all(ok[m] for ok in (GOOD | change)[name].values()) for m in range(2)]
        assert [getattr(m, name) for m in found.members] == counts
        assert getattr(found, name) is all(counts)
        gate = {gate.name: gate for gate in found.gates}[name.removesuffix("_ok")]
        assert gate.message.startswith(f"{sum(counts)} of 2 networks")


def test_an_alloy_without_a_holdout_has_no_error_and_one_of_other_elements_is_refused(validated):
    found = validated(tested=False, **GOOD)
    assert {gate.name: gate.ok for gate in found.gates}["mae"] is None
    assert found.passed
    assert (found.holdout, found.mae_meV_per_atom, found.members[0].mae_meV_per_atom) == (None, None, None)
    with pytest.raises(InputError, match="expected a holdout of Ni-Al, got one of Ni-Co"):
        validated(element="Ni-Co", **GOOD)
