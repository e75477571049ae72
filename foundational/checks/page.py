"""A report as one page for a browser: no script, no network, no other file."""

from collections.abc import Iterator
from html import escape

from foundational.checks.report import CheckReport, Finding, Status

_STYLE = """
:root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.45; }
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #8884; }
td:first-child { white-space: nowrap; font-weight: 600; }
.defect td:first-child { color: #c0232c; }
.warning td:first-child { color: #a56a00; }
.passed td:first-child { color: #1d7f3f; }
.none, .action { opacity: .75; }
summary { cursor: pointer; }
@media print { details > * { display: block; } }
"""
_ORDER: tuple[Status, ...] = ("defect", "warning", "passed", "not applicable")
_WORDS = {"defect": "defects", "warning": "warnings", "passed": "passed", "not applicable": "not applicable"}


def page(report: CheckReport, version: str) -> str:
    """The report in HTML: defects first, then warnings, all other rules, and the limits that were used.

    Parameters
    ----------
    version
        Of this package.
    """
    counts = {status: sum(f.status == status for f in report.findings) for status in _ORDER}
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>check of {escape(report.name)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>Check of {escape(report.name)}</h1>",
            f"<p>{report.n_configurations:,} configurations: "
            + ", ".join(f"{counts[status]} {_WORDS[status]}" for status in _ORDER)
            + "</p>",
            *_table([f for status in _ORDER for f in report.findings if f.status == status]),
            "<details><summary>Limits</summary><table>",
            *(
                f"<tr><td>{escape(name.replace('_', '-'))}</td><td>{value:g}</td></tr>"
                for name, value in report.limits.model_dump().items()
            ),
            "</table></details>",
            f"<p>foundational {escape(version)}. Configurations are counted from 0.</p>",
            "</body></html>",
            "",
        ]
    )


def _table(findings: list[Finding]) -> Iterator[str]:
    yield "<table><thead><tr><th>Status</th><th>Rule</th><th>Found</th></tr></thead><tbody>"
    for finding in findings:
        kind = "none" if finding.status == "not applicable" else finding.status
        action = f'<br><span class="action">{escape(finding.action)}</span>' if finding.action else ""
        yield (
            f'<tr class="{kind}"><td>{finding.status}</td><td>{escape(finding.rule)}</td>'
            f"<td>{escape(finding.message)}{action}</td></tr>"
        )
    yield "</tbody></table>"
