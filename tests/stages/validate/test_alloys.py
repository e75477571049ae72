from types import SimpleNamespace

import pytest

from foundational.specs.compounds import CompoundGates
from foundational.stages.validate.alloys import compound_gates

GATES = CompoundGates(formation_energy=0.006, hull=True)


def alloy(error, hull_ok=(True, True), gated=True):
    return SimpleNamespace(formation_error=error, hull_ok=hull_ok, compounds=[SimpleNamespace(gated=gated)])


@pytest.mark.parametrize(
    ("found", "formation", "hull"),
    [
        (alloy(5.9), True, True),
        (alloy(6.1), False, True),
        (alloy(None), False, True),
        (alloy(0.0, gated=False), None, True),
        (alloy(5.9, (True, False)), True, False),
    ],
)
def test_compounds_pass_within_the_limits_of_every_network(found, formation, hull):
    reports = {report.name: report for report in compound_gates(GATES, found)}
    assert (reports["formation_energy"].ok, reports["hull"].ok) == (formation, hull)
    assert all(report.message for report in reports.values())


def test_gates_that_are_off_are_not_reported():
    assert compound_gates(CompoundGates(formation_energy=None, hull=False), alloy(99.0)) == ()
