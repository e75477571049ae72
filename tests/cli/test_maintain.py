"""Commands about the installation and the project: doctor, potentials."""

import json

import pytest


def test_doctor_finds_a_complete_installation(foundational, distilled_project):
    outcome = foundational("doctor", "--json", cwd=distilled_project)
    assert outcome.status == 0, outcome.out
    findings = json.loads(outcome.out)["findings"]
    assert all(finding["ok"] for finding in findings)
    assert all({"name", "ok", "message", "needed"} == set(finding) for finding in findings)
    assert [f["name"] for f in findings if not f["needed"]] == ["environment", "cache", "build"]


def test_doctor_outside_a_project_needs_only_what_reads_datasets(foundational, tmp_path):
    outcome = foundational("doctor", cwd=tmp_path)
    assert outcome.status == 0, outcome.out
    assert "ok    reading" in outcome.out
    assert "–     project      none here; list, show, check, pull, verify and cite work" in outcome.out
    assert " MB in " in outcome.out


def test_potentials_computes_crystals_and_types_none_in(foundational, distilled_project):
    listed = json.loads(
        foundational("potentials", "--element", "Nb", "--crystals", "--json", cwd=distilled_project).out
    )
    (entry,) = listed["potentials"]
    assert entry["id"] == "NiNb"
    assert entry["doi"] == "10.1063/1.4968212"
    crystals = entry["crystals"]["Nb"]
    assert crystals["bcc"]["energy_per_atom"] == pytest.approx(-7.3469, abs=2e-4)
    assert crystals["bcc"]["lattice_constant"] == pytest.approx(3.3024, abs=1e-3)
