"""Commands about the installation and the project: doctor, potentials."""

import json


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
