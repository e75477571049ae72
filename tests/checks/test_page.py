"""The page of a report needs nothing but itself, and says all that the report says."""

import re

from foundational.checks.limits import CheckLimits, project_limits
from foundational.checks.page import page
from foundational.checks.report import CheckReport, found, not_applicable, passed
from foundational.specs.params import read_params


def test_a_page_has_every_finding_and_needs_no_network_and_no_script():
    findings = (
        passed("finite", "finite numbers"),
        found("net force", "defect", "worst 3 < 4 & more", "see <docs>", [1, 2]),
        not_applicable("splits", "the set has one part"),
    )
    report = CheckReport(name="a & b.xyz", n_configurations=1200, findings=findings, limits=CheckLimits())
    text = page(report, "1.0")
    assert not re.search(r"<script|https?:|src=|@import|url\(", text)
    assert "worst 3 &lt; 4 &amp; more" in text
    assert "1,200 configurations: 1 defects, 0 warnings, 1 passed, 1 not applicable" in text
    assert text.index("net force") < text.index("finite") < text.index("splits")
    assert "<td>net-force</td><td>0.01</td>" in text


def test_limits_of_a_project_are_those_of_its_params(checkout, tmp_path):
    params = tmp_path / "params.yaml"
    params.write_text("seed: 1\ncheck:\n  net_force: 0.5  # eV/Å\n\nother: 2\n")
    assert project_limits(params) == CheckLimits(net_force=0.5)
    params.write_text("seed: 1\n")
    assert project_limits(params) == CheckLimits()
    assert read_params(checkout / "params.yaml").check == project_limits(checkout / "params.yaml") == CheckLimits()
