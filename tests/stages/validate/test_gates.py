from dataclasses import replace

import pytest

from foundational.evaluation.materials.comparison import _judged
from foundational.evaluation.materials.report import MaterialsReport
from foundational.specs.materials import PropertyLimit
from foundational.specs.validate import GateSpec
from foundational.stages.validate.gates import Findings, evaluate_gates, properties_gate

GATES = GateSpec(rank=True, ground_state=True, mae=0.002, crystal_error=0.02)
GOOD = Findings(members=5, rank_ok=5, ground_state_ok=5, mae=0.0019, crystal_error=0.0199)


def test_every_gate_passes_within_its_limit():
    reports = evaluate_gates(GATES, GOOD)
    assert [r.ok for r in reports] == [True] * 4
    assert reports[2].message.endswith("is 1.90 meV/atom, within the gate of 2")
    assert reports[3].message.endswith("is 19.90 meV/atom, within the gate of 20")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("rank", {"rank_ok": 4}),
        ("ground_state", {"ground_state_ok": 4}),
        ("mae", {"mae": 0.0021}),
        ("crystal_error", {"crystal_error": 0.0201}),
        ("crystal_error", {"crystal_error": None}),
    ],
)
def test_one_failure_fails_its_own_gate_alone(name, change):
    reports = evaluate_gates(GATES, replace(GOOD, **change))
    assert [r.name for r in reports if not r.ok] == [name]
    assert all(r.message for r in reports)


def test_without_a_holdout_the_error_is_not_tested():
    reports = {r.name: r for r in evaluate_gates(GATES, replace(GOOD, mae=None))}
    assert reports["mae"].ok is None


def test_a_gate_that_is_off_is_not_reported():
    off = GateSpec(rank=False, ground_state=False, mae=None, crystal_error=None)
    assert evaluate_gates(off, Findings(members=5, rank_ok=0, ground_state_ok=0, mae=99.0, crystal_error=99.0)) == ()


@pytest.mark.parametrize("change", [{"mae": 0.002}, {"crystal_error": 0.02}])
def test_an_error_at_its_limit_passes(change):
    assert all(r.ok for r in evaluate_gates(GATES, replace(GOOD, **change)))


@pytest.mark.parametrize("change", [{"mae": float("nan")}, {"crystal_error": float("nan")}])
def test_an_error_that_is_no_number_passes_no_gate(change):
    assert [r.ok for r in evaluate_gates(GATES, replace(GOOD, **change))].count(False) == 1


LIMIT = PropertyLimit(absolute=3)


@pytest.mark.parametrize(
    ("found", "limit", "ok", "message"),
    [
        ([103.0, 97.0], LIMIT, True, "1 of 1 numbers of properties are within their limits"),
        ([103.1, 103.1], LIMIT, False, "0 of 1 numbers of properties are within their limits; not: elastic C11"),
        ([90.0, 112.0], LIMIT, False, "0 of 1 numbers of properties are within their limits; not: elastic C11"),
        ([None, 100.0], LIMIT, False, "0 of 1 numbers of properties are within their limits; not: elastic C11"),
        ([200.0, 200.0], None, None, "properties: not tested (no number has a limit)"),
    ],
)
def test_the_gate_of_properties_passes_where_each_tested_number_is_within_its_limit(found, limit, ok, message):
    gate = properties_gate(MaterialsReport(numbers=(_judged("elastic", "C11", 100.0, found, limit),)))
    assert (gate.name, gate.ok, gate.message) == ("properties", ok, message)


def test_each_number_with_a_limit_counts_in_the_gate_of_properties():
    judged = [
        _judged("elastic", name, 100.0, [value], limit)
        for name, value, limit in (
            ("C11", 101.0, LIMIT),
            ("C12", 110.0, LIMIT),
            ("C44", 99.0, LIMIT),
            ("B", 200.0, None),
            ("G", 90.0, LIMIT),
        )
    ]
    gate = properties_gate(MaterialsReport(numbers=tuple(judged)))
    assert gate.ok is False
    assert gate.message == "2 of 4 numbers of properties are within their limits; not: elastic C12, elastic G"
