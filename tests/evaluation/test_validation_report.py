"""The lines of a validation say which gate failed, which was not tested, and which crystal a network does not hold."""

from foundational.evaluation.validation_report import FullReport, GateReport, ReferenceReport
from tests.evaluation.alloys.test_report import report as alloy_report
from tests.validation_reports import report


def test_a_failed_gate_and_one_that_was_not_tested_are_told_apart():
    gates = tuple(GateReport(name=name, ok=ok, message=name) for name, ok in (("a", True), ("b", None), ("c", False)))
    found = report(energies={"fcc": -4.0}).model_copy(update={"gates": gates})
    assert [gate.name for gate in found.failed] == ["c"]
    assert list(found.lines())[-3:] == ["ok    a", "–     b", "FAIL  c"]


def test_a_crystal_without_a_minimum_has_no_numbers_and_is_no_zero():
    lines = list(report(energies={"fcc": -3.99, "bcc": None}, passed=False).lines())
    assert [line for line in lines if "BCC" in line] == [
        f"{m:<9}{'BCC':<11}no energy minimum near that of the reference" for m in (0, 1)
    ]
    assert all("-3.9900 (-4.0000)" in line and "+10.0 ✗" in line for line in lines if "FCC" in line)


def test_full_relaxations_have_a_column_where_one_was_made():
    found = report(energies={"fcc": -4.0, "bcc": -3.9})
    assert "full relaxation" not in str(found)
    full = FullReport(
        energy_per_atom=-3.99,
        reference_energy_per_atom=-4.0,
        nearest_neighbour_distance=2.5,
        structure="fcc",
        reference_structure="hcp",
        converged=True,
    )
    member = found.members[1]
    relaxed = member.structures["bcc"].model_copy(update={"full": full})
    member = member.model_copy(update={"structures": member.structures | {"bcc": relaxed}})
    lines = list(found.model_copy(update={"members": (found.members[0], member)}).lines())
    assert lines[0].endswith("40 configurations, 2 networks")
    assert lines[1].endswith("full relaxation")
    assert [line.split()[:2] for line in lines[2:6]] == [["0", "FCC"], ["0", "BCC"], ["1", "FCC"], ["1", "BCC"]]
    assert lines[5].endswith("+100.0 ✓ fcc -3.9900 (hcp -4.0000)")
    assert lines[4].endswith("✓")
    bare = found.model_copy(update={"members": tuple(m.model_copy(update={"structures": {}}) for m in found.members)})
    assert "structure" not in str(bare)


def test_errors_compounds_and_the_stored_reference_are_shown_where_there_are_any():
    plain = report(energies={"fcc": -4.0})
    assert "MAE" not in str(plain)
    reference = ReferenceReport(
        file="metrics/reference/al.json", sha256="0" * 64, labeller="gpaw", version="26.7", settings={}
    )
    full = plain.model_copy(
        update={
            "holdout": "ni-holdout",
            "mae_meV_per_atom": 0.125,
            "mae_shifted_meV_per_atom": 0.0625,
            "p99_meV_per_atom": 1.5,
            "force_mae_meV_per_A": 12.5,
            "alloy": alloy_report(),
            "reference": reference,
        }
    )
    text = str(full)
    assert "ni-holdout: MAE 0.12 meV/atom (0.06 without the mean error), p99 1.50, forces 12.5 meV/Å" in text
    assert "crystals and properties of the reference: metrics/reference/al.json, 26.7" in text
    assert "* compared with the gate of formation energies" in text
    assert (
        "forces"
        not in str(full.model_copy(update={"force_mae_meV_per_A": None})).partition("p99")[2].partition("\n")[0]
    )
